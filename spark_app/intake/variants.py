"""JSON as a VARIANT of Spark has it, without Spark: read as strictly, and its values as the same texts.

Bytes come in; None, bool, int, Decimal, float, str, list and dict go out. A number is an int where 64 bits hold it, a
Decimal where it is written without an exponent in up to 38 digits, else a float.
"""

import json
import math
import re
import sys
from collections.abc import Callable, Iterable
from decimal import Decimal
from threading import Lock
from typing import NoReturn, TypeVar

from spark_app import rules

_LONE_SURROGATE = re.compile(rules.LONE_SURROGATE)
_MAX_DECIMAL_DIGITS = 38
_MAX_LONG = 1 << 63
# Java writes a double with an exponent below and from here.
_PLAIN_FROM, _PLAIN_BELOW = 1e-3, 1e7
_ESCAPES = {chr(code): f"\\u{code:04X}" for code in range(0x20)}
_ESCAPES |= {"\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r", '"': r"\"", "\\": r"\\"}
_QUOTED = str.maketrans(_ESCAPES)
_ONE_AT_A_TIME = Lock()

Given = TypeVar("Given")
Found = TypeVar("Found")


def parsed(record: bytes) -> object:
    """The value of one JSON document; ValueError where it is not exactly that, strictly."""
    text = record.decode()
    # Behind a backslash that is itself escaped, a u begins no escape.
    if "\\u" in text and _LONE_SURROGATE.search(text.replace("\\\\", "  ")):
        raise ValueError("half of a surrogate pair")
    try:
        return with_room(_DECODER.decode, text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def is_too_deep(value: object) -> bool:
    """Whether it has objects and arrays in one another beyond what Spark reads."""
    level = [value]
    for _ in range(rules.MAX_DEPTH):
        level = [inner for one in level for inner in _inside(one) if isinstance(inner, (dict, list))]
        if not level:
            return False
    return True


def text(value: object) -> str | None:
    """As Spark casts it to text, objects and arrays as JSON; None of null."""
    if value is None or isinstance(value, str):
        return value
    return with_room(_json, value) if isinstance(value, (dict, list)) else _plain(value)


def with_room(work: Callable[[Given], Found], given: Given) -> Found:
    """What `work` gives, also for values as deep as may be, whatever stands on the stack already."""
    try:
        return work(given)
    except RecursionError:
        with _ONE_AT_A_TIME:
            usual = sys.getrecursionlimit()
            sys.setrecursionlimit(usual + 3 * rules.MAX_DEPTH)
            try:
                return work(given)
            finally:
                sys.setrecursionlimit(usual)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    if any(2 * len(key) > rules.MAX_KEY_UNITS and len(_units(key)) > 2 * rules.MAX_KEY_UNITS for key in found):
        raise ValueError("a key too long")
    return found


def _whole(digits: str) -> object:
    _ensure_few(digits)
    number = int(digits)
    return number if -_MAX_LONG <= number < _MAX_LONG else _decimal_or_float(digits)


def _fraction(digits: str) -> object:
    _ensure_few(digits)
    return float(digits) if "e" in digits.lower() else _decimal_or_float(digits)


def _ensure_few(number: str) -> None:
    """A zero before the point does not count."""
    digits = number.lstrip("-").removeprefix("0")
    if len(digits) > rules.MAX_DIGITS and sum(map(str.isdigit, digits)) > rules.MAX_DIGITS:
        raise ValueError("a number too long")


def _decimal_or_float(digits: str) -> Decimal | float:
    number = Decimal(digits)
    _, places, exponent = number.as_tuple()
    few = len(places) <= _MAX_DECIMAL_DIGITS and -int(exponent) <= _MAX_DECIMAL_DIGITS
    return number if few else float(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_float=_fraction, parse_constant=_refuse, strict=True
)


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _units(key: str) -> bytes:
    """UTF-16, in which Java counts and sorts, two bytes each."""
    return key.encode("utf-16-be")


def _json(value: object) -> str:
    """Compact, keys sorted."""
    if isinstance(value, dict):
        fields = (f"{_quoted(key)}:{_json(value[key])}" for key in sorted(value, key=_units))
        return f"{{{','.join(fields)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    if value is None:
        return "null"
    if isinstance(value, str):
        return _quoted(value)
    return _plain(value) if _is_finite(value) else _quoted(_plain(value))


def _plain(value: object) -> str:
    """A boolean or a number."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _double(value)
    return _decimal(value) if isinstance(value, Decimal) else str(value)


def _is_finite(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _quoted(text: str) -> str:
    return f'"{text.translate(_QUOTED)}"'


def _decimal(number: Decimal) -> str:
    """Without trailing zeros and exponent; there is no zero below zero."""
    digits = format(abs(number) if number.is_zero() else number, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _double(number: float) -> str:
    """As Java writes it, but for the last digits of a few that Java before 19 writes longer than need be."""
    size = abs(number)
    if not math.isfinite(number):
        return "Infinity" if number > 0 else "-Infinity"
    if size == 0 or _PLAIN_FROM <= size < _PLAIN_BELOW:
        return repr(number)
    sign, places, exponent = Decimal(repr(number)).as_tuple()
    digits = "".join(map(str, places)).rstrip("0")
    return f"{'-' * sign}{digits[0]}.{digits[1:] or '0'}E{int(exponent) + len(places) - 1}"
