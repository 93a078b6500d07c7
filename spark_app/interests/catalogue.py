"""What a shop offers to groups: CSV files of one folder in, the products of a group out.

A row names its group by its number, its label or one of its keywords, so that it stays right when groups are made
again. All files are read anew each time: they are small, and are edited by hand.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from spark_app.rules import MAX_ID_CHARACTERS

COLUMNS = ("group", "product", "name", "link", "image")
# Of these, what a file may leave out.
_OPTIONAL = ("name", "link", "image")
_EXPECTED = {"group": "a number, or a keyword of the group", "product": "the id of a product"}
_LONGEST, _SHORT = 2048, 60
CATALOGUE, BOUGHT = "catalogue", "bought"
_NOT_SHOWN = re.compile(r"[\x00-\x1f\x7f]")


class WrongCatalogueError(ValueError):
    """A file that cannot be used; the message is one line that names file, line, value and what was expected."""


class Row(NamedTuple):
    """A line of a file. `link` and `image` are as they were written: who shows them looks whether they can be."""

    group: str
    product: str
    name: str
    link: str
    image: str


def read(folder: Path) -> list[Row]:
    """All rows of all CSV files, by file name and line; none where there is no folder. WrongCatalogueError."""
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise WrongCatalogueError(f"{folder}: expected a folder of CSV files: {','.join(COLUMNS)}")
    return [row for path in sorted(folder.glob("*.csv")) for row in _rows(path)]


def of_group(rows: Sequence[Row], group: int, keywords: Sequence[str], most: int = 10) -> list[dict[str, Any]]:
    """What is offered to a group: {product, name, link, image, source}, each product once.

    Those that name its number come first, then those that name a keyword (or the label), the first keyword first.
    """
    places = {str(group): 0} | {word.casefold(): place for place, word in enumerate(keywords, 1)}
    own = [row for row in rows if row.group.casefold() in places]
    own.sort(key=lambda row: places[row.group.casefold()])
    found: dict[str, Row] = {}
    for row in own:
        found.setdefault(row.product, row)
    return [_offered(row) for row in found.values()][:most]


def offered(rows: Sequence[Row], facts: Mapping[str, Any], most: int = 10) -> list[dict[str, Any]]:
    """What a group is shown: of the catalogue first, then what its users buy; `facts` as summary.json tells it."""
    own = of_group(rows, facts["group"], [facts["label"], *(word for word, _ in facts["keywords"])], most)
    there = {one["product"] for one in own}
    bought = [one for one in facts.get("products", []) if one["source"] == BOUGHT and one["product"] not in there]
    return [*own, *bought][:most]


def _offered(row: Row) -> dict[str, Any]:
    shown = {name: getattr(row, name) or None for name in ("name", "link", "image")}
    return {"product": row.product} | shown | {"source": CATALOGUE}


def _rows(path: Path) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), restkey="", strict=True)
    try:
        _check_header(path, reader.fieldnames)
        for found in reader:
            yield _row(f"{path}, line {reader.line_num}", found)
    except csv.Error as error:
        raise WrongCatalogueError(f"{path}, line {reader.line_num}: {error}: expected CSV (RFC 4180)") from None


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise WrongCatalogueError(f"{path}: {error.strerror}: expected a CSV file") from None
    except UnicodeDecodeError as error:
        line = path.read_bytes().count(b"\n", 0, error.start) + 1
        raise WrongCatalogueError(f"{path}, line {line}: not UTF-8: expected CSV in UTF-8") from None


def _check_header(path: Path, names: Sequence[str] | None) -> None:
    needed = {*COLUMNS} - {*_OPTIONAL}
    found = names or []
    if not needed <= {*found} <= {*COLUMNS} or len(found) != len({*found}):
        shown = _shown(",".join(found))
        raise WrongCatalogueError(f"{path}, line 1: {shown}: expected the columns {','.join(COLUMNS)}")


def _row(where: str, found: Mapping[str, Any]) -> Row:
    if "" in found or None in found.values():
        raise WrongCatalogueError(f"{where}: expected as many cells as the header has")
    row = Row(**{name: str(found.get(name, "")).strip() for name in COLUMNS})
    for name in ("group", "product"):
        if not getattr(row, name):
            raise WrongCatalogueError(f"{where}: {name} is empty: expected {_EXPECTED[name]}")
    for name, value in row._asdict().items():
        most = MAX_ID_CHARACTERS if name == "product" else _LONGEST
        if len(value) > most or _NOT_SHOWN.search(value):
            raise WrongCatalogueError(f"{where}: {name} {_shown(value)}: expected up to {most:,} signs on one line")
    return row._replace(group=_number(row.group))


def _number(group: str) -> str:
    return str(int(group)) if group.isascii() and group.isdigit() else group


def is_address(text: str | None) -> bool:
    """Whether it can be followed: an address of the web that names a host, and neither a user nor a password."""
    try:
        found = urlsplit(text or "")
    except ValueError:
        return False
    return found.scheme in ("http", "https") and bool(found.hostname) and "@" not in found.netloc


def _shown(value: str) -> str:
    return repr(value if len(value) <= _SHORT else f"{value[: _SHORT - 3]}...")
