"""python -m spark_app VERB: hands over to the command line."""

from spark_app.cli import main

if __name__ == "__main__":
    main()
