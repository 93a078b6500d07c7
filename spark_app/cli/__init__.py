"""The command line: verbs in, sentences and exit codes out.

0 done, 1 failed, 2 wrong usage, 3 not enough data. An error is one line; its whole story is in the log.
"""

import signal
import sys
from types import FrameType
from typing import NoReturn

import structlog
import typer

from spark_app import logs, progress
from spark_app.cli import check, show, state, work
from spark_app.generations import NoGenerationError
from spark_app.graph import GraphError
from spark_app.ingestion import IntakeError
from spark_app.java import NoJavaError
from spark_app.pipeline import DrawError
from spark_app.session import NoSparkError
from spark_app.settings import WrongSettingError
from spark_app.topic import TopicError

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130
_IN_WORDS = (
    NoJavaError, NoSparkError, IntakeError, NoGenerationError, DrawError, GraphError, TopicError, OSError,
)  # fmt: skip

app = typer.Typer(
    help="Millstream: from sales events to recommendations, a graph, CSV files and pictures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
work.add_to(app)
show.add_to(app)
state.add_to(app)
check.add_to(app)


def main() -> NoReturn:
    """Run the verb and leave with its exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    logs.silence()
    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        progress.warn("stopped; what was taken is kept, and the same command goes on from there")
        sys.exit(INTERRUPTED)
    except WrongSettingError as error:
        _fail(error, WRONG_USAGE)
    except _IN_WORDS as error:
        _fail(error, FAILED)
    except Exception as error:  # noqa: BLE001 - the last resort: one line here, the rest in the log
        structlog.get_logger().error("failed", exc_info=error)
        lines = [line for line in str(error).splitlines() if line.strip()] or ["no message"]
        _fail(RuntimeError(f"{type(error).__name__}: {lines[0][:300]} (see data/logs)"), FAILED)
    sys.exit(0)


def _fail(error: Exception, code: int) -> NoReturn:
    progress.errors.print(f"error: {error}", markup=False)
    structlog.get_logger().info("ended", error=str(error), code=code)
    sys.exit(code)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
