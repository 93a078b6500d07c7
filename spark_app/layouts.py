"""Known CSV layouts, recognised by their header, and how each becomes an event: data, no Spark.

A layout says of each field of the event from which columns it is made. That is rendered twice: as SQL text for the
stream, and as Python for the producer that replays files. A row is read by places, not by names, so that a column may
be called anything.
"""

import csv
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from spark_app import rules
from spark_app.running.errors import SaidError

PRODUCT_FIELDS = ("id", "name", "category", "brand", "price", "in_stock")
CUSTOMER_FIELDS = ("id", "name", "email", "location", "age")
TEXT_FIELDS = (
    "user", "product", "quantity", "timestamp", "event_type", "rating", "event_id", "session_id",
    "price", "total_price", "text", "image",
)  # fmt: skip
# What an event may say, still as text: JSON and CSV both become this before any rule is applied.
CANDIDATE = (
    "STRUCT<"
    + ", ".join(f"{name}: STRING" for name in TEXT_FIELDS)
    + f", product_data: STRUCT<{', '.join(f'{name}: STRING' for name in PRODUCT_FIELDS)}>"
    + f", customer_data: STRUCT<{', '.join(f'{name}: STRING' for name in CUSTOMER_FIELDS)}>"
    + ", properties: MAP<STRING, STRING>>"
)
CORRUPT = "_corrupt"
_NULL = "CAST(NULL AS STRING)"

# Words in a column's name that hint at its meaning, to propose a mapping for an unknown header.
_HINTS = {
    "user": ("user", "customer", "client", "buyer", "member", "kund"),
    "product": ("product", "item", "sku", "article", "movie", "stock", "asin", "produkt", "artikel"),
    "quantity": ("quantity", "qty", "amount", "units", "menge"),
    "timestamp": ("timestamp", "datetime", "date", "time", "created", "datum"),
    "rating": ("rating", "stars", "score"),
    "price": ("price", "preis"),
}


class Change(NamedTuple):
    """What is done to a text, said in SQL and in Python."""

    sql: str
    python: Callable[[str], str]


AS_IS = Change("{}", lambda text: text)
TRIMMED = Change("trim({})", lambda text: text.strip(" "))
WITHOUT_FRACTION = Change("regexp_replace({}, '\\\\.0$', '')", lambda text: text.removesuffix(".0"))


class Text(NamedTuple):
    """What a field is made from: the first of some columns that is filled, with one change; or a constant."""

    columns: tuple[str, ...] = ()
    change: Change = AS_IS
    constant: str = ""

    def sql(self, cells: Mapping[str, str]) -> str:
        """Over the SQL of each column's cell; NULL where a column is missing."""
        if not self.columns:
            return f"'{_escaped(self.constant)}'"
        if not set(self.columns) <= cells.keys():
            return _NULL
        found = [cells[name] for name in self.columns]
        return self.change.sql.format(found[0] if len(found) == 1 else f"coalesce({', '.join(found)})")

    def of(self, cells: Mapping[str, str]) -> str | None:
        """From the text of each column's cell; None where all are empty."""
        if not self.columns:
            return self.constant
        found = next((cells[name] for name in self.columns if cells.get(name)), None)
        return None if found is None else self.change.python(found)


class Layout(NamedTuple):
    """How the rows of one kind of CSV become events."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    fields: Mapping[str, Text] = {}
    product: Mapping[str, Text] = {}
    customer: Mapping[str, Text] = {}
    properties: Mapping[str, Text] = {}


class UnknownHeaderError(SaidError, ValueError):
    """A header that no layout has; the message prints it and a mapping to copy into the settings."""


ONLINE_RETAIL = Layout(
    "online_retail",
    ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"),
    fields={
        "user": Text(("CustomerID",), WITHOUT_FRACTION),
        "product": Text(("StockCode",)),
        "quantity": Text(("Quantity",)),
        "timestamp": Text(("InvoiceDate",)),
        "session_id": Text(("InvoiceNo",)),
        "price": Text(("UnitPrice",)),
    },
    product={"name": Text(("Description",), TRIMMED), "price": Text(("UnitPrice",))},
    customer={"location": Text(("Country",))},
)
_II = {"InvoiceNo": "Invoice", "UnitPrice": "Price", "CustomerID": "Customer ID"}


def _renamed(texts: Mapping[str, Text]) -> dict[str, Text]:
    return {
        field: text._replace(columns=tuple(_II.get(name, name) for name in text.columns))
        for field, text in texts.items()
    }


ONLINE_RETAIL_II = Layout(
    "online_retail_ii",
    tuple(_II.get(column, column) for column in ONLINE_RETAIL.required),
    fields=_renamed(ONLINE_RETAIL.fields),
    product=_renamed(ONLINE_RETAIL.product),
    customer=ONLINE_RETAIL.customer,
)
REES46 = Layout(
    "rees46",
    ("event_time", "event_type", "product_id", "category_id", "category_code", "brand", "price", "user_id",
     "user_session"),
    fields={
        "user": Text(("user_id",)),
        "product": Text(("product_id",)),
        "timestamp": Text(("event_time",)),
        "event_type": Text(("event_type",)),
        "session_id": Text(("user_session",)),
        "price": Text(("price",)),
    },
    product={"category": Text(("category_code", "category_id")), "brand": Text(("brand",)), "price": Text(("price",))},
)  # fmt: skip
MOVIELENS = Layout(
    "movielens",
    ("userId", "movieId", "rating", "timestamp"),
    fields={
        "user": Text(("userId",)),
        "product": Text(("movieId",)),
        "rating": Text(("rating",)),
        "timestamp": Text(("timestamp",)),
        "event_type": Text(constant="rate"),
    },
)
_PLAIN_FIELDS = (
    "quantity", "timestamp", "event_type", "rating", "event_id", "session_id", "price", "total_price",
)  # fmt: skip
PLAIN = Layout(
    "plain",
    ("user", "product"),
    (*_PLAIN_FIELDS, "name", "category", "brand"),
    fields={name: Text((name,)) for name in ("user", "product", *_PLAIN_FIELDS)},
    product={name: Text((name,)) for name in ("name", "category", "brand", "price")},
)
POSTS = Layout(
    "posts",
    ("user", "post_text"),
    ("image", "timestamp"),
    fields={
        "user": Text(("user",)),
        "text": Text(("post_text",)),
        "image": Text(("image",)),
        "timestamp": Text(("timestamp",)),
        "event_type": Text(constant=rules.POST),
    },
)
_BROWSING_PROPERTIES = (
    "category_name", "application_name", "domain_tags", "volume", "duration", "server_ip", "referer_category",
    "referer_domain",
)  # fmt: skip
BROWSING = Layout(
    "browsing",
    ("user_id", "category_name", "application_name", "domain_tags", "domain", "volume", "duration", "server_ip",
     "referer_category", "referer_domain"),
    ("timestamp",),
    fields={
        "user": Text(("user_id",)),
        "product": Text(("domain",)),
        "event_type": Text(constant="view"),
        "timestamp": Text(("timestamp",)),
    },
    product={"category": Text(("category_name",))},
    properties={name: Text((name,)) for name in _BROWSING_PROPERTIES},
)  # fmt: skip

KNOWN = (ONLINE_RETAIL, ONLINE_RETAIL_II, REES46, MOVIELENS, BROWSING, POSTS, PLAIN)


def columns_of(header: str) -> list[str]:
    """Names in a header line, without the blanks around them; the line itself where it is no row of a CSV."""
    try:
        return [name.strip() for name in next(csv.reader([header]), [])]
    except csv.Error:
        return [header]


def recognise(header: str, own: Mapping[str, str]) -> Layout:
    """The layout that has this header; `own` is the mapping of the settings, event field -> column.

    The order of the columns does not matter. Raises UnknownHeaderError.
    """
    columns = columns_of(header)
    if len(set(columns)) == len(columns):
        for layout in (*_from_settings(own, columns), *KNOWN):
            if set(layout.required) <= set(columns) <= {*layout.required, *layout.optional}:
                return layout
    raise UnknownHeaderError(_refusal(columns))


def row_schema(header: str) -> str:
    """DDL of a row with this header, all text, its cells named by their place, and of what keeps a malformed row."""
    return ", ".join(f"{name} STRING" for name in (*map(_cell, range(len(columns_of(header)))), CORRUPT))


def candidate(layout: Layout, header: str, row: str) -> str:
    """SQL text of the CANDIDATE struct that a parsed row (an SQL name) of this layout stands for."""
    cells = {name: f"{row}.{_cell(place)}" for place, name in enumerate(columns_of(header))}

    def text(made: Mapping[str, Text], field: str) -> str:
        return made[field].sql(cells) if field in made else _NULL

    def struct(made: Mapping[str, Text], fields: Sequence[str]) -> str:
        return "named_struct(" + ", ".join(f"'{field}', {text(made, field)}" for field in fields) + ")"

    flat = ", ".join(f"'{field}', {text(layout.fields, field)}" for field in TEXT_FIELDS)
    pairs = ", ".join(f"'{_escaped(name)}', {text(layout.properties, name)}" for name in layout.properties)
    properties = f"map_filter(map({pairs}), (k, v) -> v IS NOT NULL)" if pairs else "CAST(NULL AS MAP<STRING, STRING>)"
    return (
        f"named_struct({flat}, 'product_data', {struct(layout.product, PRODUCT_FIELDS)}, "
        f"'customer_data', {struct(layout.customer, CUSTOMER_FIELDS)}, 'properties', {properties})"
    )


def event(layout: Layout, columns: Sequence[str], row: Sequence[str]) -> dict[str, Any]:
    """The event that a row of this layout stands for, all its values still texts; what is empty is left out.

    ValueError when the row has not as many cells as the header has columns.
    """
    cells = dict(zip(columns, row, strict=True))

    def filled(made: Mapping[str, Text]) -> dict[str, str]:
        texts = ((field, text.of(cells)) for field, text in made.items())
        return {field: text for field, text in texts if text is not None}

    parts = {"product_data": layout.product, "customer_data": layout.customer, "properties": layout.properties}
    told = {name: filled(made) for name, made in parts.items()}
    return {**filled(layout.fields), **{name: part for name, part in told.items() if part}}


def _from_settings(own: Mapping[str, str], columns: Sequence[str]) -> list[Layout]:
    """The layout that MILLSTREAM_COLUMNS describes; columns it does not name become properties."""
    if not own:
        return []
    rest = tuple(name for name in columns if name not in own.values())
    return [
        Layout(
            "columns",
            tuple(own.values()),
            rest,
            fields={field: Text((column,)) for field, column in own.items() if field in TEXT_FIELDS},
            product={field: Text((column,)) for field, column in own.items() if field in PRODUCT_FIELDS[1:]},
            properties={name: Text((name,)) for name in rest},
        )
    ]


def _refusal(columns: Sequence[str]) -> str:
    shown = repr(",".join(columns)[:300])
    twice = next((name for name, count in Counter(columns).items() if count > 1), None)
    if twice is not None:
        return f"header {shown} has the column {twice!r} twice; give each a name of its own"
    return f"unknown header {shown}. To take it, name its columns: MILLSTREAM_COLUMNS='{_to_copy(_proposed(columns))}'"


def _to_copy(mapping: Mapping[str, str]) -> str:
    """JSON that stays whole between single quotes, in a shell and in a .env file."""
    text = json.dumps(mapping, ensure_ascii=False)
    return text.replace("\\\\", "\\u005c").replace('\\"', "\\u0022").replace("'", "\\u0027")


def _proposed(columns: Sequence[str]) -> dict[str, str]:
    """Event field -> the column whose name hints at it, or a blank to fill in."""
    proposed: dict[str, str] = {}
    for field, hints in _HINTS.items():
        fitting = (name for hint in hints for name in columns if hint in name.lower())
        column = next((name for name in fitting if name not in proposed.values()), None)
        if column or field in ("user", "product"):
            proposed[field] = column or "..."
    return proposed


def _cell(place: int) -> str:
    return f"c{place}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
