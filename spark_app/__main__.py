"""python -m spark_app VERB: hands over to the command line."""

import sys

if __name__ == "__main__":
    try:
        from spark_app.cli import main
    except KeyboardInterrupt:
        # Nothing was begun yet.
        sys.exit(130)
    main()
