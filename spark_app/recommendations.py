"""A model and what was seen -> each user's best N, and because of which own products.

Products stand in the order of their ids, so that the smaller place wins a tie. The executors get the product vectors
once, as float32, and users in Arrow batches; no row is touched by Python.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app import schemas, scoring
from spark_app.models import Model

REASONS = 3
_USERS_AT_ONCE = 4096


class Catalogue(NamedTuple):
    """The products that can be listed, in the order of their ids; places in it are what lists hold."""

    products: pa.StringArray
    ids: NDArray[np.int32]
    vectors: NDArray[np.float32]

    def places(self, product_ids: NDArray[np.int32]) -> NDArray[np.int32]:
        """Places of engine ids, -1 for one that is not in the catalogue."""
        table = np.full(max(self.ids.max(initial=-1), product_ids.max(initial=-1)) + 1, -1, np.int32)
        table[self.ids] = np.arange(len(self.ids), dtype=np.int32)
        return table[product_ids]


def catalogue(model: Model, product_index: DataFrame) -> Catalogue:
    """The products that the model knows, collected: one float32 vector each."""
    rows = product_index.join(model.products, "productId").orderBy("product").select("product", "productId", "vector")
    table = rows.toArrow().combine_chunks()
    return Catalogue(
        table["product"].combine_chunks(),
        table["productId"].to_numpy().astype(np.int32),
        _matrix(table["vector"]),
    )


def collected(vectors: DataFrame, key: str) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """(ids, vectors) of one side of a model, in the order of the ids: row i belongs to ids[i]."""
    table = vectors.orderBy(key).toArrow()
    return table[key].to_numpy().astype(np.int32), _matrix(table["vector"])


def top_n(
    model: Model, users: DataFrame, seen: DataFrame | None, products: Catalogue, *, n: int, explain: bool = False
) -> DataFrame:
    """The best n of each of `users` (user, userId) that the model knows, as schemas.RECOMMENDATION.

    `seen` (userId, productId; None: nothing) is left out before anything is chosen. Fewer than n where fewer are left.
    With `explain`, `because` names up to three of the user's own products that add most to the score, where the model
    has equations.
    """
    spark = users.sparkSession
    if not len(products.ids):
        return spark.createDataFrame([], schemas.RECOMMENDATION)
    # A number of partitions that is asked for stays: Spark sees few bytes and would put all of the work in one task.
    tasks = spark.sparkContext.defaultParallelism
    rows = model.users.repartition(tasks, "userId").join(users, "userId")
    if seen is not None:
        met = seen.repartition(tasks, "userId").groupBy("userId").agg(F.collect_list("productId").alias("seen"))
        rows = rows.join(met, "userId", "left")
    reasons = _reasons(model, products) if explain else None
    if reasons is not None and model.strengths is not None:
        rows = rows.join(_own(model.strengths), "userId")
    shared, source = spark.sparkContext.broadcast(products), model.source

    def choose(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        known = shared.value
        with scoring.one_blas_thread():
            for batch in batches:
                for part in _parts(batch):
                    best = _best(part, known, n)
                    yield _rows(part, best, known, source, reasons and reasons(part, best.products, known))

    return rows.mapInArrow(choose, schemas.RECOMMENDATION)


def predicted(model: Model, pairs: DataFrame) -> DataFrame:
    """Add `predicted` to pairs (userId, productId, ...): the model's score, null where it does not know one of them."""
    users = model.users.withColumnRenamed("vector", "_user")
    products = model.products.withColumnRenamed("vector", "_product")
    terms = F.zip_with("_user", "_product", lambda a, b: a.cast("double") * b.cast("double"))
    score = F.aggregate(terms, F.lit(0.0), lambda total, term: total + term)
    scored = pairs.join(users, "userId", "left").join(products, "productId", "left").withColumn("predicted", score)
    return scored.drop("_user", "_product")


Reasons = Callable[[pa.RecordBatch, NDArray[np.int32], Catalogue], NDArray[np.int32]]


def _reasons(model: Model, products: Catalogue) -> Reasons | None:
    """What finds, for users with their own products and lists of places, the places that add most: (users, n, 3)."""
    if model.equations is None or model.strengths is None:
        return None
    equations, factors = model.equations, model.factors
    gram = scoring.gram(products.vectors[:, :factors]) if equations.implicit else None

    def because(batch: pa.RecordBatch, targets: NDArray[np.int32], known: Catalogue) -> NDArray[np.int32]:
        own = batch.column("own")
        return scoring.because(
            known.vectors[:, :factors],
            _offsets(own),
            known.places(own.flatten().to_numpy()),
            batch.column("strengths").flatten().to_numpy(),
            targets,
            equations,
            top=REASONS,
            gram=gram,
        )

    return because


def _own(strengths: DataFrame) -> DataFrame:
    """(userId, own, strengths): what each user was trained on, in the order of the ids."""
    pairs = F.sort_array(F.collect_list(F.struct("productId", "strength")))
    listed = strengths.groupBy("userId").agg(pairs.alias("pairs"))
    return listed.select("userId", F.col("pairs.productId").alias("own"), F.col("pairs.strength").alias("strengths"))


def _best(batch: pa.RecordBatch, products: Catalogue, n: int) -> scoring.TopN:
    """Lists of places for users with vectors and seen products."""
    seen = _seen(batch.column("seen"), products) if "seen" in batch.schema.names else None
    return scoring.top_n(_matrix(batch.column("vector")), products.vectors, seen, n=n)


def _rows(
    batch: pa.RecordBatch, best: scoring.TopN, products: Catalogue, source: str, reasons: NDArray[np.int32] | None
) -> pa.RecordBatch:
    """Users and their lists -> rows of recommendations."""
    found = best.products >= 0
    users, ranks = np.nonzero(found)
    places, names = best.products[found], products.products
    return pa.RecordBatch.from_arrays(
        [
            batch.column("user").take(pa.array(users)),
            names.take(pa.array(places)),
            batch.column("userId").take(pa.array(users)),
            pa.array(products.ids[places]),
            pa.array(best.scores[found]),
            pa.array((ranks + 1).astype(np.int32)),
            pa.repeat(pa.scalar(source), len(places)),
            pa.nulls(len(places), pa.list_(pa.string())) if reasons is None else _named(reasons[found], names),
        ],
        names=schemas.names(schemas.RECOMMENDATION),
    )


def _named(reasons: NDArray[np.int32], names: pa.StringArray) -> pa.ListArray:
    """(rows, 3) places, -1 for none, as lists of names."""
    found = reasons >= 0
    offsets = np.concatenate([[0], np.cumsum(found.sum(axis=1))])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), names.take(pa.array(reasons[found])))


def _seen(lists: pa.ListArray, products: Catalogue) -> scoring.SeenCSR:
    """Places of the seen products that the catalogue has; null is nothing."""
    seen = lists.fill_null(pa.scalar([], lists.type))
    places = products.places(seen.flatten().to_numpy())
    users = np.repeat(np.arange(len(seen)), np.diff(_offsets(seen)))
    lengths = np.bincount(users[places >= 0], minlength=len(seen))
    return scoring.SeenCSR(np.concatenate([[0], np.cumsum(lengths)]), places[places >= 0])


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    return (batch.slice(start, _USERS_AT_ONCE) for start in range(0, len(batch), _USERS_AT_ONCE))


def _offsets(lists: pa.ListArray) -> NDArray[np.int64]:
    """Where each list begins in the flattened values, from 0, also of a slice."""
    lengths = lists.value_lengths().fill_null(0).to_numpy()
    return np.concatenate([[0], np.cumsum(lengths)])


def _matrix(vectors: pa.ListArray | pa.ChunkedArray) -> NDArray[np.float32]:
    """(rows, length) from lists that are all of one length."""
    whole = vectors.combine_chunks() if isinstance(vectors, pa.ChunkedArray) else vectors
    values = whole.flatten().to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(values.reshape(len(whole), -1) if len(whole) else values.reshape(0, 0), np.float32)
