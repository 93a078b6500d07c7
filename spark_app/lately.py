"""Wiring of what is asked of a stretch of time: a range and the event table in, rows and files of `results/` out.

These files are of the event table and of no generation: each is replaced whole, beside those that metrics.json is of.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from spark_app import exports, interactions, schemas, store, trending
from spark_app.frames.held import hold, released
from spark_app.settings import Settings
from spark_app.storage import table_copies, tables
from spark_app.timeline import activity, event_files, matches, recency, rising, said, spans, trends
from spark_app.timeline.activity import Activity
from spark_app.timeline.spans import Range
from spark_app.timeline.trends import Trend

TRENDING, TRENDING_BUCKETS = "trending.csv", "trending_buckets.csv"
TOP = 20
# Times of files lag behind the clock by a tick of the kernel.
_TICK = 0.01
_NOTHING = "there are no events yet; ingest some first"


class NoEventsError(RuntimeError):
    """The event table is empty."""


class Asked(NamedTuple):
    """A range of the event table as it was at a version, and the time (of files) before that was looked up."""

    range: Range
    version: int
    begun: float


def asked(settings: Settings, begin: str | None = None, end: str | None = None, last: str | None = None) -> Asked:
    """The range that is meant, of the table as it is now. NoEventsError, or WrongRangeError in words."""
    begun = time.time() - _TICK
    if not tables.exists(settings, tables.EVENTS):
        raise NoEventsError(_NOTHING)
    table = tables.opened(settings, tables.EVENTS)
    if (held := event_files.extent(table)) is None:
        raise NoEventsError(_NOTHING)
    return Asked(spans.asked(begin, end, last, held), table.version(), begun)


def answered(
    spark: Callable[[], SparkSession],
    settings: Settings,
    kinds: Sequence[str],
    top: int,
    begin: str | None = None,
    end: str | None = None,
    last: str | None = None,
    among: pa.Array | None = None,
) -> tuple[Asked, list[Trend]]:
    """The range that is meant, and what is rising in it, of all or of some users.

    Asked again where files are removed meanwhile.
    """

    def once() -> tuple[Asked, list[Trend]]:
        of = asked(settings, begin, end, last)
        return of, rise(spark, settings, of, kinds, top, among)

    return tables.read_again(settings, once)


def rise(
    spark: Callable[[], SparkSession], settings: Settings, of: Asked, kinds: Sequence[str], top: int,
    among: pa.Array | None = None,
) -> list[Trend]:  # fmt: skip
    """What is rising, kind by kind; Spark is started for a range of more events than one process should count."""
    tables.ensure_whole(settings, tables.EVENTS, of.version)
    table = tables.opened(settings, tables.EVENTS, of.version)
    if (number := event_files.number(table, of.range.read)) > event_files.ALONE:
        events = store.read(spark(), settings, tables.EVENTS, of.version)
        return by_spark(events, of.range, kinds, top, settings.weights, number=number, among=among)
    table = table_copies.brought(settings, tables.EVENTS, table)
    seen = activity.read(table, of.range, recency.turning(settings.weights), among=among)
    return alone(seen, of.range, kinds, top)


def _of(events: DataFrame, among: pa.Array | None) -> DataFrame:
    """The events of some users."""
    if among is None:
        return events
    return events.join(events.sparkSession.createDataFrame(pa.table({"user": among})), "user", "left_semi")


def alone(seen: Activity, range_: Range, kinds: Sequence[str], top: int) -> list[Trend]:
    """By this process, the kinds side by side."""
    with ThreadPoolExecutor(len(kinds)) as threads:
        found = threads.map(lambda kind: trends.of(seen, range_, kind, top), kinds)
        return [one for some in found for one in some]


def by_spark(
    events: DataFrame, range_: Range, kinds: Sequence[str], top: int, weights: Mapping[str, float], *,
    number: int = 0, among: pa.Array | None = None,
) -> list[Trend]:  # fmt: skip
    """The same by the stage, of so many events in the range; what products are is said by everyone's events."""
    with released():
        details = interactions.product_details(events, said.DETAILS).transform(hold)
        counted = trending.counted(_of(events, among), details, range_, kinds, weights, number=number).transform(hold)
        best = trending.best(counted, details, range_, kinds, top).transform(hold)
        series: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for row in trending.buckets(counted, best, range_).orderBy("kind", "key", "bucket_start").collect():
            series.setdefault((row["kind"], row["key"]), []).append((row["total"], row["users"]))
        rows = sorted(best.drop("from", "to").collect(), key=lambda row: (kinds.index(row["kind"]), row["rank"]))
        return [Trend(*row, *map(list, zip(*series[row["kind"], row["key"]], strict=True))) for row in rows]


def write(settings: Settings, of: Asked, found: Sequence[Trend]) -> None:
    """Replace both files in the results folder."""
    settings.results_dir.mkdir(parents=True, exist_ok=True)
    since, until = map(spans.moment, of.range.asked)
    starts = [*map(spans.moment, of.range.starts)]
    rows = [(*one[:-2], since, until) for one in found]
    buckets = [(one.kind, one.key, *row) for one in found for row in zip(starts, one.totals, one.by_users, strict=True)]
    _write(settings, TRENDING_BUCKETS, schemas.TRENDING_BUCKET, buckets)
    _write(settings, TRENDING, schemas.TRENDING, rows)
    date(settings, of, TRENDING)


def _write(settings: Settings, name: str, ddl: str, rows: Sequence[Sequence[object]]) -> None:
    exports.write_rows(rows, schemas.names(ddl), settings.results_dir / name, parts=settings.export_parts)


def date(settings: Settings, of: Asked, name: str) -> None:
    """Date a file of the results that was just written by when it was asked for, if the event table has grown since.

    It is newer than the event that it lacks, and would be current; not older still, or its last picture would be.
    """
    if tables.version(settings) != of.version:
        os.utime(settings.results_dir / name, (of.begun, of.begun))


def is_current(settings: Settings, name: str = TRENDING) -> bool:
    """Whether a file of the results is there and not older than what was last written to the event table."""
    file, written_at = settings.results_dir / name, tables.written_at(settings, tables.EVENTS)
    return file.exists() and written_at is not None and file.stat().st_mtime >= written_at


class Late:
    """What is rising of late, all kinds of it: found once, when it is first asked for, and the same for all who ask."""

    def __init__(self, spark: Callable[[], SparkSession], settings: Settings) -> None:
        self._spark, self._settings = spark, settings

    @cached_property
    def found(self) -> tuple[Asked, list[Trend]]:
        """Of each kind as many as are looked through for users. NoEventsError, DamagedError."""
        return answered(self._spark, self._settings, rising.KINDS, matches.MOST)

    def prepare(self) -> None:
        """Find it now, before others are kept waiting; where it cannot be found, who asks is told."""
        with suppress(NoEventsError, tables.DamagedError):
            _ = self.found

    def date(self, name: str) -> None:
        """Date a file that was just made of it, where it was found, as `date` does."""
        if "found" in vars(self):
            date(self._settings, self.found[0], name)

    def write(self) -> str:
        """Write the first ones; gives what there is to say."""
        of, rows = self.found
        first = [one for one in rows if one.rank <= TOP]
        write(self._settings, of, first)
        return f"{len(first)} rising, {in_words(of.range)}"


def in_words(range_: Range) -> str:
    """2026-10-24T00:00:00Z to 2026-10-31T00:00:00Z, compared with 4 such stretches before."""
    since, until = map(spans.text, range_.asked)
    if range_.later != range_.held:
        return f"{since} to {until}, its later part compared with its earlier one"
    turns = len(range_.earlier)
    return f"{since} to {until}, compared with {turns} such stretch{'es' if turns > 1 else ''} before"
