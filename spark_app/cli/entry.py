"""Where the command line begins and ends: the verb is run, and whatever it ends with is an exit code."""

import sys
from typing import NoReturn

from spark_app.cli import interrupt, verbs
from spark_app.running import endings, logs, progress


def main() -> NoReturn:
    """Run the verb and leave with its exit code."""
    interrupt.install()
    logs.silence()
    try:
        verbs.line(*sys.argv[1:2])(standalone_mode=True)
    except SystemExit as end:
        # Typer makes this of a KeyboardInterrupt, without a word.
        if end.code == endings.INTERRUPTED:
            _stopped()
        raise
    except Exception as error:  # noqa: BLE001 - the last resort: one line here, the rest in the log
        if interrupt.came():
            _stopped()
        endings.leave(error)
    sys.exit(0)


def _stopped() -> NoReturn:
    progress.warn("stopped; what was taken is kept, and the same command goes on from there")
    sys.exit(endings.INTERRUPTED)
