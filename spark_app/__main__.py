"""python -m spark_app VERB: hands over to the command line."""

import sys

if __name__ == "__main__":
    try:
        if sys.argv[1:2] == ["serve"]:
            from spark_app.serving.verb import main
        elif sys.argv[1:2] == ["web"]:
            from spark_app.web.verb import main
        else:
            from spark_app.cli.entry import main
    except KeyboardInterrupt:
        # Nothing was begun yet.
        sys.exit(130)
    main()
