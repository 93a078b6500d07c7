"""Stretches of time: what a question asks for, what the event table holds of it, and what that is compared with.

Times are whole microseconds since 1970, UTC; a stretch holds its start and not its end.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from spark_app.running.errors import WrongUsageError

SECOND = 1_000_000
HOUR, DAY, WEEK = 3_600 * SECOND, 86_400 * SECOND, 604_800 * SECOND
LAST = "7d"
# Below this the buckets are hours, from it on days.
DAILY_FROM = 3 * DAY
LONGEST = 3_660 * DAY
# Earlier stretches that a range is compared with, at the most.
TURNS = 4
_UNITS = {"h": HOUR, "d": DAY, "w": WEEK}
_LAST = re.compile(r"(\d{1,6})([hdw])")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = 4_102_444_800 * SECOND


class WrongRangeError(WrongUsageError, ValueError):
    """A range of time that cannot be; the message says what was expected."""


class Stretch(NamedTuple):
    """From `start` up to, and without, `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Microseconds."""
        return self.end - self.start

    @property
    def named(self) -> dict[str, str]:
        """As JSON has it, ISO-8601."""
        return {"from": text(self.start), "to": text(self.end)}


class Range(NamedTuple):
    """What is asked for, what of it the table holds, the parts that are compared, and the length of a bucket.

    The earlier stretches are all as long as the later one. The buckets lie side by side in what is held.
    """

    asked: Stretch
    held: Stretch
    earlier: tuple[Stretch, ...]
    later: Stretch
    bucket: int

    @property
    def buckets(self) -> int:
        """How many; the last may be shorter."""
        return -(-self.held.length // self.bucket)

    @property
    def starts(self) -> range:
        """Of each bucket."""
        return range(self.held.start, self.held.end, self.bucket)

    @property
    def read(self) -> Stretch:
        """All that has to be read."""
        return Stretch(min(self.held.start, *(one.start for one in self.earlier)), self.held.end)


def asked(begin: str | None, end: str | None, last: str | None, table: Stretch) -> Range:
    """The range of a question on a table that holds this stretch. WrongRangeError says what cannot be.

    Without a beginning it is the `last` days before the end, seven where nothing is said; without an end it ends with
    the newest event.
    """
    if begin is not None and last is not None:
        raise WrongRangeError(f"from {begin} and last {last} exclude each other")
    until = _time("to", end) if end is not None else table.end
    since = _time("from", begin) if begin is not None else until - _span(last or LAST)
    if since >= until:
        newest = "" if end is not None else ", after the newest event"
        raise WrongRangeError(f"from {text(since)} is not before to {text(until)}{newest}; expected an earlier time")
    if until - since > LONGEST:
        raise WrongRangeError(f"from {text(since)} to {text(until)} is more than {LONGEST // DAY:,} days")
    return _compared(Stretch(since, until), table)


def text(time: int) -> str:
    """ISO-8601, as short as it can be said: 2026-01-31T00:00:00Z."""
    said = moment(time)
    return said.isoformat(timespec="microseconds" if said.microsecond else "seconds").replace("+00:00", "Z")


def moment(time: int) -> datetime:
    """The same as Python has it."""
    return _EPOCH + timedelta(microseconds=time)


def micros(time: datetime) -> int:
    """Of a time with a zone."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def _compared(range_: Stretch, table: Stretch) -> Range:
    """With the stretches of the same length before it, up to four, or by its halves where the table holds none.

    They lie whole weeks back, so that a weekday is compared with the same weekday; so do halves where they can. Where
    there is no room for one that does, the stretch just before it is still nearer to the question than halves are.
    """
    held = Stretch(max(range_.start, table.start), min(range_.end, table.end))
    if held.length <= 0:
        held = range_
    bucket = DAY if held.length >= DAILY_FROM else HOUR
    if held.start > range_.start:
        held = held._replace(start=max(range_.start, held.start // bucket * bucket))
    back = -(-held.length // WEEK) * WEEK
    turns = [Stretch(held.start - turn * back, held.end - turn * back) for turn in range(1, TURNS + 1)]
    before = [one for one in turns if one.start >= table.start - bucket]
    straight = Stretch(held.start - held.length, held.start)
    if before or straight.start >= table.start - bucket:
        return Range(range_, held, tuple(before or [straight]), held, bucket)
    half = held.length // 2
    half -= half % WEEK if half >= WEEK else 0
    middle = held.end - half
    return Range(range_, held, (Stretch(middle - half, middle),), Stretch(middle, held.end), bucket)


def _time(name: str, said: str) -> int:
    """A date or a time; no zone is UTC."""
    try:
        found = datetime.fromisoformat(said.strip())
        time = micros(found if found.tzinfo else found.replace(tzinfo=UTC))
        # What is far off could not be counted back from.
        if 0 <= time < _END:
            return time
        raise ValueError
    except (ValueError, OverflowError):
        expected = "expected a date or a time from 1970 to 2099, such as 2026-01-31 or 2026-01-31T12:00Z"
        raise WrongRangeError(f"{name} is {said!r}, {expected}") from None


def _span(said: str) -> int:
    found = _LAST.fullmatch(said.strip().lower())
    if not found or not int(found[1]):
        raise WrongRangeError(f"last is {said!r}, expected days, hours or weeks such as {LAST}, 36h or 4w")
    span = int(found[1]) * _UNITS[found[2]]
    if span > LONGEST:
        raise WrongRangeError(f"last is {said!r}, expected {LONGEST // DAY:,} days at the most")
    return span
