"""Popularity within segments: for users of whom nothing is known but whom they are like.

Popular in a segment is what many of its users have, by the definition of popular.py. Behind those products stands what
is popular with everyone, so that no list is shorter than the shop's own.
"""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_app.models import Model, popular

SOURCE = "segment"
# Users with interest from which on a segment is heard: a handful of them say less than everyone does.
LEAST = 20


def counts(liked: DataFrame, members: DataFrame, half_life_days: float = 0.0) -> DataFrame:
    """(place, product, users): popularity among the members (user, place) of each place, as popular.counts.

    Interest decays to the newest of everyone's, so that numbers of two places can be compared.
    """
    now = liked.agg(F.max("last_event_at")).first()[0] if half_life_days else None
    return popular.counts(liked.join(members, "user"), half_life_days, now, within=["place"])


def fit(within: DataFrame, everywhere: DataFrame, product_index: DataFrame) -> Model:
    """A model of one number for each place in `within` (place, product, users); its users are the places themselves.

    A product that nobody of the segment has gets less than any that somebody has: half of the least of them, times its
    share of the largest number in `everywhere` (product, users). A place where nobody has anything is no user.
    """
    least = {row["place"]: row["least"] for row in within.groupBy("place").agg(F.min("users").alias("least")).collect()}
    most = everywhere.agg(F.max("users")).first()[0]
    places = sorted(least)
    found = F.map_from_entries(F.collect_list(F.struct("place", F.col("users").cast("double")))).alias("found")
    rows = everywhere.join(within.groupBy("product").agg(found), "product", "left").join(product_index, "product")
    numbers = [_number(place, least, most).cast("float") for place in places]
    vectors = [(place, [float(other == place) for other in places]) for place in places]
    users = rows.sparkSession.createDataFrame(vectors, "userId INT, vector ARRAY<FLOAT>")
    return Model(SOURCE, users, rows.select("productId", F.array(*numbers).cast("array<float>").alias("vector")))


def for_members(model: Model, members: DataFrame) -> Model:
    """The same model for `members` (userId, place), each with the numbers of the place."""
    places = model.users.withColumnRenamed("userId", "place")
    return model._replace(users=members.join(F.broadcast(places), "place").select("userId", "vector"))


def _number(place: int, least: Mapping[int, float], most: float) -> Column:
    elsewhere = F.col("users") / F.lit(float(most)) * F.lit(least[place] / 2.0)
    return F.coalesce(F.try_element_at("found", F.lit(place)), elsewhere)
