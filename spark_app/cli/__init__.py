"""The command line: verbs in, sentences and exit codes out.

0 done, 1 failed, 2 wrong usage, 3 not enough data. An error is one line; its whole story is in the log.
"""

import sys
from typing import NoReturn

import typer

from spark_app.cli import (
    check,
    forgetting,
    generation,
    interested,
    interrupt,
    keep,
    layered,
    recents,
    rejected,
    segmented,
    serving,
    show,
    state,
    trending,
    tuning,
    work,
)
from spark_app.explaining import UnknownIdError
from spark_app.forgetting.run import ForgetError
from spark_app.generations import NoGenerationError, NotRebuildableError, UnsoundError
from spark_app.graph import GraphError
from spark_app.ingestion import IntakeError
from spark_app.intake.topic import TopicError
from spark_app.layouts import UnknownHeaderError
from spark_app.locks import LockedError
from spark_app.models.implicit import NoLibraryError
from spark_app.pipeline import DrawError
from spark_app.quarantine import QuarantineError
from spark_app.retention import RetentionError
from spark_app.running import endings, logs, progress
from spark_app.running.endings import NotInstalledError
from spark_app.running.java import NoJavaError
from spark_app.running.preflight import TooLargeError
from spark_app.session import NoSparkError
from spark_app.settings import WrongSettingError
from spark_app.shop_rules import WrongRulesError
from spark_app.storage.archive import WrongDumpError
from spark_app.storage.checkpoints import CheckpointError
from spark_app.storage.tables import DamagedError
from spark_app.store import MostlyRejectedError
from spark_app.timeline.spans import WrongRangeError

_IN_WORDS = (
    NoJavaError, NoSparkError, IntakeError, MostlyRejectedError, CheckpointError, UnknownHeaderError, TopicError,
    DamagedError, LockedError, NoGenerationError, UnsoundError, QuarantineError, RetentionError, GraphError, DrawError,
    UnknownIdError, ForgetError, NotRebuildableError, NoLibraryError, TooLargeError, NotInstalledError, OSError,
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
keep.add_to(app)
forgetting.add_to(app)
trending.add_to(app)
segmented.add_to(app)
interested.add_to(app)
tuning.add_to(app)
recents.add_to(app)
layered.add_to(app)
serving.add_to(app)
app.add_typer(generation.app, name="generations")
app.add_typer(rejected.app, name="quarantine")


def main() -> NoReturn:
    """Run the verb and leave with its exit code."""
    interrupt.install()
    logs.silence()
    try:
        app(standalone_mode=True)
    except SystemExit as end:
        # Typer makes this of a KeyboardInterrupt, without a word.
        if end.code == endings.INTERRUPTED:
            _stopped()
        raise
    except Exception as error:  # noqa: BLE001 - the last resort: one line here, the rest in the log
        _explain(error)
    sys.exit(0)


def _explain(error: Exception) -> NoReturn:
    if interrupt.came():
        _stopped()
    if isinstance(error, (WrongSettingError, WrongRulesError, WrongRangeError, WrongDumpError)):
        endings.fail(error, endings.WRONG_USAGE)
    if isinstance(error, _IN_WORDS):
        endings.fail(error, endings.FAILED)
    endings.fail_unexpectedly(error)


def _stopped() -> NoReturn:
    progress.warn("stopped; what was taken is kept, and the same command goes on from there")
    sys.exit(endings.INTERRUPTED)
