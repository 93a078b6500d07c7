"""Events -> one row per user and product: how strongly the user has shown interest, and the engine's ids.

A pair that ever met stays a row. Its strength is null when nothing positive is left of it (returned, taken out
of the cart, disliked): such a pair shows no interest, yet the product is no longer new to the user.
"""

import operator
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import reduce
from typing import Literal

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spark_app import rules
from spark_app.ages import decay

RATE = "rate"
PURCHASE = "purchase"


def from_events(
    events: DataFrame,
    weights: Mapping[str, float],
    *,
    strength: Literal["binary", "log"] = "binary",
    half_life_days: float | None = None,
    newest: datetime | None = None,
) -> DataFrame:
    """One row per user and product that ever met, as schemas.INTERACTION.

    strength = sum over event types of weight x 1 (binary) or x log1p(net quantity) (log), x 0.5^(age of the type's
    newest event in days / half-life), where there is a half-life. Ages count back from `newest`, by default the newest
    event of the table.
    """
    scaled = _scaled(weights)
    pairs = _netted(events, (*scaled, rules.DISLIKE))
    if RATE in scaled:
        pairs = pairs.join(_mean_ratings(events), "user", "left")
    if half_life_days:
        pairs = pairs.crossJoin(F.broadcast(_newest(events, newest)))
    parts = [_size(kind, strength) * weight * _decay(kind, half_life_days) for kind, weight in scaled.items()]
    total = _sum(parts)
    # Relative to what speaks for it: 0.3 - 0.1 - 0.2 is nothing left, and a strength that has decayed is small.
    kept = (total > _sum(_above_zero(part) for part in parts) * 1e-12) & ~_counts(rules.DISLIKE)
    return pairs.select("user", "product", F.when(kept, total).alias("strength"), "event_count", "last_event_at")


def liked(interactions: DataFrame) -> DataFrame:
    """The interactions that show interest; the others were only seen."""
    return interactions.filter(F.col("strength").isNotNull())


def ratings(events: DataFrame) -> DataFrame:
    """The newest rating of each user and product, as schemas.RATING."""
    rated = events.filter(F.col("product").isNotNull() & F.col("rating").isNotNull())
    return rated.groupBy("user", "product").agg(F.max_by("rating", _order()).alias("rating"))


def user_index(events: DataFrame, known: DataFrame | None = None) -> DataFrame:
    """Every user of the events with its engine id, as schemas.USER_INDEX; whoever is `known` keeps the id."""
    return _index(events, known, "user", "userId")


def product_index(events: DataFrame, known: DataFrame | None = None) -> DataFrame:
    """Every product of the events with its engine id, as schemas.PRODUCT_INDEX; what is `known` keeps the id."""
    return _index(events, known, "product", "productId")


def product_details(events: DataFrame) -> DataFrame:
    """What the newest events say of each product, field by field, as schemas.PRODUCT_DETAILS."""
    fields = {name: F.col(f"product_data.{name}") for name in ("name", "category", "brand")}
    fields["price"] = F.coalesce(F.col("product_data.price"), F.col("price"))
    # A null order is passed over, so that each field finds its own newest event in one aggregation.
    newest = [F.max_by(value, F.when(value.isNotNull(), _order())).alias(name) for name, value in fields.items()]
    return events.filter(F.col("product").isNotNull()).groupBy("product").agg(*newest)


def _scaled(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights of the types that count, such that a lone purchase has strength 1."""
    counting = {kind: weight for kind, weight in weights.items() if weight and kind not in (rules.POST, rules.DISLIKE)}
    purchase = counting.get(PURCHASE, 0.0)
    unit = purchase if purchase > 0 else max(counting.values(), default=0.0)
    return {kind: weight / unit for kind, weight in counting.items()} if unit > 0 else {}


def _netted(events: DataFrame, kinds: tuple[str, ...]) -> DataFrame:
    """One row per user and product; `of` holds (net, newest) for each event type. One shuffle, however many types."""
    of_kind = {kind: F.col("event_type") == kind for kind in kinds}
    parts = [
        F.struct(
            # Rounded: 0.1 + 0.2 - 0.3 is nothing left, and the order of a sum must not show.
            F.round(F.sum(F.when(is_it, F.col("quantity"))), 6).alias("net"),
            F.max(F.when(is_it, F.col("occurred_at"))).alias("newest"),
        ).alias(_field(kind))
        for kind, is_it in of_kind.items()
    ]
    return (
        events.filter(F.col("product").isNotNull())
        .groupBy("user", "product")
        .agg(
            F.struct(*parts).alias("of"),
            F.avg("rating").alias("rating"),
            F.count("*").alias("event_count"),
            F.max("occurred_at").alias("last_event_at"),
        )
    )


def _mean_ratings(events: DataFrame) -> DataFrame:
    rated = events.filter(F.col("product").isNotNull() & F.col("rating").isNotNull())
    return rated.groupBy("user").agg(F.avg("rating").alias("mean_rating"))


def _newest(events: DataFrame, newest: datetime | None) -> DataFrame:
    """One row: the time from which ages count back."""
    if newest is None:
        return events.agg(F.max("occurred_at").alias("now"))
    return events.sparkSession.range(1).select(F.lit(newest).alias("now"))


def _of(kind: str, field: str) -> Column:
    return F.col("of").getField(_field(kind)).getField(field)


def _field(kind: str) -> str:
    """A name that Spark, which ignores case and minds dots, can tell from every other type's."""
    return f"type_{kind.encode().hex()}"


def _counts(kind: str) -> Column:
    """Whether something of this event type is left, true or false and never null."""
    positive = F.coalesce(_of(kind, "net") > 0, F.lit(False))
    if kind != RATE:
        return positive
    return positive & F.coalesce(F.round(F.col("rating") - F.col("mean_rating"), 9) >= 0, F.lit(False))


def _size(kind: str, strength: str) -> Column:
    return F.when(_counts(kind), F.log1p(_of(kind, "net")) if strength == "log" else F.lit(1.0)).otherwise(0.0)


def _decay(kind: str, half_life_days: float | None) -> Column:
    if not half_life_days:
        return F.lit(1.0)
    return F.coalesce(decay(_of(kind, "newest"), F.col("now"), half_life_days), F.lit(1.0))


def _above_zero(part: Column) -> Column:
    return F.greatest(part, F.lit(0.0))


def _sum(parts: Iterable[Column]) -> Column:
    return reduce(operator.add, parts, F.lit(0.0))


def _order() -> Column:
    """Newest last, and total."""
    return F.struct("occurred_at", "event_id")


def _index(events: DataFrame, known: DataFrame | None, name: str, number: str) -> DataFrame:
    """The known names with their numbers, and the new ones with the numbers that follow, in order of the name."""
    names = events.select(name).filter(F.col(name).isNotNull()).distinct()
    following = F.row_number().over(Window.orderBy(name)) - 1
    if known is None:
        return names.select(name, following.alias(number))
    known = known.select(name, number)
    first = known.agg(F.coalesce(F.max(number) + 1, F.lit(0)).alias("first"))
    new = names.join(known, name, "left_anti").crossJoin(F.broadcast(first))
    return known.unionByName(new.select(name, (following + F.col("first")).alias(number)))
