"""Events and segments -> what the users of a segment turn to most: products, categories, brands, and at which times.

Counted are different users, so that one who buys much weighs no more than another. What is bought by all is at the top
of every segment; the lift says what a segment takes to more than all users do. Times are those of UTC.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spark_app.frames import turns
from spark_app.segmentation import WEEKDAYS

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
TOP = (
    "method STRING, segment INT, kind STRING, rank INT, key STRING, label STRING, users BIGINT, share DOUBLE, "
    "lift DOUBLE"
)
# From this share of the users on, and so many times as often as elsewhere, a segment takes to something.
MANY, MORE = 0.05, 1.2


class Top(NamedTuple):
    """A row of TOP: `share` of the segment's `users` turned to it, `lift` times the share of all users.

    The kinds are product, category, brand, month, weekday and hour. A month has 01 to 12 as its key, a weekday 1 to 7
    for Monday to Sunday, an hour 00 to 23.
    """

    method: str
    segment: int
    kind: str
    rank: int
    key: str
    label: str
    users: int
    share: float
    lift: float


def of(
    events: DataFrame, details: DataFrame, assigned: DataFrame, weights: Mapping[str, float], n: int = 10
) -> DataFrame:
    """The n first of each kind by users, ties by key, as TOP; all months, weekdays and hours.

    From schemas.EVENT, schemas.PRODUCT_DETAILS and (user, method, segment). What turns a user to a product is said by
    the weights, as for what is trending. Shares are of all users of a segment, and all that have a segment.
    """
    met = events.filter(turns.to_product(weights)).select("user", "product", "occurred_at")
    return ranked(_things(met, details).unionByName(times(met)), details, assigned, n)


def ranked(turned: DataFrame, details: DataFrame, assigned: DataFrame, n: int = 10) -> DataFrame:
    """The same of (user, kind, key), what each user turned to; twice counts once."""
    members = turned.distinct().join(assigned.select("user", "method", "segment"), "user")
    counted = members.groupBy("method", "segment", "kind", "key").agg(F.count("*").alias("users"))
    found = counted.join(F.broadcast(_sizes(assigned)), ["method", "segment"])
    of_all = F.sum("users").over(Window.partitionBy("method", "kind", "key")) / F.col("all")
    share = F.col("users") / F.col("size")
    order = Window.partitionBy("method", "segment", "kind").orderBy(F.desc("users"), "key")
    places = found.select(
        "method", "segment", "kind", F.row_number().over(order).alias("rank"), "key", "users",
        share.alias("share"), (share / of_all).alias("lift"),
    )  # fmt: skip
    # Of times all: what stands out among them is seen against the others.
    best = places.filter((F.col("rank") <= n) | F.col("kind").isin("month", "weekday", "hour"))
    names = details.select(F.lit("product").alias("kind"), F.col("product").alias("key"), "name")
    label = F.coalesce(F.nullif(F.trim("name"), F.lit("")), _said())
    return best.join(names, ["kind", "key"], "left").select(
        "method", "segment", "kind", "rank", "key", label.alias("label"), "users", "share", "lift"
    )


def rows(tops: DataFrame) -> list[Top]:
    """All rows in order, on the driver: as many as segments times kinds times n."""
    names = Top._fields
    return [Top(*row) for row in tops.select(*names).orderBy("method", "segment", "kind", "rank").collect()]


def of_segment(rows: Sequence[Top], method: str, segment: int) -> list[Top]:
    """The rows of one segment."""
    return [row for row in rows if row.method == method and row.segment == segment]


def standing(rows: Sequence[Top], kind: str) -> list[tuple[Top, float]]:
    """The rows of a kind of one segment, by rank, each with its lift beside the mean lift of them all.

    Users of few events turn to everything less often than others do: what stands out is what does not fall as much.
    """
    own = sorted((row for row in rows if row.kind == kind), key=lambda row: row.rank)
    expected = sum(row.share / row.lift for row in own)
    return [(row, row.lift * expected / sum(one.share for one in own)) for row in own]


def taken(rows: Sequence[Top], kind: str) -> list[Top]:
    """Those of a kind that a segment takes to, the most telling first: many turn to them, and more than elsewhere."""
    found = [(row, relative) for row, relative in standing(rows, kind) if row.share >= MANY and relative >= MORE]
    return [row for row, relative in sorted(found, key=lambda one: (-one[0].share * one[1], one[0].rank))]


def leading(rows: Sequence[Top], kind: str) -> list[Top]:
    """All of a kind of one segment: what it takes to first, then what most turn to."""
    found = taken(rows, kind)
    return [*found, *(row for row, _ in standing(rows, kind) if row not in found)]


def _things(met: DataFrame, details: DataFrame) -> DataFrame:
    """(user, kind, key) of products, and of their categories and brands where these are known."""
    described = details.select("product", "category", "brand")
    pairs = met.select("user", "product").distinct().join(F.broadcast(described), "product", "left")
    kinds = [F.struct(F.lit(kind).alias("kind"), F.col(kind).alias("key")) for kind in ("product", "category", "brand")]
    return pairs.select("user", F.inline(F.array(*kinds))).filter(F.trim("key") != "")


def times(met: DataFrame) -> DataFrame:
    """(user, kind, key) of the months, weekdays and hours of events."""
    at = F.col("occurred_at")
    times = {
        "month": F.date_format(at, "MM"),
        "weekday": (F.weekday(at) + 1).cast("string"),
        "hour": F.date_format(at, "HH"),
    }
    moments = met.select("user", *[time.alias(kind) for kind, time in times.items()]).distinct()
    kinds = [F.struct(F.lit(kind).alias("kind"), F.col(kind).alias("key")) for kind in times]
    return moments.select("user", F.inline(F.array(*kinds)))


def _sizes(assigned: DataFrame) -> DataFrame:
    """(method, segment, size, all): how many users there are."""
    sizes = assigned.groupBy("method", "segment").agg(F.count("*").alias("size"))
    return sizes.withColumn("all", F.sum("size").over(Window.partitionBy("method")))


def _said() -> Column:
    """A month and a weekday by their names, an hour as 9 h, all else as it is."""
    number, kind = F.col("key").try_cast("int"), F.col("kind")
    said = F.when(kind == "hour", F.concat(number.cast("string"), F.lit(" h")))
    for name, words in (("month", MONTHS), ("weekday", WEEKDAYS)):
        said = said.when(kind == name, F.get(F.array(*map(F.lit, words)), number - 1))
    return said.otherwise(F.col("key"))
