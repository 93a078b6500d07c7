"""What a verb works in: its log, its locks, and Spark from the moment that it is needed."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

from spark_app import locks, pipeline, session
from spark_app.running import failpoints, logs, progress
from spark_app.settings import Settings


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
