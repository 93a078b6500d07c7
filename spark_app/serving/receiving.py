"""What is posted, judged record by record and kept once: bytes in, an answer for each record out.

A body is one JSON object, an array of them, or one a line; each is judged on just its bytes, as the stream would.
"""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from threading import Lock
from typing import Literal, NamedTuple

from spark_app import rules
from spark_app.intake import checks, records, variants
from spark_app.serving import posted
from spark_app.serving.fresh import Event
from spark_app.serving.inbox import Sink
from spark_app.serving.posted import Posted
from spark_app.settings import Settings

MAX_EVENTS = 1_000
RECENT_IDS = 500_000
_BLANKS = re.compile(r"[ \t\r\n]*")
# Looks only where a value ends; whether it is good JSON is judged later.
_READER = json.JSONDecoder(parse_int=str, parse_float=str, strict=False)


class NotJsonError(ValueError):
    """The body is no JSON at all; the message says what was expected."""


class TooManyError(ValueError):
    """The body has more events than are taken at once."""


class Answer(NamedTuple):
    """What became of a record: its event's id, but for one that was rejected, which has a reason instead."""

    status: Literal["accepted", "duplicate", "rejected"]
    event_id: str | None = None
    reason: str | None = None


class Received(NamedTuple):
    """An answer for each record, in their order, and the events that were accepted."""

    answers: list[Answer]
    events: list[Event]


class RecentIds:
    """Ids of events that were met not long ago, at most so many; safe in many threads."""

    def __init__(self, most: int = RECENT_IDS) -> None:
        self._most = most
        self._turn = Lock()
        # In the order in which they were met.
        self._ids: dict[str, None] = {}

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._ids

    def add(self, event_ids: Iterable[str]) -> set[str]:
        """Remember ids, such as those that the event table got; gives those that were new."""
        with self._turn:
            new = [event_id for event_id in dict.fromkeys(event_ids) if event_id not in self._ids]
            self._ids.update(dict.fromkeys(new))
            for oldest in list(islice(self._ids, max(0, len(self._ids) - self._most))):
                del self._ids[oldest]
            return set(new)


class Receiver:
    """Takes what is posted; `known` are the ids that count as met before."""

    def __init__(self, settings: Settings, sink: Sink, known: RecentIds, most: int = MAX_EVENTS) -> None:
        self._event_types = settings.event_types
        self._sink, self._known, self._most = sink, known, most

    def receive(self, body: bytes, now: datetime | None = None) -> Received:
        """Judge a body and keep what is new in it; when it returns that is kept.

        NotJsonError, TooManyError; inbox.NotKeptError when nothing could be kept, for certain or at all.
        """
        found = records_of(body)
        if len(found) > self._most:
            raise TooManyError(f"{len(found):,} events, expected at most {self._most:,} at once")
        judged = [self._judged(record, now or datetime.now(UTC)) for record in found]
        new: dict[str, Posted] = {}
        for one in judged:
            if isinstance(one, Posted) and one.event.event_id not in self._known:
                new.setdefault(one.event.event_id, one)
        if new:
            self._sink.add(list(new.values()))
        # Another call may have kept the same meanwhile; the stream counts it once.
        return _received(judged, self._known.add(new))

    def _judged(self, record: bytes, now: datetime) -> Posted | checks.Rejected:
        verdict = checks.judge(record, event_types=self._event_types, now=now, received_at=now)
        if isinstance(verdict, checks.Rejected):
            return verdict
        found = posted.of(verdict.event)
        return checks.Rejected("too_large") if len(found.line) > rules.MAX_BYTES else found


def records_of(body: bytes) -> list[bytes]:
    """The records of a body, each with just its bytes; NotJsonError when it has none."""
    # A byte that is no UTF-8 spoils its record only.
    text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    start = _after_blanks(text, 0)
    try:
        ends = _elements(text, start) if text.startswith("[", start) else [_value(text, start)]
    except ValueError:
        return _lines(body)
    return [text[first:end].encode("utf-8", "surrogateescape") for first, end in ends]


def _received(judged: list[Posted | checks.Rejected], new: set[str]) -> Received:
    answers, events = [], []
    for one in judged:
        if isinstance(one, checks.Rejected):
            answers.append(Answer("rejected", reason=one.reason))
        elif one.event.event_id in new:
            new.remove(one.event.event_id)
            answers.append(Answer("accepted", one.event.event_id))
            events.append(one.event)
        else:
            answers.append(Answer("duplicate", one.event.event_id))
    return Received(answers, events)


def _value(text: str, start: int) -> tuple[int, int]:
    """Where the only value of a text is; ValueError when there is more or none."""
    end = _end(text, start)
    if _after_blanks(text, end) < len(text):
        raise ValueError("more than one value")
    return start, end


def _elements(text: str, start: int) -> list[tuple[int, int]]:
    """Where each value of an array is; ValueError when the text is not exactly one array."""
    found: list[tuple[int, int]] = []
    at = _after_blanks(text, start + 1)
    more = not text.startswith("]", at)
    while more:
        found.append((at, _end(text, at)))
        at = _after_blanks(text, found[-1][1])
        more = text.startswith(",", at)
        at = _after_blanks(text, at + 1) if more else at
    if not text.startswith("]", at) or _after_blanks(text, at + 1) < len(text):
        raise ValueError("no end of the array, or more behind it")
    return found


def _end(text: str, start: int) -> int:
    try:
        return variants.with_room(lambda at: _READER.raw_decode(text, at)[1], start)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _after_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def _lines(body: bytes) -> list[bytes]:
    """The lines of a body, if there are more than one and one at least is JSON."""
    lines = records.lines(body)
    if len(lines) < 2 or not any(map(_is_json, lines)):
        raise NotJsonError("expected a JSON object, an array of them, or one in each line")
    return lines


def _is_json(line: bytes) -> bool:
    text = line.decode("utf-8", "surrogateescape")
    try:
        _value(text, _after_blanks(text, 0))
    except ValueError:
        return False
    return True
