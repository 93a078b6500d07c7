"""Raw records -> events, each accepted, or rejected with the first reason that applies.

JSON is read as a VARIANT, which is strict where `from_json` is not (duplicate keys, single quotes, NaN, trailing
text), and CSV by its layout; both become the same struct of texts, and the rules are applied to that.
"""

import functools
import operator
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_app import layouts, rules, schemas

# Follows the value inside an array: read back at place 1, it shows that the value was one document and no more.
# Not to be guessed by a sender who would hide something behind it.
_END = secrets.token_hex(16)
# Stands for a JSON value of the wrong type; no rule lets it pass.
_WRONG = "\0"
# What a JSON value may be, by the names that Spark has for the types of a VARIANT, as patterns of LIKE.
_ID_KINDS = ("STRING", "BIGINT", "VOID", "DECIMAL(%,0)")
_NUMBER_KINDS = ("BIGINT", "DOUBLE", "FLOAT", "VOID", "DECIMAL(%)")
_TIME_KINDS = ("STRING", *_NUMBER_KINDS)
_TEXT_KINDS = ("STRING", "VOID")
_KINDS = {
    "user": _ID_KINDS,
    "product": _ID_KINDS,
    "event_id": _ID_KINDS,
    "event_type": _TEXT_KINDS,
    "quantity": _NUMBER_KINDS,
    "rating": _NUMBER_KINDS,
    "price": _NUMBER_KINDS,
    "total_price": _NUMBER_KINDS,
    "timestamp": _TIME_KINDS,
}

# The CANDIDATE with those still as they were.
_FIELDS = functools.reduce(
    lambda ddl, name: ddl.replace(f"{name}: STRING", f"{name}: VARIANT", 1), _KINDS, layouts.CANDIDATE
)


def judge(
    raw: DataFrame, *, headers: Mapping[str, layouts.Layout], event_types: Sequence[str], now: datetime | None = None
) -> DataFrame:
    """Each raw record with its `reason` (null when accepted) and the columns of an event.

    `headers` says which layout each CSV header of `raw` has; `now` bounds timestamps from above; without it, the
    time of each batch.
    Columns: those of schemas.EVENT, then reason, value (null when accepted) and header.
    """
    read = _read_json(raw)
    for header, layout in headers.items():
        read = _read_csv(read, header, layout)
    fields = read.select("*", *_checked_fields())
    judged = fields.withColumn("reason", _first_fault(tuple(event_types), now))
    return judged.select(*_judged_columns())


def _read_json(raw: DataFrame) -> DataFrame:
    """Add `event` (a CANDIDATE, null when not exactly one object) and `malformed`, the reason for that."""
    document, fields, kinds, event, malformed = _columns_of_json()
    return (
        raw.withColumn("_json", document)
        # Columns of their own: within the branches below they would be made again for each field.
        .withColumn("_fields", fields)
        .select("*", *kinds)
        .withColumn("event", event)
        .withColumn("malformed", malformed)
        .drop("_json", "_fields", *[f"_kind_{name}" for name in _KINDS])
    )


# Columns are made once: that takes thousands of calls to Java, and each micro-batch would wait for them.
@functools.cache
def _columns_of_json() -> tuple[Column, Column, list[Column], Column, Column]:
    """The document as a VARIANT, its fields, their kinds, and what both make: the candidate and what is malformed."""
    text = F.col("value").cast("string")
    # Behind a backslash that is itself escaped, a u begins no escape.
    escapes = F.replace(text, F.lit("\\\\"), F.lit("  "))
    whole_text = ~((F.instr(text, "\\u") > 0) & escapes.rlike(rules.LONE_SURROGATE))
    document = F.expr(f"try_parse_json(concat('[', CAST(value AS STRING), ',\"{_END}\"]'))")
    single = F.expr("try_variant_get(_json, '$[1]', 'string')") == _END
    # Null for anything but an object.
    fields = F.expr(f"try_variant_get(_json, '$[0]', '{_FIELDS}')")
    return (
        F.when(F.col("header").isNull() & _is_text() & whole_text, document),
        F.when(single, fields),
        [F.expr(f"schema_of_variant(_fields.{name})").alias(f"_kind_{name}") for name in _KINDS],
        F.when(F.col("_fields").isNotNull(), _candidate_of_json()),
        F.when(_is_too_large(), "too_large").when(F.col("_fields").isNull(), "not_json"),
    )


def _candidate_of_json() -> Column:
    """The object's fields as text; one of the wrong type becomes a text that its rule refuses."""
    fields = []
    for name in (*layouts.TEXT_FIELDS, "product_data", "customer_data", "properties"):
        field = F.col(f"_fields.{name}")
        if name in _KINDS:
            kind, text = F.col(f"_kind_{name}"), F.expr(f"try_variant_get(_fields.{name}, '$', 'string')")
            right = functools.reduce(operator.or_, map(kind.like, _KINDS[name]))
            field = F.when(right, text).when(kind.isNotNull(), F.lit(_WRONG))
        fields.append(field.alias(name))
    return F.struct(*fields)


def _read_csv(read: DataFrame, header: str, layout: layouts.Layout) -> DataFrame:
    """Replace `event` and `malformed` of the rows that have this header by what its layout makes of them."""
    options = f"map('mode', 'PERMISSIVE', 'columnNameOfCorruptRecord', '{layouts.CORRUPT}', 'escape', '\"')"
    parsed = F.expr(f"from_csv(CAST(value AS STRING), '{layouts.row_schema(header)}', {options})")
    mine = F.col("header").eqNullSafe(F.lit(header))
    whole = F.col("_row").isNotNull() & F.col(f"_row.{layouts.CORRUPT}").isNull()
    event = F.expr(layouts.candidate(layout, header, "_row"))
    malformed = F.when(_is_too_large(), "too_large").when(~whole, "bad_row")
    return (
        read.withColumn("_row", F.when(mine & _is_text(), parsed))
        .withColumn("event", F.when(mine & whole, event).when(~mine, F.col("event")))
        .withColumn("malformed", F.when(mine, malformed).otherwise(F.col("malformed")))
        .drop("_row")
    )


def _is_too_large() -> Column:
    return F.length("value") > rules.MAX_BYTES


def _is_text() -> Column:
    return ~_is_too_large() & F.expr("is_valid_utf8(value)")


@functools.cache
def _checked_fields() -> list[Column]:
    """Typed columns `_x` of the candidate; null where absent or not usable."""
    data = F.col("event.product_data")
    fields = {name: F.col(f"event.{name}") for name in layouts.TEXT_FIELDS}
    return [
        _non_empty(fields["user"]).alias("_user"),
        _non_empty(fields["product"]).alias("_product"),
        F.coalesce(_non_empty(fields["event_type"]), F.lit(rules.DEFAULT_EVENT_TYPE)).alias("_event_type"),
        _number(fields["quantity"], rules.DEFAULT_QUANTITY).alias("_quantity"),
        _number(fields["rating"]).alias("_rating"),
        _number(fields["price"]).alias("_price"),
        _number(fields["total_price"]).alias("_total_price"),
        _number(data["price"]).alias("_list_price"),
        F.when(_non_empty(fields["timestamp"]).isNull(), F.col("received_at"))
        .otherwise(_time(fields["timestamp"]))
        .alias("_occurred_at"),
    ]


@functools.lru_cache(maxsize=16)
def _first_fault(event_types: tuple[str, ...], now: datetime | None) -> Column:
    """The first reason of rules.REASONS that applies, or null."""
    known = F.col("_event_type").isin(*event_types, rules.POST, rules.DISLIKE)
    faults = {
        "missing_user": F.col("_user").isNull(),
        "bad_user": ~_is_id(F.col("_user")),
        "missing_product": F.col("_product").isNull() & (F.col("_event_type") != rules.POST),
        "bad_product": F.col("_product").isNotNull() & ~_is_id(F.col("_product")),
        "bad_event_type": ~known,
        "bad_quantity": _out_of_bounds("_quantity") | F.col("_quantity").isNull(),
        "bad_rating": _out_of_bounds("_rating"),
        "bad_price": _bad_price("_price") | _out_of_bounds("_total_price") | _bad_price("_list_price"),
        "bad_timestamp": _outside(F.col("_occurred_at"), now),
    }
    fault = F.when(F.col("malformed").isNotNull(), F.col("malformed"))
    for reason in rules.REASONS:
        if reason in faults:
            fault = fault.when(faults[reason], F.lit(reason))
    return fault


@functools.cache
def _judged_columns() -> list[Column]:
    text = {name: F.col(f"event.{name}") for name in layouts.TEXT_FIELDS}
    place = F.concat_ws(":", "source", "partition", "position")
    product_data, customer_data = F.col("event.product_data"), F.col("event.customer_data")
    made = {
        "event_id": F.coalesce(F.when(_is_id(text["event_id"]), text["event_id"]), place),
        "user": F.col("_user"),
        "product": F.col("_product"),
        "event_type": F.col("_event_type"),
        "quantity": F.col("_quantity"),
        "rating": F.col("_rating"),
        "occurred_at": F.col("_occurred_at"),
        "session_id": text["session_id"],
        "price": F.col("_price"),
        "total_price": F.col("_total_price"),
        "product_data": _described(product_data, schemas.PRODUCT_DATA),
        "customer_data": _described(customer_data, schemas.CUSTOMER_DATA),
        "text": text["text"],
        "image": text["image"],
        "properties": F.map_filter("event.properties", lambda _, value: value.isNotNull()),
        "source": F.col("source"),
        "partition": F.col("partition"),
        "position": F.col("position"),
        "received_at": F.col("received_at"),
        "reason": F.col("reason"),
        "value": F.when(F.col("reason").isNotNull(), F.col("value")),
        "header": F.col("header"),
    }
    return [column.alias(name) for name, column in made.items()]


def _described(texts: Column, ddl: str) -> Column:
    """A struct of texts as the typed one of the event table; null when it says nothing."""
    fields = schemas.fields(ddl)
    # An empty word is none: a brand that is called nothing would stand for all that say it.
    typed = [_non_empty(texts[name]).try_cast(kind.lower()).alias(name) for name, kind in fields]
    said = F.coalesce(*[texts[name] for name, _ in fields]).isNotNull()
    return F.when(said, F.struct(*typed))


def _non_empty(text: Column) -> Column:
    return F.when(text != "", text)


def _is_id(text: Column) -> Column:
    return F.length(text).between(1, rules.MAX_ID_CHARACTERS) & (F.instr(text, "\0") == 0)


def _number(text: Column, default: float | None = None) -> Column:
    """A double; the default where absent, NaN where it is no number."""
    value = F.when(text.rlike(rules.NUMBER), text.try_cast("double"))
    absent = F.lit(default).cast("double")
    return F.when(_non_empty(text).isNull(), absent).otherwise(F.coalesce(value, F.lit(float("nan"))))


def _out_of_bounds(name: str) -> Column:
    value = F.col(name)
    return F.coalesce(F.isnan(value) | (F.abs(value) > rules.MAX_NUMBER), F.lit(False))


def _bad_price(name: str) -> Column:
    return _out_of_bounds(name) | F.coalesce(F.col(name) < 0, F.lit(False))


def _time(text: Column) -> Column:
    """Epoch seconds, or milliseconds where so large, or ISO-8601; null for anything else."""
    number = F.when(text.rlike(rules.NUMBER), text.try_cast("double"))
    seconds = F.when(F.abs(number) >= rules.MILLISECONDS_FROM, number / 1000).otherwise(number)
    epoch = F.when(F.abs(seconds) < rules.MAX_SECONDS, F.timestamp_micros(F.rint(seconds * 1_000_000).cast("bigint")))
    iso = F.when(
        text.rlike(rules.ISO_8601),
        F.coalesce(text.try_cast("timestamp"), _normal_form(text).try_cast("timestamp")),
    )
    return F.coalesce(epoch, iso)


def _normal_form(text: Column) -> Column:
    """ISO-8601 as Spark's cast takes it: Z for UTC, a point in fractions, and before a zone seconds and no blank."""
    zulu = F.regexp_replace(F.trim(text, F.lit(" \t\r\n")), "\\s?(UTC|z)$", "Z")
    pointed = F.regexp_replace(zulu, ",", ".")
    timed = F.regexp_replace(pointed, "([T ]\\d{2}:\\d{2})(\\s?[Z+-].*)$", "$1:00$2")
    joined = F.regexp_replace(timed, "(:\\d{2}(?:\\.\\d+)?)\\s([+-]\\d{2})", "$1$2")
    return F.regexp_replace(joined, "([+-]\\d{2})(\\d{2})$", "$1:$2")


def _outside(time: Column, now: datetime | None) -> Column:
    present = F.current_timestamp() if now is None else F.lit(now)
    latest = present + F.expr(f"INTERVAL {rules.MAX_AHEAD_SECONDS} SECONDS")
    return time.isNull() | (time < F.lit(rules.EARLIEST).cast("timestamp")) | (time > latest)
