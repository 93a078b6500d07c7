"""Several models in one score: a base, and what neighbours, popularity, a habit of buying again and the shop add to it.

Each part is measured in standard deviations: of popularity over the products, and of a user's scores over the products,
so that a weight means the same for every user and shop. The sum is again a Model: popularity and what the shop adds
are one number more in each vector, and what neighbours add are weights of the user's own products.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app import scoring
from spark_app.frames import near as near_
from spark_app.frames.held import hold
from spark_app.models import Model
from spark_app.numbers import spreads as spreads_
from spark_app.numbers import vectors
from spark_app.numbers.spreads import Scored

SOURCE = "blend"


class Additions(NamedTuple):
    """What is added to the base, and how much of it.

    `popularity` is (productId, users), `counts` (userId, productId, event_count), `boosts` (productId, boost), boosts
    in standard deviations of a user's scores.
    """

    neighbours: Model | None = None
    neighbours_weight: float = 0.0
    popularity: DataFrame | None = None
    popularity_weight: float = 0.0
    counts: DataFrame | None = None
    repeat_weight: float = 0.0
    boosts: DataFrame | None = None


class _Products(NamedTuple):
    """What executors need of a model to know the spread of its users' scores: products, and their engine ids."""

    ids: NDArray[np.int32]
    scored: Scored


def fit(base: Model, added: Additions, *, near: bool = False) -> Model:
    """The base with all that is added; the base itself when nothing is. Newcomers are popular with nobody.

    score = base + spread x (popularity_weight x standardised popularity + boost) + neighbours_weight x spread x
    neighbours / their spread + repeat_weight x spread x log(1 + events), the last for the user's own products alone.
    With `near`, spreads are measured here.
    """
    like, again = added.neighbours_weight > 0, added.repeat_weight > 0
    if like and base.has_habits:
        raise ValueError(f"neighbours cannot be added to {base.source}: expected a base without any")
    if not (like or again or added.popularity_weight or added.boosts is not None):
        return base
    spreads = _spreads(base, near=near).transform(hold)
    strengths, similar = base.strengths, base.similar
    if like and added.neighbours is not None:
        strengths = _alike(base, added.neighbours, spreads, added.neighbours_weight, near=near)
        similar = added.neighbours.similar
    if again and added.counts is not None and strengths is not None:
        strengths = _again(strengths, spreads, added.counts, added.repeat_weight)
    return base._replace(
        source=SOURCE if like or again or added.popularity_weight else base.source,
        users=_longer(base.users.join(spreads, "userId"), "userId", "spread"),
        products=_longer(_raised(base.products, added), "productId", "raised"),
        newcomers=_longer(_raised(base.newcomers, added), "productId", "raised")
        if base.newcomers is not None
        else None,
        strengths=strengths.transform(hold) if strengths is not None else None,
        similar=similar,
    )


def _raised(products: DataFrame, added: Additions) -> DataFrame:
    """(productId, vector, raised): what is added to a product for everyone, in standard deviations."""
    raised = F.lit(0.0)
    if added.popularity is not None and added.popularity_weight:
        products = products.join(added.popularity.select("productId", "users"), "productId", "left")
        products = products.withColumn("users", F.coalesce(F.col("users").cast("double"), F.lit(0.0)))
        users = np.array(products.select("users").orderBy("productId").toArrow()["users"])
        deviation = float(users.std())
        if deviation > 0:
            raised = (F.col("users") - float(users.mean())) / deviation * added.popularity_weight
    if added.boosts is not None:
        products = products.join(added.boosts.select("productId", "boost"), "productId", "left")
        raised = raised + F.coalesce("boost", F.lit(0.0))
    return products.select("productId", "vector", raised.alias("raised"))


def _longer(rows: DataFrame, key: str, number: str) -> DataFrame:
    return rows.select(key, F.concat("vector", F.array(F.col(number).cast("float"))).alias("vector"))


def _alike(
    base: Model, neighbours: Model, spreads: DataFrame, weight: float, *, near: bool
) -> DataFrame | None:
    """The base's strengths with weights such that neighbours spread as the base does, times `weight`."""
    if base.strengths is None or neighbours.strengths is None:
        return base.strengths
    theirs = _spreads(neighbours, near=near).withColumnRenamed("spread", "theirs")
    scale = F.when(F.col("theirs") > 0, F.col("spread") / F.col("theirs") * weight).otherwise(0.0)
    scales = spreads.join(theirs, "userId").select("userId", scale.alias("scale"))
    own = neighbours.strengths.select("userId", "productId", "weight", "again").join(scales, "userId")
    return (
        base.strengths.select("userId", "productId", "strength")
        .join(own, ["userId", "productId"])
        .withColumn("weight", (F.col("weight") * F.col("scale")).cast("float"))
        .select("userId", "productId", "strength", "weight", "again")
    )


def _again(strengths: DataFrame, spreads: DataFrame, counts: DataFrame, weight: float) -> DataFrame:
    """The strengths with what buying a product before adds to it."""
    if "weight" not in strengths.columns:
        strengths = strengths.withColumn("weight", F.lit(0.0).cast("float"))
    added = F.col("spread") * F.log1p(F.coalesce("event_count", F.lit(0))) * weight
    return (
        strengths.drop("again")
        .join(spreads, "userId")
        .join(counts.select("userId", "productId", "event_count"), ["userId", "productId"], "left")
        .select("userId", "productId", "strength", "weight", added.cast("float").alias("again"))
    )


def _spreads(model: Model, *, near: bool) -> DataFrame:
    """(userId, spread): the standard deviation of each user's scores over all products of the model."""
    known = _products(model)
    shared = near_.shared(model.users.sparkSession, known, near=near)
    rows = model.users
    own = model.own_products()
    if model.has_habits and own is not None:
        rows = rows.join(own, "userId")

    def measure(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with scoring.one_blas_thread():
            for batch in batches:
                found = pa.array(_spread(batch, shared.value))
                yield pa.RecordBatch.from_arrays([batch.column("userId"), found], ["userId", "spread"])

    return near_.mapped(rows, measure, "userId INT, spread DOUBLE", near=near)


def _spread(batch: pa.RecordBatch, known: _Products) -> NDArray[np.float64]:
    habits = vectors.habits(batch, known.ids) if "weights" in batch.schema.names else None
    return spreads_.of(vectors.matrix(batch.column("vector")), known.scored, habits)


def _products(model: Model) -> _Products:
    table = model.products.orderBy("productId").toArrow()
    ids = table["productId"].to_numpy().astype(np.int32)
    similar = vectors.similar(model.similar.toArrow(), ids) if model.similar is not None else None
    own = vectors.matrix(table["vector"])
    return _Products(ids, Scored(own, vectors.covariance(own), similar))
