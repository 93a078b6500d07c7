"""What a verb works in: its log, its locks, and Spark from the moment that it is needed."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from pyspark.sql import SparkSession

from spark_app import generations, locks, pipeline, session, status
from spark_app.cli import summary
from spark_app.generations import Generation
from spark_app.running import failpoints, logs, progress
from spark_app.settings import Settings
from spark_app.storage import tables

TOO_LITTLE = 3


@contextmanager
def working(
    settings: Settings,
    verb: str,
    *,
    verbose: bool = False,
    holding: tuple[str, ...] = (),
    hidden: str | None = None,
) -> Iterator[Callable[[], SparkSession]]:
    """A log, locks, fail points, and a function that starts Spark at its first call; Spark is stopped at the end.

    The log does not say the argument `hidden`. Who holds the lock of ingestion first carries to its end what was cut
    short before. LockedError in words.
    """
    logs.start(settings, verb, verbose=verbose, hidden=hidden)
    failpoints.arm(settings)
    started: list[SparkSession] = []

    @functools.cache
    def spark() -> SparkSession:
        with progress.phase("start") as step:
            started.append(session.start(settings))
            step.say(f"Spark {started[0].version} on {settings.spark.master}")
        return started[0]

    with locks.all_held(settings, holding, verb):
        try:
            if locks.INGEST in holding:
                pipeline.recover(spark, settings)
            yield spark
        finally:
            for one in started:
                session.stop(one)


@contextmanager
def or_too_little(*errors: type[Exception]) -> Iterator[None]:
    """Leave with code 3, and what these errors say, where there is too little to work on."""
    try:
        yield
    except errors as error:
        progress.console.print(str(error), markup=False)
        raise typer.Exit(TOO_LITTLE) from None


def ensure_events(settings: Settings, words: str = "there are no events yet; ingest some first") -> None:
    """Leave with code 3 and these words while the event table is empty."""
    if not tables.rows(settings, tables.EVENTS):
        progress.console.print(words, markup=False)
        raise typer.Exit(TOO_LITTLE)


def published(settings: Settings) -> Generation:
    """The published generation; leaves with code 3 and what comes first when there is none."""
    found = generations.published(settings)
    if found is None:
        progress.console.print(
            f"nothing is published yet: {summary.due_in_words(status.due(settings))}; "
            "`make run`, or `python -m spark_app run --input PATH`, comes first",
            markup=False,
        )
        raise typer.Exit(TOO_LITTLE)
    return found
