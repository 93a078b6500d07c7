"""Real files as a stream: CSV in a known layout or JSON lines in, events of the design's section 3 and their time out.

Nothing is judged here: what is no event goes out as it is, to be rejected by the reader with its reason. An event
without an id gets one made of its file's name and its place, so that replaying twice counts once.
"""

import csv
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from spark_app import layouts, rules
from spark_app.intake import records

NUMBERS = ("quantity", "rating", "price", "total_price")
_NUMBER = re.compile(rules.NUMBER)
_LONGEST_NAME = 200
# Not orjson: whole numbers of any size, and halves of characters in a file's name, come through.
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

Read = Callable[[bytes], tuple[dict[str, Any] | None, bytes]]


class ReplayError(ValueError):
    """The files cannot be replayed; the message says why."""


class Replayed(NamedTuple):
    """A record to be sent; `time` in epoch seconds, None where it says nothing that can be read as one."""

    value: bytes
    user: str | None
    time: float | None


def files_of(paths: Iterable[Path]) -> list[Path]:
    """The files, and those in the folders; ReplayError when two have one name: their ids would be the same."""
    found: dict[str, Path] = {}
    for path in (file for given in paths for file in _files(given)):
        if found.setdefault(path.name, path) != path:
            raise ReplayError(f"{found[path.name]} and {path} have one name, and ids are made of names; rename one")
    return list(found.values())


def replayed(path: Path, own: Mapping[str, str]) -> Iterator[Replayed]:
    """The records of a file in their order; `own` is the mapping of the settings for unknown headers.

    Raises layouts.UnknownHeaderError, and OSError or EOFError for a file that cannot be read.
    """
    header = records.header_of(str(path))
    read = _json_object if header is None else _row_of(layouts.recognise(header, own), header)
    for place, record in enumerate(records.read(str(path), has_header=header is not None)):
        event, value = read(record)
        if event is None:
            yield Replayed(value, None, None)
        else:
            yield _identified(event, value, f"{path.name[-_LONGEST_NAME:]}:{place}")


def in_time(events: Iterable[Replayed], speedup: float) -> Iterator[tuple[float, Replayed]]:
    """Each with the seconds after which it is due: the gaps between their times, divided; none goes backwards."""
    due, last = 0.0, None
    for event in events:
        if event.time is not None:
            due += max(0.0, event.time - last) / speedup if last is not None else 0.0
            last = event.time
        yield due, event


def epoch_seconds(timestamp: object) -> float | None:
    """What the design's section 3 takes for a time: epoch s or ms, or ISO-8601, where no zone is UTC."""
    text = str(timestamp).strip()
    if _NUMBER.match(text):
        number = float(text)
        seconds = number / 1000 if abs(number) >= rules.MILLISECONDS_FROM else number
        return seconds if math.isfinite(seconds) else None
    try:
        time = datetime.fromisoformat(text.removesuffix("UTC").rstrip().replace(",", "."))
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _files(given: Path) -> list[Path]:
    if not given.exists():
        raise ReplayError(f"{given} does not exist; expected a file or a folder")
    if given.is_file():
        return [given]
    return [file for file in records.listed(given) if records.has_known_suffix(str(file))]


def _identified(event: dict[str, Any], value: bytes, name: str) -> Replayed:
    """With an id, if it had none; what is already JSON stays as it is but for that."""
    if event.get("event_id") in (None, ""):
        if value and event and "event_id" not in event:
            value = b'{"event_id":' + _json(name) + b"," + value.lstrip()[1:]
        else:
            value = _json({**event, "event_id": name})
    user = event.get("user")
    return Replayed(value, None if user is None else str(user), epoch_seconds(event.get("timestamp", "")))


def _json_object(record: bytes) -> tuple[dict[str, Any] | None, bytes]:
    """A line as the object it holds, None where it holds none; and the line itself."""
    try:
        event = json.loads(record)
    except (ValueError, RecursionError):
        return None, record
    return (event, record) if isinstance(event, dict) else (None, record)


def _row_of(layout: layouts.Layout, header: str) -> Read:
    """A function from a row to its event; None and the row itself where it cannot be read as one."""
    columns = layouts.columns_of(header)

    def read(record: bytes) -> tuple[dict[str, Any] | None, bytes]:
        try:
            (row,) = csv.reader([record.decode()], strict=True)
            event = with_numbers(layouts.event(layout, columns, row))
            return event, _json(event)
        except (ValueError, csv.Error):
            return None, record

    return read


def with_numbers(event: dict[str, Any]) -> dict[str, Any]:
    """Numbers of an event as JSON has them; a text that is none stays what it is."""
    for part in (event, event.get("product_data", {})):
        for field in NUMBERS:
            if field in part and _NUMBER.match(part[field]):
                part[field] = _number(part[field])
    return event


def _number(text: str) -> int | float | str:
    bare = text.strip()
    if bare.lstrip("+-").isdigit():
        return int(bare)
    return float(bare) if math.isfinite(float(bare)) else text


def _json(value: object) -> bytes:
    return _COMPACT.encode(value).encode(errors="replace")
