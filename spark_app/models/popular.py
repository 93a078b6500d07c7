"""Popularity: the one definition of it, for the baseline, the fallback and the list of popular products."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app.models import Model

SOURCE = "popular"


def counts(liked: DataFrame) -> DataFrame:
    """(product, users): distinct users who have shown interest, from one row per user and product."""
    return liked.groupBy("product").agg(F.count("*").alias("users"))


def fit(liked: DataFrame, user_index: DataFrame, product_index: DataFrame) -> Model:
    """A model of one number: each user's is 1, each product's its number of users. Knows every user."""
    popular = counts(liked).join(product_index, "product")
    return Model(
        SOURCE,
        user_index.select("userId", F.array(F.lit(1.0).cast("float")).alias("vector")),
        popular.select("productId", F.array(F.col("users").cast("float")).alias("vector")),
    )
