"""One raw JSON record -> an event, or the first reason that applies, without Spark: the rules of events.py.

The API judges by this what is posted to it; the stream then judges the same bytes, and says the same. A test sends one
table of cases through both.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from spark_app import layouts, rules, schemas
from spark_app.intake import variants

# Stands for a JSON value of the wrong type; no rule lets it pass.
_WRONG = "\0"
_NUMBER = re.compile(rules.NUMBER)
_ISO_8601 = re.compile(rules.ISO_8601)
_INTEGER = re.compile("([+-]?)0*([0-9]{1,10})")
# Java lets `$` stand before one end of line, and Spark's casts trim that.
_LINE_END = re.compile(r"(?:\r\n|[\r\n])\Z")
_TRIMMED = "".join(map(chr, (*range(0x21), 0x7F)))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime.fromisoformat(rules.EARLIEST)
_MAX_AHEAD = timedelta(seconds=rules.MAX_AHEAD_SECONDS)
_MAX_OFFSET = timedelta(hours=18)
_TRUE, _FALSE = {"t", "true", "y", "yes", "1"}, {"f", "false", "n", "no", "0"}
_STRUCTS = {
    "product_data": schemas.fields(schemas.PRODUCT_DATA),
    "customer_data": schemas.fields(schemas.CUSTOMER_DATA),
}
_COLUMNS = schemas.names(schemas.EVENT)
_NOT_SAID = ("source", "partition", "position", "occurred_at", "received_at")


class Accepted(NamedTuple):
    """The columns of schemas.EVENT by name, all but those of its place, which are None as is an absent event_id."""

    event: dict[str, Any]


class Rejected(NamedTuple):
    """One of rules.REASONS."""

    reason: str


def judge(record: bytes, *, event_types: Collection[str], now: datetime, received_at: datetime) -> Accepted | Rejected:
    """What becomes of a record; `now` bounds its time from above, `received_at` is its time where it names none."""
    if len(record) > rules.MAX_BYTES:
        return Rejected("too_large")
    try:
        value = variants.parsed(record)
    except ValueError:
        return Rejected("not_json")
    return judge_value(value, event_types=event_types, now=now, received_at=received_at)


def judge_value(
    value: object, *, event_types: Collection[str], now: datetime, received_at: datetime
) -> Accepted | Rejected:
    """The same for a value that variants.parsed gave, such as a part of a larger document."""
    if not isinstance(value, dict) or variants.is_too_deep(value):
        return Rejected("not_json")
    event = _event(value, received_at)
    faults = _faults(event, {*event_types, rules.POST, rules.DISLIKE}, now)
    reason = next((reason for reason in rules.REASONS if faults.get(reason)), None)
    return Rejected(reason) if reason else Accepted(event)


def user_of(value: object) -> str | None:
    """The user of a value that variants.parsed gave, whatever else is wrong with it; None where it names none."""
    found = _text("user", value.get("user")) if isinstance(value, dict) else None
    return found if found and _is_id(found) else None


def is_id(text: str) -> bool:
    """Whether a user or a product may be called so."""
    return _is_id(text)


def line(event: Mapping[str, Any]) -> bytes:
    """One line of JSON, without its end, that is judged to be the same event, whoever reads it and whenever."""
    said = {name: value for name, value in event.items() if name not in _NOT_SAID}
    said["timestamp"] = event["occurred_at"].isoformat()
    for name, fields in _STRUCTS.items():
        said[name] = _said(event[name], fields[-1][0])
    return orjson.dumps({name: value for name, value in said.items() if value is not None})


def _event(value: Mapping[str, object], received_at: datetime) -> dict[str, Any]:
    """Typed; NaN and None stand for a number and a time that cannot be used."""
    texts = {name: _text(name, value.get(name)) for name in layouts.TEXT_FIELDS}
    properties = value.get("properties")
    made = {
        "event_id": texts["event_id"] if _is_id(texts["event_id"]) else None,
        "user": texts["user"] or None,
        "product": texts["product"] or None,
        "event_type": texts["event_type"] or rules.DEFAULT_EVENT_TYPE,
        "quantity": _number(texts["quantity"], rules.DEFAULT_QUANTITY),
        "rating": _number(texts["rating"]),
        "occurred_at": _time(texts["timestamp"]) if texts["timestamp"] else received_at,
        "price": _number(texts["price"]),
        "total_price": _number(texts["total_price"]),
        "product_data": _described(value.get("product_data"), _STRUCTS["product_data"]),
        "customer_data": _described(value.get("customer_data"), _STRUCTS["customer_data"]),
        "properties": _properties(properties) if isinstance(properties, dict) else None,
        "received_at": received_at,
    }
    return {name: made.get(name, texts.get(name)) for name in _COLUMNS}


def _faults(event: Mapping[str, Any], known: Collection[str], now: datetime) -> dict[str, bool]:
    """Which reasons apply."""
    user, product, event_type, time = (event[name] for name in ("user", "product", "event_type", "occurred_at"))
    list_price = (event["product_data"] or {}).get("price")
    return {
        "missing_user": user is None,
        "bad_user": not _is_id(user),
        "missing_product": product is None and event_type != rules.POST,
        "bad_product": product is not None and not _is_id(product),
        "bad_event_type": event_type not in known,
        "bad_quantity": _is_out_of_bounds(event["quantity"]),
        "bad_rating": _is_out_of_bounds(event["rating"]),
        "bad_price": (
            _is_bad_price(event["price"]) or _is_out_of_bounds(event["total_price"]) or _is_bad_price(list_price)
        ),
        "bad_timestamp": time is None or not _EARLIEST <= time <= now + _MAX_AHEAD,
    }


def _text(field: str, value: object) -> str | None:
    """A field as text; one of the wrong type becomes a text that its rule refuses."""
    is_right = _IS_RIGHT.get(field)
    return variants.text(value) if is_right is None or value is None or is_right(value) else _WRONG


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return type(value) is int or (isinstance(value, Decimal) and value == value.to_integral_value())


# What the JSON value of a field may be; any that is not named may be anything.
_IS_RIGHT: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(("user", "product", "event_id"), lambda value: _is_text(value) or _is_whole(value)),
    **dict.fromkeys(("quantity", "rating", "price", "total_price"), _is_number),
    "timestamp": lambda value: _is_text(value) or _is_number(value),
    "event_type": _is_text,
}


def _is_id(text: str | None) -> bool:
    return text is not None and 1 <= len(text) <= rules.MAX_ID_CHARACTERS and "\0" not in text


def _is_out_of_bounds(number: float | None) -> bool:
    return number is not None and not abs(number) <= rules.MAX_NUMBER


def _is_bad_price(number: float | None) -> bool:
    return _is_out_of_bounds(number) or (number is not None and number < 0)


def _number(text: str | None, default: float | None = None) -> float | None:
    """The default where absent, NaN where it is no number."""
    if not text:
        return default
    return float(text) if _NUMBER.fullmatch(_LINE_END.sub("", text)) else math.nan


def _described(data: object, fields: list[tuple[str, str]]) -> dict[str, Any] | None:
    """The typed fields of an object; None when it says nothing."""
    if not isinstance(data, dict):
        return None
    texts = {name: variants.text(data.get(name)) for name, _ in fields}
    if all(text is None for text in texts.values()):
        return None
    return {name: _TYPED[kind](text) if (text := texts[name]) else None for name, kind in fields}


def _said(data: Mapping[str, Any] | None, last: str) -> dict[str, Any] | None:
    """The fields that are filled. Where none is, the `last`, which is no text, is said to be empty: that gives None."""
    return None if data is None else {name: value for name, value in data.items() if value is not None} or {last: ""}


def _boolean(text: str) -> bool | None:
    word = text.strip(_TRIMMED).lower()
    return True if word in _TRUE else False if word in _FALSE else None


def _integer(text: str) -> int | None:
    """Of 32 bits."""
    found = _INTEGER.fullmatch(text.strip(_TRIMMED))
    number = int("".join(found.groups())) if found else None
    return number if number is not None and -(1 << 31) <= number < 1 << 31 else None


_TYPED: dict[str, Callable[[Any], Any]] = {"STRING": str, "DOUBLE": _number, "BOOLEAN": _boolean, "INT": _integer}


def _properties(given: Mapping[str, object]) -> dict[str, str]:
    texts = {name: variants.text(value) for name, value in given.items()}
    return {name: text for name, text in texts.items() if text is not None}


def _time(text: str) -> datetime | None:
    """Epoch seconds, or milliseconds where so large, or ISO-8601; None for anything else."""
    bare = _LINE_END.sub("", text)
    try:
        return _of_epoch(float(bare)) if _NUMBER.fullmatch(bare) else _of_iso(_ISO_8601.fullmatch(bare))
    except (ValueError, OverflowError):
        return None


def _of_epoch(number: float) -> datetime | None:
    seconds = number / 1000 if abs(number) >= rules.MILLISECONDS_FROM else number
    return _EPOCH + timedelta(microseconds=round(seconds * 1_000_000)) if abs(seconds) < rules.MAX_SECONDS else None


def _of_iso(found: re.Match[str] | None) -> datetime | None:
    if found is None:
        return None
    *date_and_time, fraction, zone = found.groups(default="")
    year, month, day, hour, minute, second = (int(part or 0) for part in date_and_time)
    micros = int(fraction[:6].ljust(6, "0"))
    return datetime(year, month, day, hour, minute, second, micros, UTC) - _offset(zone)


def _offset(zone: str) -> timedelta:
    """From UTC; ValueError where no place on earth has it."""
    if zone[:1] not in ("+", "-"):
        return timedelta(0)
    hours, minutes = int(zone[1:3]), int(zone[3:].lstrip(":") or 0)
    size = timedelta(hours=hours, minutes=minutes)
    if minutes > 59 or size > _MAX_OFFSET:
        raise ValueError(f"{zone} is no offset")
    return size if zone[0] == "+" else -size
