"""Popularity: the one definition of it, for the baseline, the fallback and the list of popular products.

Popular is who has many users; recently popular is the same with each user counting less the longer ago it was.
"""

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app.frames.ages import decay
from spark_app.models import Model

SOURCE, RECENT = "popular", "recent"


def counts(
    liked: DataFrame, half_life_days: float = 0.0, now: datetime | None = None, *, within: Sequence[str] = ()
) -> DataFrame:
    """(product, users): distinct users who have shown interest, from one row per user and product.

    With a half-life each counts 0.5^(days before `now` / half-life), `now` being the newest row when it is not given.
    `within` are columns by which users are told apart: (*within, product, users) of each of their groups.
    """
    key = [*within, "product"]
    if not half_life_days:
        return liked.groupBy(*key).agg(F.count("*").alias("users"))
    if now is None:
        now = liked.agg(F.max("last_event_at")).first()[0]
    # Whole numbers add up to the same in any order: 62 bits of each share, in two halves that no 2^31 users overflow.
    share = F.rint(decay(F.col("last_event_at"), F.lit(now), half_life_days) * 2.0**62).cast("bigint")
    high, low = F.sum(F.shiftright(share, 31)), F.sum(share.bitwiseAND(2**31 - 1))
    return liked.groupBy(*key).agg(((high * 2.0**31 + low) / 2.0**62).alias("users"))


def fit(popularity: DataFrame, user_index: DataFrame, product_index: DataFrame, source: str = SOURCE) -> Model:
    """A model of one number: each user's is 1, each product's its number of users. Knows every user."""
    popular = popularity.join(product_index, "product")
    return Model(
        source,
        user_index.select("userId", F.array(F.lit(1.0).cast("float")).alias("vector")),
        popular.select("productId", F.array(F.col("users").cast("float")).alias("vector")),
    )
