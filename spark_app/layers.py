"""Wiring of the count by layers, without Spark: what the batch view and the speed view took of each day, side by side.

The batch view is the published generation, made from one version of the event table; the speed view is what following
the table from there on has found, as the API does it. Together they have to be what the table holds now.
"""

from collections import Counter
from datetime import date
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from spark_app import generations
from spark_app.serving.fresh import Fresh
from spark_app.serving.tail import Tail
from spark_app.settings import Settings
from spark_app.storage import ledger, tables
from spark_app.storage.ledger import Counts
from spark_app.storage.tables import EVENTS
from spark_app.timeline import spans


class Day(NamedTuple):
    """Events that happened on one day: in the table now, in the batch view, in the speed view."""

    day: date
    table: int
    batch: int
    speed: int

    @property
    def agrees(self) -> bool:
        """Whether each event of the day is in one of the views, and in one alone."""
        return self.table == self.batch + self.speed


class Layers(NamedTuple):
    """The views of all days in order; `counts` are those of the ledger, and `versions` the batch view's and the newest.

    `generation` is None before the first: all is in the speed view then. `dropped` were let go for want of room, and
    `fault` says why the table cannot be followed, empty when it can.
    """

    generation: str | None
    versions: tuple[int, int]
    counts: Counts
    days: list[Day]
    dropped: int
    fault: str

    @property
    def whole(self) -> tuple[int, int, int]:
        """(table, batch, speed) over all days."""
        table, batch, speed = (sum(numbers) for numbers in list(zip(*self.days, strict=True))[1:] or [()] * 3)
        return table, batch, speed

    @property
    def agrees(self) -> bool:
        """Whether every day does."""
        return not self.fault and all(day.agrees for day in self.days)


def found(settings: Settings) -> Layers:
    """As things are now. DamagedError where the version that the generation was made from cannot be read any more."""
    published = generations.published(settings)
    made_from = int(published.manifest["events_version"]) if published else -1
    return between(settings, made_from)._replace(generation=published and published.id)


def between(settings: Settings, made_from: int) -> Layers:
    """With a batch view made from this version of the event table, -1 for none."""
    fresh = Fresh()
    tail = Tail(settings, fresh)
    tail.catch_up(made_from)
    batch, speed = _by_day(settings, made_from), _held(fresh)
    # What comes in meanwhile is in neither: the table is looked at as it was followed.
    table = _by_day(settings, tail.version)
    days = [Day(day, table[day], batch[day], speed[day]) for day in sorted(table | batch | speed)]
    versions = (made_from, tail.version)
    return Layers(None, versions, ledger.counts(settings), days, fresh.counts().dropped, tail.fault)


def _by_day(settings: Settings, version: int) -> Counter[date]:
    """Events of a version of the table, by the day on which they happened."""
    if version < 0:
        return Counter()
    tables.ensure_whole(settings, EVENTS, version)
    table = tables.opened(settings, EVENTS, version)
    counted = Counter[date]()
    for some in table.to_pyarrow_dataset().to_batches(columns=["occurred_at"]):
        days = pc.value_counts(some.column("occurred_at").cast(pa.date32()))
        counted.update({one["values"]: one["counts"] for one in days.to_pylist()})
    return counted


def _held(fresh: Fresh) -> Counter[date]:
    times = (event.occurred_at for user in fresh.users() for event in fresh.of(user))
    return Counter(spans.moment(at).date() for at in times)
