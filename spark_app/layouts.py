"""Known CSV layouts, recognised by their header, and how each becomes an event: data and SQL text, no Spark.

A layout maps fields of the event to SQL over the columns of its header, in backquotes. A row is read by places, not
by names, so that a column may be called anything.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from spark_app import rules

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
_COLUMN = re.compile("`((?:[^`]|``)*)`")

# Words in a column's name that hint at its meaning, to propose a mapping for an unknown header.
_HINTS = {
    "user": ("user", "customer", "client", "buyer", "member", "kund"),
    "product": ("product", "item", "sku", "article", "movie", "stock", "asin", "produkt", "artikel"),
    "quantity": ("quantity", "qty", "amount", "units", "menge"),
    "timestamp": ("timestamp", "datetime", "date", "time", "created", "datum"),
    "rating": ("rating", "stars", "score"),
    "price": ("price", "preis"),
}


class Layout(NamedTuple):
    """How the rows of one kind of CSV become events."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    fields: Mapping[str, str] = {}
    product: Mapping[str, str] = {}
    customer: Mapping[str, str] = {}
    properties: Mapping[str, str] = {}


class UnknownHeaderError(ValueError):
    """A header that no layout has; the message prints it and a mapping to copy into the settings."""


ONLINE_RETAIL = Layout(
    "online_retail",
    ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"),
    fields={
        "user": "regexp_replace(`CustomerID`, '\\\\.0$', '')",
        "product": "`StockCode`",
        "quantity": "`Quantity`",
        "timestamp": "`InvoiceDate`",
        "session_id": "`InvoiceNo`",
        "price": "`UnitPrice`",
    },
    product={"name": "trim(`Description`)", "price": "`UnitPrice`"},
    customer={"location": "`Country`"},
)
_II = {"InvoiceNo": "Invoice", "UnitPrice": "Price", "CustomerID": "Customer ID"}


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _renamed(texts: Mapping[str, str]) -> dict[str, str]:
    return {field: _COLUMN.sub(lambda found: _quoted(_II.get(found[1], found[1])), sql) for field, sql in texts.items()}


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
        "user": "`user_id`",
        "product": "`product_id`",
        "timestamp": "`event_time`",
        "event_type": "`event_type`",
        "session_id": "`user_session`",
        "price": "`price`",
    },
    product={"category": "coalesce(`category_code`, `category_id`)", "brand": "`brand`", "price": "`price`"},
)  # fmt: skip
MOVIELENS = Layout(
    "movielens",
    ("userId", "movieId", "rating", "timestamp"),
    fields={
        "user": "`userId`",
        "product": "`movieId`",
        "rating": "`rating`",
        "timestamp": "`timestamp`",
        "event_type": "'rate'",
    },
)
_PLAIN_FIELDS = (
    "quantity", "timestamp", "event_type", "rating", "event_id", "session_id", "price", "total_price",
)  # fmt: skip
PLAIN = Layout(
    "plain",
    ("user", "product"),
    (*_PLAIN_FIELDS, "name", "category", "brand"),
    fields={name: f"`{name}`" for name in ("user", "product", *_PLAIN_FIELDS)},
    product={name: f"`{name}`" for name in ("name", "category", "brand", "price")},
)
POSTS = Layout(
    "posts",
    ("user", "post_text"),
    ("image", "timestamp"),
    fields={
        "user": "`user`",
        "text": "`post_text`",
        "image": "`image`",
        "timestamp": "`timestamp`",
        "event_type": f"'{rules.POST}'",
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
    fields={"user": "`user_id`", "product": "`domain`", "event_type": "'view'", "timestamp": "`timestamp`"},
    product={"category": "`category_name`"},
    properties={name: f"`{name}`" for name in _BROWSING_PROPERTIES},
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

    def text(columns: Mapping[str, str], field: str) -> str:
        sql = columns.get(field, "")
        if not sql or any(_unquoted(found) not in cells for found in _COLUMN.findall(sql)):
            return "CAST(NULL AS STRING)"
        return _COLUMN.sub(lambda found: cells[_unquoted(found[1])], sql)

    def struct(columns: Mapping[str, str], fields: Sequence[str]) -> str:
        return "named_struct(" + ", ".join(f"'{field}', {text(columns, field)}" for field in fields) + ")"

    flat = ", ".join(f"'{field}', {text(layout.fields, field)}" for field in TEXT_FIELDS)
    pairs = ", ".join(f"'{_escaped(name)}', {text(layout.properties, name)}" for name in layout.properties)
    properties = f"map_filter(map({pairs}), (k, v) -> v IS NOT NULL)" if pairs else "CAST(NULL AS MAP<STRING, STRING>)"
    return (
        f"named_struct({flat}, 'product_data', {struct(layout.product, PRODUCT_FIELDS)}, "
        f"'customer_data', {struct(layout.customer, CUSTOMER_FIELDS)}, 'properties', {properties})"
    )


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
            fields={field: _quoted(column) for field, column in own.items() if field in TEXT_FIELDS},
            product={field: _quoted(column) for field, column in own.items() if field in PRODUCT_FIELDS[1:]},
            properties={name: _quoted(name) for name in rest},
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


def _unquoted(name: str) -> str:
    return name.replace("``", "`")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
