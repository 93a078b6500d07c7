"""Where posted events wait for the stream: in the inbox, at most a segment each second or megabyte, or in the topic.

What `add` has returned from is kept: on disk, or by the broker. Calls that come together share what that costs.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock, Timer
from typing import Protocol

import structlog

from spark_app.blocks import Kafka
from spark_app.intake import checks, topic
from spark_app.serving import posted, segment
from spark_app.serving.fresh import Event
from spark_app.serving.posted import Posted
from spark_app.serving.segment import Segment
from spark_app.serving.together import Together
from spark_app.settings import Settings
from spark_app.storage import arrivals, bucket, ledger
from spark_app.storage.places import Place

SEGMENT_SECONDS, SEGMENT_BYTES = 1.0, 1_000_000
# Seconds in which more may come along, after a quiet time.
GATHERING = 0.05


class NotKeptError(RuntimeError):
    """Events could not be kept, or not for certain; the message says why."""


class Sink(Protocol):
    """What takes posted events; safe in many threads."""

    def add(self, events: Sequence[Posted]) -> None:
        """Returns when they are kept; NotKeptError when they are not."""

    def close(self) -> None:
        """Nothing can be added any more."""


@contextmanager
def opened(
    settings: Settings, segment_seconds: float = SEGMENT_SECONDS, *, gathering: float = GATHERING
) -> Iterator[Sink]:
    """The inbox or the topic of the settings, until it is left; neither needs to be there yet."""
    sink = _sink(settings, segment_seconds, gathering)
    try:
        yield sink
    finally:
        sink.close()


def _sink(settings: Settings, segment_seconds: float, gathering: float) -> Sink:
    if settings.source == "kafka":
        return Topic(settings.kafka)
    if place := settings.place(_folder(settings)):
        return Far(place)
    return Inbox(_folder(settings), segment_seconds, gathering=gathering)


def pending(settings: Settings) -> Iterator[Event]:
    """Events of the inbox that were posted and not yet taken; a server that starts again knows them by this."""
    taken = ledger.taken_files(settings)
    arrivals.follow(settings, _folder(settings))
    for path in segment.found(_folder(settings)):
        if arrivals.named(settings, path) not in taken:
            yield from _events(settings, segment.lines(path))


class Inbox:
    """A folder; it gets a segment each so many `seconds`, or when one has so many bytes.

    What comes after a quiet time waits for no more than `gathering`.
    """

    def __init__(
        self,
        folder: Path,
        seconds: float = SEGMENT_SECONDS,
        size: int = SEGMENT_BYTES,
        *,
        gathering: float = GATHERING,
    ) -> None:
        self._folder, self._seconds, self._size, self._gathering = folder, seconds, size, gathering
        self._quiet_since = float("-inf")
        self._together = Together(self._write)
        self._turn = Lock()
        self._segment: Segment | None = None
        self._is_closed = False
        self._recover()

    def add(self, events: Sequence[Posted]) -> None:
        """On disk when it returns; NotKeptError when the folder cannot be written."""
        self._together.add(b"".join(event.line + b"\n" for event in events))

    def close(self) -> None:
        """Hand what is left to the stream."""
        with self._turn:
            self._is_closed = True
            if self._segment:
                self._end(self._segment)

    def _write(self, portions: list[bytes]) -> None:
        with self._turn:
            if self._is_closed:
                raise NotKeptError("the inbox is closed")
            try:
                self._segment = self._segment or self._begun()
                self._segment.append(b"".join(portions))
            except OSError as error:
                self._give_up()
                raise NotKeptError(f"{self._folder} cannot be written ({error.strerror or error})") from error
            if self._segment.size >= self._size:
                self._end(self._segment)

    def _begun(self) -> Segment:
        new = segment.opened(self._folder)
        quiet = time.monotonic() - self._quiet_since
        self._end_later(new, max(self._seconds - quiet, min(self._gathering, self._seconds)))
        return new

    def _end_later(self, one: Segment, seconds: float) -> None:
        timer = Timer(seconds, self._end_in_turn, [one])
        timer.daemon = True
        timer.start()

    def _end_in_turn(self, one: Segment) -> None:
        with self._turn:
            if one is self._segment:
                self._end(one)

    def _end(self, one: Segment) -> None:
        """What it holds is kept in any case, so that an error is for the log, and it is tried again."""
        try:
            one.close()
            self._segment, self._quiet_since = None, time.monotonic()
        except OSError as error:
            structlog.get_logger().warning("a segment could not be closed", folder=str(self._folder), error=str(error))
            if not self._is_closed:
                self._end_later(one, self._seconds)

    def _give_up(self) -> None:
        one, self._segment = self._segment, None
        try:
            if one:
                one.give_up()
        except OSError as error:
            structlog.get_logger().warning("a segment is left open", folder=str(self._folder), error=str(error))

    def _recover(self) -> None:
        try:
            if number := segment.recover(self._folder):
                structlog.get_logger().info("segments closed that a crash left open", number=number)
        except OSError as error:
            structlog.get_logger().warning("segments are left open", folder=str(self._folder), error=str(error))


class Far:
    """An inbox in a bucket: what comes while one object is put goes into the next."""

    def __init__(self, place: Place) -> None:
        self._place, self._together = place, Together(self._write)

    def add(self, events: Sequence[Posted]) -> None:
        """In the bucket when it returns; NotKeptError when that cannot be reached."""
        self._together.add(b"".join(event.line + b"\n" for event in events))

    def close(self) -> None:
        """Nothing is left open."""

    def _write(self, portions: list[bytes]) -> None:
        try:
            bucket.write_new(self._place / segment.new_name(), b"".join(portions))
        except OSError as error:
            raise NotKeptError(f"{self._place} cannot be written ({error})") from error


class Topic:
    """The topic: events of one user stay in order."""

    def __init__(self, kafka: Kafka) -> None:
        self._sender = topic.Sender(kafka)
        self._together = Together(self._write)

    def add(self, events: Sequence[Posted]) -> None:
        """Acknowledged by the broker when it returns; NotKeptError when it is away or does not take them."""
        self._together.add(events)

    def close(self) -> None:
        """Close the connection."""
        self._sender.close()

    def _write(self, portions: list[Sequence[Posted]]) -> None:
        try:
            self._sender.send([(one.event.user.encode(), one.line) for events in portions for one in events])
        except topic.TopicError as error:
            raise NotKeptError(str(error)) from error


def _folder(settings: Settings) -> Path:
    return settings.data_dir / "inbox"


def _events(settings: Settings, lines: Sequence[bytes]) -> Iterator[Event]:
    now = datetime.now(UTC)
    for line in lines:
        verdict = checks.judge(line, event_types=settings.event_types, now=now, received_at=now)
        if isinstance(verdict, checks.Accepted):
            yield posted.of(verdict.event).event
