"""What the verbs do under --follow: for ever, until Ctrl-C or SIGTERM, which end it within half a minute."""

import functools
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from types import FrameType

from pyspark.sql import SparkSession

from spark_app import following, generations, ingestion, locks, pipeline, retention, status, store
from spark_app.cli import outcome, summary
from spark_app.generations import Generation
from spark_app.ingestion import Inlet, Intake
from spark_app.lately import Late, NoEventsError
from spark_app.running import progress
from spark_app.settings import Settings
from spark_app.storage import arrivals

REPORTS_EVERY = 10.0


def run(spark: SparkSession, settings: Settings, paths: Sequence[Path], seen: ingestion.Seen | None) -> None:
    """Take in, and train beside it whenever enough is new; results and pictures follow each generation.

    What is rising is renewed meanwhile as the event table grows. Once a day, between two trainings and two batches,
    what is old goes as `retention` has it.
    """
    intake = Intake()
    if generations.published(settings) is not None:
        outcome.bring_up_to_date(lambda: spark, settings)
    with _until_told() as stop:
        shown, tidied = functools.partial(_show, spark, settings), functools.partial(_tidy, settings, intake.memory)
        training = following.beside(spark, settings, stop, shown, tidied)
        renewing = following.renewing(spark, settings, stop, functools.partial(_renew, spark, settings))
        try:
            _take_in(spark, settings, paths, seen, stop, intake)
        finally:
            stop.set()
            following.end(spark, training, renewing)


def ingest(spark: SparkSession, settings: Settings, paths: Sequence[Path], seen: ingestion.Seen | None) -> None:
    """Only take in."""
    with _until_told() as stop:
        _take_in(spark, settings, paths, seen, stop, Intake())


def train(spark: SparkSession, settings: Settings) -> None:
    """Only train, on what another process takes in."""
    progress.note(f"waiting for events: {summary.due_in_words(status.due(settings))}")
    with _until_told() as stop:
        training = following.beside(spark, settings, stop, functools.partial(_show, spark, settings))
        renewing = following.renewing(spark, settings, stop, functools.partial(_renew, spark, settings))
        stop.wait()
        following.end(spark, training, renewing)


def _tidy(settings: Settings, memory: store.Memory) -> None:
    """Retention between two batches, unless something is made of users all the while: it reads the table as it was."""
    try:
        with locks.all_held(settings, locks.OF_USERS, "run", wait=outcome.PATIENCE), memory.turn:
            retention.run(settings, progress.note)
    except locks.LockedError as error:
        progress.note(f"retention waits for its next turn, a day from now: {error}")


def _take_in(
    spark: SparkSession,
    settings: Settings,
    paths: Sequence[Path],
    seen: ingestion.Seen | None,
    stop: Event,
    intake: Intake,
) -> None:
    inlets = _inlets(spark, settings, paths, intake, seen)
    progress.note(f"following {', '.join(inlet.name for inlet in inlets)}; Ctrl-C ends it, and it can be resumed")
    report = _Report(settings, intake)
    arriving = arrivals.Following(settings, paths)

    def beat() -> None:
        arriving.beat()
        report.beat()

    following.ingest(spark, settings, inlets, stop, progress.warn, beat)
    report.tell()


def _inlets(
    spark: SparkSession, settings: Settings, paths: Sequence[Path], intake: Intake, seen: ingestion.Seen | None
) -> list[Inlet]:
    if settings.source == "kafka":
        return [ingestion.topic(spark, settings, intake, seen)]
    return [ingestion.files(spark, settings, path, intake, seen) for path in paths]


def _show(spark: SparkSession, settings: Settings, generation: Generation) -> None:
    """Bring results and pictures to a generation that was just made, or say why it was not published."""
    if generation.metrics["published"]:
        late = Late(lambda: spark, settings)
        outcome.export(spark, settings, late)
        outcome.trending(lambda: spark, settings, late)
        outcome.draw(settings)
        progress.note(f"generation {generation.id} is published")
    else:
        progress.warn(f"generation {generation.id} was not published: {generation.metrics['reason']}")
    outcome.track(settings, generation)


def _renew(spark: SparkSession, settings: Settings) -> None:
    """What is rising, and for the users of the published generation if there is one; and its picture."""
    with suppress(NoEventsError):
        outcome.trending(lambda: spark, settings)
    if pipeline.TRENDING_PICTURE in pipeline.outdated(settings):
        outcome.draw(settings, "trending")


class _Report:
    """One line now and then of what was taken, while something is."""

    def __init__(self, settings: Settings, intake: Intake) -> None:
        self.settings = settings
        self.intake = intake
        self.read = self.refused = 0
        self.told_at = time.monotonic()

    def beat(self) -> None:
        """Called often; tells when it is time to, and of a refused file at once."""
        if time.monotonic() - self.told_at >= REPORTS_EVERY or len(self.intake.refused) > self.refused:
            self.tell()

    def tell(self) -> None:
        """One line if anything was taken since the last one, and one for each file that was refused."""
        new, seconds = self.intake.read - self.read, time.monotonic() - self.told_at
        summary.warn_of_refused(self.intake.refused[self.refused :])
        if new:
            due = summary.due_in_words(status.due(self.settings))
            progress.note(f"{new:,} taken, {new / seconds:,.0f}/s; {summary.taken(self.intake)}; {due}")
        self.read, self.refused, self.told_at = self.intake.read, len(self.intake.refused), time.monotonic()


@contextmanager
def _until_told() -> Iterator[Event]:
    """An event that SIGTERM and SIGINT set; a second signal does not wait."""
    stop = Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield stop
        progress.note("stopped; what was taken is kept, and the same command goes on from there")
    finally:
        stop.set()
        for number, handler in before.items():
            signal.signal(number, handler)
