"""How things stand, from the tables, the generations and the broker, without Spark: one object of plain values."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from spark_app import generations, locks
from spark_app.generations import Generation
from spark_app.intake import offered, topic
from spark_app.settings import Settings
from spark_app.storage import arrivals, ledger
from spark_app.storage.ledger import Batch, Counts

# The rate is that of the last minutes in which it was taken in.
RATE_OVER = timedelta(minutes=10)
SHOWN_BATCHES = 5
# Records or files that wait, or why that is not known.
Lag = dict[str, Any]


class Due(NamedTuple):
    """Whether there is enough that is new: accepted events since the newest generation that was tried."""

    new: int
    threshold: int
    first: bool

    @property
    def missing(self) -> int:
        """Events that have still to come."""
        return max(self.threshold - self.new, 0)


def due(settings: Settings, counts: Counts | None = None) -> Due:
    """Counted from the tables, so that a restart forgets nothing; `counts` are the ledger's, where they are at hand."""
    newest = generations.newest(settings)
    tried = newest.manifest["events"]["accepted"] if newest else 0
    return Due((counts or ledger.counts(settings)).accepted - tried, settings.train_threshold, newest is None)


def lag(settings: Settings) -> Lag:
    """Records of the topic, or files of the inbox, that are there and were not taken; or why that is not known.

    It reads files that are new, and waits some seconds for a broker that is away.
    """
    if settings.source == "files":
        inbox = settings.data_dir / "inbox"
        if settings.place(inbox):
            return {"files": arrivals.waiting(settings, inbox), "refused": 0}
        waiting = offered.waiting(settings, inbox) if inbox.exists() else None
        return {"files": len(waiting.good) if waiting else 0, "refused": len(waiting.refused) if waiting else 0}
    taken = ledger.next_positions(settings, settings.kafka.source)
    try:
        there = topic.offsets(settings.kafka)
    except topic.TopicError as error:
        return {"records": None, "reason": str(error)}
    behind = {name: end - max(taken.get(str(name), 0), earliest) for name, (earliest, end) in there.items()}
    return {"records": sum(behind.values()), "partitions": {str(name): number for name, number in behind.items()}}


def found(
    settings: Settings, now: datetime | None = None, lag: Callable[[Settings], Lag | None] = lag
) -> dict[str, Any]:
    """Everything that `status` shows; times are ISO-8601 in UTC, rates are events per second."""
    now = now or datetime.now(UTC)
    counts, published = ledger.counts(settings), generations.published(settings)
    coming = due(settings, counts)
    batches = ledger.batches(settings, now - RATE_OVER, least=SHOWN_BATCHES)
    rate = _rate(batches, now)
    holders = {name: locks.holder(settings, name) for name in (locks.INGEST, locks.TRAIN)}
    return {
        "data": settings.told(settings.data_dir),
        **counts._asdict(),
        "new_since_last_training": coming.new,
        "train_threshold": coming.threshold,
        "missing": coming.missing,
        "events_per_second": rate,
        "seconds_to_threshold": round(coming.missing / rate) if rate else None,
        "lag": lag(settings),
        "last_batches": [_described(batch) for batch in batches[:SHOWN_BATCHES]],
        "generations": len(generations.listed(settings)),
        "published": published.id if published else None,
        "published_age_seconds": _age(published, now),
        "held": bool(generations.held(settings)),
        "results": generations.published_in(settings.results_dir, settings.place(settings.results_dir)),
        # While somebody takes in, what is not counted yet is on its way.
        "cut_short": not holders[locks.INGEST] and ledger.is_cut_short(settings, counts),
        "running": [str(holder) for holder in holders.values() if holder],
    }


def _rate(batches: list[Batch], now: datetime) -> float:
    """Accepted events a second over the last minutes, from the first batch in them on."""
    recent = [batch for batch in batches if batch.taken_at >= now - RATE_OVER]
    if not recent:
        return 0.0
    seconds = max((now - recent[-1].taken_at).total_seconds(), 1.0)
    return round(sum(batch.counts.accepted for batch in recent) / seconds, 3)


def _described(batch: Batch) -> dict[str, Any]:
    taken_at = batch.taken_at.isoformat(timespec="milliseconds")
    return {"taken_at": taken_at, "source": batch.source, "partitions": batch.partitions, **batch.counts._asdict()}


def _age(published: Generation | None, now: datetime) -> int | None:
    if published is None:
        return None
    return round((now - published.made_at).total_seconds())
