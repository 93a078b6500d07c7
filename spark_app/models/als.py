"""Alternating least squares: strengths or ratings in, a Model out; an engine does the fitting.

The same rows, engine and seed give the same factors: the rows are sorted and materialised. Every engine ends with a
step for the users, so that their factors are the exact solution of `Model.equations`.
"""

from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_app.blocks import Als, Explicit
from spark_app.frames.held import hold
from spark_app.models import Model, NothingToFitError, implicit, mllib
from spark_app.tuning import terms

SOURCE, RATINGS = "als", "ratings"
ENGINES = {"mllib": mllib.factorize, "implicit": implicit.factorize}


class Biases(NamedTuple):
    """rating = mean + bias of the user + bias of the product + what is left."""

    mean: float
    users: DataFrame
    products: DataFrame


def fit_implicit(strengths: DataFrame, settings: Als, seed: int, engine: str = "mllib") -> Model:
    """Fit (userId, productId, strength) by one of ENGINES; raises NothingToFitError on an empty table.

    Preference 1 with confidence 1 + alpha x strength (Hu, Koren, Volinsky 2008).
    """
    rows = _materialised(strengths.select("userId", "productId", F.col("strength").cast("float").alias("strength")))
    system = terms.implicit(settings)
    users, products = ENGINES[engine](rows, system, settings.factors, settings.iterations, seed)
    return Model(SOURCE, users, products, settings.factors, system, rows)


def fit_explicit(ratings: DataFrame, settings: Explicit, seed: int) -> Model:
    """Fit (userId, productId, rating) on what the biases leave; raises NothingToFitError on an empty table.

    The vectors carry the biases behind the factors, so that their product is the predicted rating. With 0 factors they
    carry nothing else.
    """
    found = biases(ratings, settings.shrinkage)
    if not settings.factors:
        return biases_alone(found)
    rows = _materialised(
        ratings.join(found.users, "userId")
        .join(found.products, "productId")
        .select("userId", "productId", _residual(found.mean).alias("strength"))
    )
    system = terms.explicit(settings)
    users, products = mllib.factorize(rows, system, settings.factors, settings.iterations, seed)
    alone = biases_alone(found)
    return Model(
        RATINGS,
        _lengthened(users, alone.users, "userId"),
        _lengthened(products, alone.products, "productId"),
        settings.factors,
        system,
        rows,
        mean=found.mean,
    )


def biases(ratings: DataFrame, shrinkage: float) -> Biases:
    """Global mean, product biases, then user biases on what those leave, each shrunk towards 0 (Koren 2009, eq. 1)."""
    mean = ratings.agg(F.avg("rating")).first()[0]
    if mean is None:
        raise NothingToFitError("there are no ratings")
    products = ratings.groupBy("productId").agg(
        F.round((F.sum("rating") - F.count("*") * mean) / (F.count("*") + shrinkage), 9).alias("product_bias")
    )
    left = F.sum(F.col("rating") - F.col("product_bias")) - F.count("*") * mean
    users = ratings.join(products, "productId").groupBy("userId").agg(
        F.round(left / (F.count("*") + shrinkage), 9).alias("user_bias")
    )  # fmt: skip
    return Biases(mean, users.transform(hold), products.transform(hold))


def biases_alone(found: Biases) -> Model:
    """What the biases predict without any factor: the baseline of explicit feedback."""
    return Model(
        RATINGS,
        found.users.select("userId", _floats(F.lit(1.0), found.mean + F.col("user_bias")).alias("vector")),
        found.products.select("productId", _floats(F.col("product_bias"), F.lit(1.0)).alias("vector")),
        mean=found.mean,
    )


def _materialised(rows: DataFrame) -> DataFrame:
    """Sorted and held; raises NothingToFitError when empty, where MLlib would throw."""
    tasks = mllib.blocks(rows.sparkSession)
    sorted_rows = rows.repartitionByRange(tasks, "userId").sortWithinPartitions("userId", "productId").transform(hold)
    if sorted_rows.isEmpty():
        raise NothingToFitError("no user has shown interest in a product")
    return sorted_rows


def _residual(mean: float) -> Column:
    return (F.col("rating") - mean - F.col("user_bias") - F.col("product_bias")).cast("float")


def _lengthened(vectors: DataFrame, tails: DataFrame, name: str) -> DataFrame:
    joined = vectors.join(tails.withColumnRenamed("vector", "tail"), name)
    return joined.select(name, F.concat("vector", "tail").alias("vector"))


def _floats(*columns: Column) -> Column:
    return F.array(*[column.cast("float") for column in columns])
