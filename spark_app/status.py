"""How things stand, from the tables, the generations and the broker, without Spark: one object of plain values."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from spark_app import generations, ledger, locks, offered, topic
from spark_app.generations import Generation
from spark_app.ledger import Batch
from spark_app.settings import Settings

# The rate is that of the last minutes in which it was taken in.
RATE_OVER = timedelta(minutes=10)
SHOWN_BATCHES = 5
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class Due(NamedTuple):
    """Whether there is enough that is new: accepted events since the newest generation that was tried."""

    new: int
    threshold: int
    first: bool

    @property
    def missing(self) -> int:
        """Events that have still to come."""
        return max(self.threshold - self.new, 0)


def due(settings: Settings) -> Due:
    """Counted from the tables, so that a restart forgets nothing."""
    newest = generations.newest(settings)
    tried = newest.manifest["events"]["accepted"] if newest else 0
    return Due(ledger.counts(settings).accepted - tried, settings.train_threshold, newest is None)


def found(settings: Settings, now: datetime | None = None) -> dict[str, Any]:
    """Everything that `status` shows; times are ISO-8601 in UTC, rates are events per second."""
    now = now or datetime.now(UTC)
    counts, next_, published = ledger.counts(settings), due(settings), generations.published(settings)
    batches = ledger.batches(settings, _EVER)
    rate = _rate(batches, now)
    return {
        "data": str(settings.data_dir),
        **counts._asdict(),
        "new_since_last_training": next_.new,
        "train_threshold": next_.threshold,
        "missing": next_.missing,
        "events_per_second": rate,
        "seconds_to_threshold": round(next_.missing / rate) if rate else None,
        "lag": _lag(settings),
        "last_batches": [_described(batch) for batch in batches[:SHOWN_BATCHES]],
        "generations": len(generations.listed(settings)),
        "published": published.id if published else None,
        "published_age_seconds": _age(published, now),
        "held": bool(generations.held(settings)),
        "results": generations.published_in(settings.results_dir),
        "cut_short": ledger.is_cut_short(settings),
        "running": [str(one) for name in (locks.INGEST, locks.TRAIN) if (one := locks.holder(settings, name))],
    }


def _rate(batches: list[Batch], now: datetime) -> float:
    """Accepted events a second over the last minutes, from the first batch in them on."""
    recent = [batch for batch in batches if batch.taken_at >= now - RATE_OVER]
    if not recent:
        return 0.0
    seconds = max((now - recent[-1].taken_at).total_seconds(), 1.0)
    return round(sum(batch.counts.accepted for batch in recent) / seconds, 3)


def _lag(settings: Settings) -> dict[str, Any]:
    """Records of the topic, or files of the inbox, that are there and were not taken; or why that is not known."""
    if settings.source == "files":
        inbox = settings.data_dir / "inbox"
        waiting = offered.waiting(settings, inbox) if inbox.exists() else None
        return {"files": len(waiting.good) if waiting else 0, "refused": len(waiting.refused) if waiting else 0}
    taken = ledger.next_positions(settings, settings.kafka.source)
    try:
        there = topic.offsets(settings.kafka)
    except topic.TopicError as error:
        return {"records": None, "reason": str(error)}
    behind = {name: end - max(taken.get(str(name), 0), earliest) for name, (earliest, end) in there.items()}
    return {"records": sum(behind.values()), "partitions": {str(name): number for name, number in behind.items()}}


def _described(batch: Batch) -> dict[str, Any]:
    taken_at = batch.taken_at.isoformat(timespec="milliseconds")
    return {"taken_at": taken_at, "source": batch.source, "partitions": batch.partitions, **batch.counts._asdict()}


def _age(published: Generation | None, now: datetime) -> int | None:
    if published is None:
        return None
    return round((now - published.made_at).total_seconds())
