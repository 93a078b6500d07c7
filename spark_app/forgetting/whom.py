"""Who is to be forgotten, and how one tells what is of that user: rows by their columns, raw records, lines of a log.

A raw record is of the user whom it names by the rules, also where another field is wrong. One that names nobody by the
rules is of the user when it holds the id as a whole JSON string, as the value of "user", or as a whole cell of a CSV.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from spark_app import layouts
from spark_app.intake import checks, variants

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
# The id of a user's vertex.
_VERTEX = "u:"
GONE = "[forgotten]"


class Whom(NamedTuple):
    """A user by the shop's id; `columns` is the setting that describes unknown headers."""

    user: str
    columns: Mapping[str, str] = {}

    @property
    def vertex(self) -> str:
        """The id in the graph."""
        return f"{_VERTEX}{self.user}"


class Raw:
    """Tells which raw records of one header are of the user; None stands for JSON."""

    def __init__(self, whom: Whom, header: str | None) -> None:
        self._user, self._header = whom.user, header
        self._whole = whom.user.encode(errors="surrogatepass")
        self._in_quotes = self._whole.replace(b'"', b'""')
        self._value = re.compile(rb'"user"\s*:\s*"?' + re.escape(self._whole) + rb'"?\s*[,}\]]')
        self._columns, self._layout = _layout(header, whom.columns)

    def is_of(self, record: bytes) -> bool:
        """Whether a record is of the user."""
        # An escape may spell any letter in another way.
        if not (self._whole in record or self._in_quotes in record or b"\\" in record):
            return False
        return self._is_row_of(record) if self._header is not None else self._is_json_of(record)

    def _is_json_of(self, record: bytes) -> bool:
        try:
            named = checks.user_of(variants.parsed(record))
        except ValueError:
            named = None
        if named is not None:
            return named == self._user
        strings = (_text(found[0]) for found in _STRING.finditer(record))
        return self._user in strings or self._value.search(record) is not None

    def _is_row_of(self, record: bytes) -> bool:
        cells = _cells(record.decode(errors="replace"))
        if self._layout is not None and len(cells) == len(self._columns):
            named = layouts.event(self._layout, self._columns, cells).get("user")
            if named is not None and checks.is_id(named):
                return bool(named == self._user)
        return any(cell.strip() in (self._user, f"{self._user}.0") for cell in cells)


class Words:
    """Finds the id in text, as a whole word and however it may be spelt there."""

    def __init__(self, user: str) -> None:
        plain = json.dumps(user, ensure_ascii=False)[1:-1]
        spelt = {user, plain, json.dumps(user)[1:-1], quote(user, safe=""), quote(user)}
        forms = sorted((one.encode(errors="surrogatepass") for one in spelt), key=len, reverse=True)
        self._pattern = re.compile(rb"(?<![^\W_])(?:" + b"|".join(map(re.escape, forms)) + rb")(?![^\W_])")

    def places(self, line: bytes) -> Iterator[tuple[int, int]]:
        """Where it stands in a line: in the strings of a line of JSON, anywhere in another one."""
        spans = [found.span() for found in _STRING.finditer(line)] if line.startswith(b"{") else [(0, len(line))]
        for start, end in spans:
            yield from (found.span() for found in self._pattern.finditer(line, start, end))

    def redacted(self, text: str) -> str:
        """A text without it."""
        return self._pattern.sub(GONE.encode(), text.encode(errors="surrogatepass")).decode(errors="surrogatepass")


# Fields of a document that hold users, alone or in a list.
_FIELDS = {"user", "users", "similar_user", "busiest_user"}


class Renamed(NamedTuple):
    """Changes a document: a field that names the user says GONE, and folders are called what they are called now."""

    user: str
    names: Mapping[str, str] = {}

    def of(self, value: Any, field: str = "") -> Any:
        """The same document with that changed; `field` is the name that the value has."""
        if isinstance(value, str):
            return GONE if field in _FIELDS and value == self.user else self.names.get(value, value)
        if isinstance(value, dict):
            return {name: self.of(inner, name) for name, inner in value.items()}
        return [self.of(inner, field) for inner in value] if isinstance(value, list) else value


def _layout(header: str | None, own: Mapping[str, str]) -> tuple[list[str], layouts.Layout | None]:
    if header is None:
        return [], None
    try:
        return layouts.columns_of(header), layouts.recognise(header, own)
    except layouts.UnknownHeaderError:
        return layouts.columns_of(header), None


def _cells(row: str) -> list[str]:
    try:
        return next(csv.reader([row], strict=True), [])
    except csv.Error:
        return [cell.strip('"') for cell in row.split(",")]


def _text(string: bytes) -> str | None:
    """What a JSON string says."""
    try:
        return str(json.loads(string.decode(errors="replace"), strict=False))
    except ValueError:
        return None
