"""What is rising, for whoever asks: found from the event table, one question at a time, and remembered by its version.

Where the table grows all the while, an answer stands for a time that is long beside what it took to find.
"""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from typing import Any, NamedTuple

import pyarrow as pa
from deltalake import DeltaTable

from spark_app.segmentation import Features
from spark_app.serving.problems import Problem
from spark_app.settings import Settings
from spark_app.storage import segment_files, table_copies, tables
from spark_app.storage.segment_files import NoSegmentError
from spark_app.storage.tables import EVENTS, DamagedError
from spark_app.timeline import activity, event_files, recency, spans, trends
from spark_app.timeline.activity import Activity, Memory
from spark_app.timeline.spans import Range, Stretch, WrongRangeError

# An answer of an older version of the table stands so many times as long as it took: a tenth of the time goes into it.
STANDS = 9.0
_REMEMBERED, _WAITING = 128, 8
# Events that are held for the next question of the same range, 13 bytes each.
_HELD = 4_000_000
_FEATURES: Features = "behaviour"


class Question(NamedTuple):
    """As it was asked; `segments` is the id of those that the segment is one of."""

    begin: str | None
    end: str | None
    last: str | None
    by: str
    category: str | None
    limit: int
    segment: int | None = None
    features: Features = _FEATURES
    segments: str = ""


class _Answer(NamedTuple):
    said: dict[str, Any]
    version: int
    at: float
    took: float


class Risers:
    """Answers questions, from any thread. What it raises is a Problem."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._answers: OrderedDict[Question, _Answer] = OrderedDict()
        self._memory: Memory = {}
        self._held: tuple[tuple[int, Range, tuple[str, str, int | None]], Activity] | None = None
        self._turn, self._places = Lock(), BoundedSemaphore(_WAITING)

    def ask(self, question: Question) -> dict[str, Any]:
        """The answer, with `age_seconds` and the version of the event table that it is of."""
        question, version = self._told(question), tables.version(self._settings)
        found = self._known(question, version) or self._in_turn(question)
        return found.said | {"age_seconds": round(time.monotonic() - found.at, 3)}

    def _told(self, question: Question) -> Question:
        """With the segments that are kept now: an answer of others is another. Of everyone, features say nothing."""
        if question.segment is None:
            return question._replace(features=_FEATURES, segments="")
        with _read():
            return question._replace(segments=segment_files.needed(self._settings, question.features).id)

    def _known(self, question: Question, version: int) -> _Answer | None:
        found = self._answers.get(question)
        if found is None or (found.version != version and time.monotonic() - found.at > STANDS * found.took):
            return None
        return found

    def _in_turn(self, question: Question) -> _Answer:
        """One is found at a time, and few may wait: each holds a thread that others need."""
        if not self._places.acquire(blocking=False):
            detail = f"{_WAITING} other questions about what is rising are being answered"
            raise Problem(503, "Busy", detail, headers={"Retry-After": "2"})
        try:
            with self._turn:
                version = tables.version(self._settings)
                return self._known(question, version) or self._remembered(question, self._found(question))
        finally:
            self._places.release()

    def _remembered(self, question: Question, found: _Answer) -> _Answer:
        self._answers[question] = found
        self._answers.move_to_end(question)
        while len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)
        return found

    def _found(self, question: Question) -> _Answer:
        begun = time.monotonic()
        try:
            said, version = tables.read_again(self._settings, lambda: self._asked(question))
        except WrongRangeError as error:
            raise Problem(422, "Not valid", str(error)) from None
        except (DamagedError, OSError) as error:
            detail = f"the event table cannot be read now: {error}"
            raise Problem(503, "Not readable now", detail, headers={"Retry-After": "5"}) from error
        return _Answer(said, version, time.monotonic(), time.monotonic() - begun)

    def _asked(self, question: Question) -> tuple[dict[str, Any], int]:
        if not tables.exists(self._settings, EVENTS):
            return _empty(question, -1), -1
        table = table_copies.here(self._settings, EVENTS)
        if (held := event_files.extent(table)) is None:
            return _empty(question, table.version()), table.version()
        range_ = spans.asked(question.begin, question.end, question.last, held)
        seen = self._read(table, range_, question)
        found = trends.of(seen, range_, question.by, question.limit, category=question.category)
        return _said(question, range_, found, table.version()), table.version()

    def _read(self, table: DeltaTable, range_: Range, question: Question) -> Activity:
        key = table.version(), range_, (question.features, question.segments, question.segment)
        if self._held is None or self._held[0] != key:
            self._held = None
            if (events := event_files.number(table, range_.read)) > event_files.MOST_SERVED:
                detail = f"{events:,} events would have to be looked at, more than {event_files.MOST_SERVED:,}: " \
                    "`python -m spark_app trending` counts them by Spark"
                raise Problem(422, "Too long a range", detail)
            turning = recency.turning(self._settings.weights)
            seen = activity.read(table, range_, turning, self._memory, among=self._among(question))
            if len(seen.rows.user) > _HELD:
                return seen
            self._held = key, seen
        return self._held[1]

    def _among(self, question: Question) -> pa.Array | None:
        """The users who are asked about; None for all."""
        if question.segment is None:
            return None
        with _read():
            folder = segment_files.named(self._settings, question.features, question.segments)
            return segment_files.among(folder, question.segment)


@contextmanager
def _read() -> Iterator[None]:
    """What segments that cannot be read are answered with."""
    try:
        yield
    except NoSegmentError as error:
        raise Problem(404, "No such segment", str(error)) from None
    except (DamagedError, OSError) as error:
        raise Problem(503, "Not readable now", str(error), headers={"Retry-After": "5"}) from error


def _empty(question: Question, version: int) -> dict[str, Any]:
    """Before the first event nothing rises; what is counted back is counted back from now."""
    now = int(time.time()) * spans.SECOND
    range_ = spans.asked(question.begin, question.end, question.last, Stretch(now - spans.SECOND, now))
    return _said(question, range_, [], version)


def _said(question: Question, range_: Range, found: list[trends.Trend], version: int) -> dict[str, Any]:
    rows = [one._asdict() for one in found]
    for row in rows:
        row["buckets"] = {"total": row.pop("totals"), "users": row.pop("by_users")}
    return {
        "events_version": version, **range_.asked.named, "later": range_.later.named,
        "earlier": [one.named for one in range_.earlier], "by": question.by, "category": question.category,
        "segment": question.segment, "features": question.features if question.segment else None,
        "segments": question.segments or None,
        "bucket_seconds": range_.bucket // spans.SECOND, "bucket_starts": [*map(spans.text, range_.starts)],
        "trending": rows,
    }  # fmt: skip
