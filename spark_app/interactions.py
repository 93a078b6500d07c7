"""Events -> one row per user and product: how strongly the user has shown interest, and the engine's ids.

A pair that ever met stays a row. Its strength is null when nothing positive is left of it (returned, taken out
of the cart, disliked): such a pair shows no interest, yet the product is no longer new to the user.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spark_app import rules
from spark_app.frames import turns
from spark_app.frames.ages import decay
from spark_app.numbers.strengths import (
    LAST_RATING,
    NET,
    NET_DIGITS,
    NEWEST,
    NOTHING_LEFT,
    OF_RATINGS,
    RATE,
    RATED,
    RATED_AT,
    RATING,
    RATING_DIGITS,
    counting,
    scaled,
)
from spark_app.timeline.recency import TURNED

_DETAILS = ("name", "category", "brand", "price", "in_stock")


def from_events(
    events: DataFrame,
    weights: Mapping[str, float],
    *,
    strength: Literal["binary", "log"] = "binary",
    half_life_days: float | None = None,
    newest: datetime | None = None,
    kinds: Collection[str] | None = None,
    nets: bool = False,
) -> DataFrame:
    """One row per user and product that ever met, as schemas.INTERACTION.

    strength = sum over event types of weight x 1 (binary) or x log1p(net quantity) (log), x 0.5^(age of the type's
    newest event in days / half-life), where there is a half-life. Ages count back from `newest`, by default the newest
    event of the table. `kinds` are the event types that occur, where that is known: the others are not looked for.
    With `nets`, what was netted stands behind (`net_columns`), to which later events can be added.
    """
    pairs = netted(events, weights, kinds=kinds)
    if half_life_days:
        pairs = dated(pairs, events, newest)
    left = strength_of(pairs, weights, strength=strength, half_life_days=half_life_days)
    columns = ("user", "product", left.alias("strength"), "event_count", "last_event_at")
    return pairs.select(*columns, *(net_columns(pairs.columns) if nets else ()))


def net_columns(names: Collection[str]) -> list[str]:
    """Those of the names that hold what was netted: by event type, of ratings all of it, and the last look."""
    return [name for name in names if name.startswith((NET, NEWEST)) or name in (*OF_RATINGS, TURNED)]


def netted(events: DataFrame, weights: Mapping[str, float], *, kinds: Collection[str] | None = None) -> DataFrame:
    """One row per user and product, with all that `strength_of` asks: one shuffle, however many event types.

    The same rows serve other weights above 0, other half-lives, and both ways to count.
    """
    looked_for = [kind for kind in (*counting(weights), rules.DISLIKE) if kinds is None or kind in kinds]
    is_rated = RATE in looked_for
    nets = [part for kind in looked_for for part in _parts(kind)]
    ratings = _of_ratings() if is_rated else []
    met = [F.count("*").alias("event_count"), F.max("occurred_at").alias("last_event_at")]
    met.append(F.max(F.when(turns.to_product(weights), F.col("occurred_at"))).alias(TURNED))
    pairs = events.filter(F.col("product").isNotNull()).groupBy("user", "product").agg(*nets, *ratings, *met)
    return pairs.join(_mean_ratings(events), "user", "left") if is_rated else pairs


def dated(pairs: DataFrame, events: DataFrame, newest: datetime | None = None) -> DataFrame:
    """The pairs with `now`, the time from which ages count back: that of the newest event, if no other is given."""
    if newest is not None:
        return pairs.withColumn("now", F.lit(newest))
    return pairs.crossJoin(F.broadcast(events.agg(F.max("occurred_at").alias("now"))))


def strength_of(
    pairs: DataFrame, weights: Mapping[str, float], *, strength: str, half_life_days: float | None = None
) -> Column:
    """The strength of pairs that are `netted`, and `dated` where there is a half-life."""
    there = set(pairs.columns)
    known = {kind: weight for kind, weight in scaled(weights).items() if _net(kind) in there}
    total, in_favour = F.lit(0.0), F.lit(0.0)
    for kind, weight in known.items():
        part = _size(kind, strength) * weight * _decay(kind, half_life_days)
        total, in_favour = total + part, in_favour + F.greatest(part, F.lit(0.0))
    kept = total > in_favour * NOTHING_LEFT
    if _net(rules.DISLIKE) in there:
        kept &= ~_counts(rules.DISLIKE)
    return F.when(kept, total)


def liked(interactions: DataFrame) -> DataFrame:
    """The interactions that show interest; the others were only seen."""
    return interactions.filter(F.col("strength").isNotNull())


def ratings(events: DataFrame) -> DataFrame:
    """The newest rating of each user and product, as schemas.RATING."""
    rated = events.filter(F.col("product").isNotNull() & F.col("rating").isNotNull())
    return rated.groupBy("user", "product").agg(F.max_by("rating", _order()).alias("rating"))


def user_index(events: DataFrame, known: DataFrame | None = None, least: int = 0) -> DataFrame:
    """Every user of the events with its engine id, as schemas.USER_INDEX; whoever is `known` keeps the id.

    Others get ids from `least` on, or from behind the known ones.
    """
    return _index(events, known, "user", "userId", least)


def product_index(events: DataFrame, known: DataFrame | None = None) -> DataFrame:
    """Every product of the events with its engine id, as schemas.PRODUCT_INDEX; what is `known` keeps the id."""
    return _index(events, known, "product", "productId")


def product_details(events: DataFrame, names: Sequence[str] = _DETAILS) -> DataFrame:
    """What the newest events say of each product, field by field, as schemas.PRODUCT_DETAILS, or some fields of it.

    Of what was said at one time, the last in order stands.
    """
    fields = {name: F.col(f"product_data.{name}") for name in names}
    if "price" in fields:
        fields["price"] = F.coalesce(fields["price"], F.col("price"))
    columns = [value.alias(name) for name, value in fields.items()]
    said = events.filter(F.col("product").isNotNull()).select("product", *columns, "occurred_at")
    # First by hashing, to what was said at all: max_by sorts, and there are far more events than that.
    said = said.groupBy("product", *fields).agg(F.max("occurred_at").alias("at"))
    # A null order is passed over, so that each field finds its own newest event in one aggregation.
    newest = [F.max_by(name, F.when(F.col(name).isNotNull(), F.struct("at", name))).alias(name) for name in fields]
    if "brand" in fields:
        newest.append(F.max(F.when(F.col("brand").isNotNull(), F.col("at"))).alias("brand_at"))
    return said.groupBy("product").agg(*newest)


def _parts(kind: str) -> tuple[Column, Column]:
    """What is left of an event type, and when it was last met."""
    is_it = F.col("event_type") == kind
    # Rounded: 0.1 + 0.2 - 0.3 is nothing left, and the order of a sum must not show. F.round goes through text.
    net = _rounded(F.sum(F.when(is_it, F.col("quantity"))), NET_DIGITS)
    return net.alias(_net(kind)), F.max(F.when(is_it, F.col("occurred_at"))).alias(_newest(kind))


def _rounded(number: Column, digits: int) -> Column:
    return F.rint(number * 10.0**digits) / 10.0**digits


def _of_ratings() -> list[Column]:
    when = F.when(F.col("rating").isNotNull(), _order())
    at = F.max(F.when(F.col("rating").isNotNull(), F.col("occurred_at")))
    last = F.max_by("rating", when).alias(LAST_RATING)
    return [F.avg("rating").alias(RATING), F.count("rating").alias(RATED), last, at.alias(RATED_AT)]


def _mean_ratings(events: DataFrame) -> DataFrame:
    rated = events.filter(F.col("product").isNotNull() & F.col("rating").isNotNull())
    return rated.groupBy("user").agg(F.avg("rating").alias("mean_rating"))


def _net(kind: str) -> str:
    """A name that Spark, which ignores case and minds dots, can tell from every other type's."""
    return f"{NET}{kind.encode().hex()}"


def _newest(kind: str) -> str:
    return f"{NEWEST}{kind.encode().hex()}"


def _counts(kind: str) -> Column:
    """Whether something of this event type is left, true or false and never null."""
    positive = F.coalesce(F.col(_net(kind)) > 0, F.lit(False))
    if kind != RATE:
        return positive
    return positive & F.coalesce(_rounded(F.col("rating") - F.col("mean_rating"), RATING_DIGITS) >= 0, F.lit(False))


def _size(kind: str, strength: str) -> Column:
    return F.when(_counts(kind), F.log1p(_net(kind)) if strength == "log" else F.lit(1.0)).otherwise(0.0)


def _decay(kind: str, half_life_days: float | None) -> Column:
    if not half_life_days:
        return F.lit(1.0)
    return F.coalesce(decay(F.col(_newest(kind)), F.col("now"), half_life_days), F.lit(1.0))


def _order() -> Column:
    """Newest last, and total."""
    return F.struct("occurred_at", "event_id")


def _index(events: DataFrame, known: DataFrame | None, name: str, number: str, least: int = 0) -> DataFrame:
    """The known names with their numbers, and the new ones with the numbers that follow, in order of the name."""
    names = events.select(name).filter(F.col(name).isNotNull()).distinct()
    following = F.row_number().over(Window.orderBy(name)) - 1
    if known is None:
        return names.select(name, (following + least).alias(number))
    known = known.select(name, number)
    first = known.agg(F.greatest(F.max(number) + 1, F.lit(least)).alias("first"))
    new = names.join(known, name, "left_anti").crossJoin(F.broadcast(first))
    return known.unionByName(new.select(name, (following + F.col("first")).alias(number)))
