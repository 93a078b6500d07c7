"""A model and what was seen -> each user's best N, and because of which own products.

Products stand in the order of their ids, so that the smaller place wins a tie. The executors get the product vectors
once, as float32, and users in Arrow batches; no row is touched by Python.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StructField, StructType

from spark_app import schemas, scoring
from spark_app.frames import near as near_
from spark_app.frames.held import hold
from spark_app.models import Model
from spark_app.numbers import equations, vectors
from spark_app.numbers.arrays import Floats, Habits, SeenCSR, Similar, rows_of

REASONS = 3
_SCORE = "predicted"
_PREDICTED = StructField(_SCORE, DoubleType())
_USERS_AT_ONCE = 4096
# So many pairs of what was seen reach the executors at once, 5 bytes each; more come with their users.
PAIRS_SHARED = 50_000_000


class Catalogue(NamedTuple):
    """The products that a model knows, in the order of their ids; places in it are what lists hold.

    `trained` marks those that it learnt from, `similar` is who is like whom, `hidden` are the places of what must not
    be listed.
    """

    products: pa.StringArray
    ids: NDArray[np.int32]
    vectors: Floats
    trained: NDArray[np.bool_]
    similar: Similar | None = None
    hidden: NDArray[np.int32] = np.empty(0, np.int32)

    @property
    def listable(self) -> Floats:
        """The vectors, those of hidden products being no numbers, which are never selected."""
        if not len(self.hidden):
            return self.vectors
        some = self.vectors.copy()
        some[self.hidden] = np.nan
        return some

    def places(self, product_ids: NDArray[np.int32]) -> NDArray[np.int32]:
        """Places of engine ids, -1 for one that is not in the catalogue."""
        return vectors.places(self.ids, product_ids)


def catalogue(model: Model, product_index: DataFrame, hidden: DataFrame | None = None) -> Catalogue:
    """The products that the model knows, collected: one float32 vector each. `hidden` (productId) are not listed."""
    rows = product_index.join(model.all_products(), "productId").orderBy("product")
    table = rows.select("product", "productId", "vector", "trained").toArrow().combine_chunks()
    ids = table["productId"].to_numpy().astype(np.int32)
    out = vectors.places(ids, hidden.toArrow()["productId"].to_numpy()) if hidden is not None else np.empty(0, np.int32)
    return Catalogue(
        table["product"].combine_chunks(),
        ids,
        vectors.matrix(table["vector"]),
        table["trained"].to_numpy(),
        vectors.similar(model.similar.toArrow(), ids) if model.similar is not None else None,
        out[out >= 0],
    )


def collected(side: DataFrame, key: str) -> tuple[NDArray[np.int32], Floats]:
    """(ids, vectors) of one side of a model, in the order of the ids: row i belongs to ids[i]."""
    table = side.select(key, "vector").orderBy(key).toArrow()
    return table[key].to_numpy().astype(np.int32), vectors.matrix(table["vector"])


def top_n(
    model: Model,
    users: DataFrame,
    seen: DataFrame | None,
    products: Catalogue,
    *,
    n: int,
    explain: bool = False,
    near: bool = False,
) -> DataFrame:
    """The best n of each of `users` (user, userId) that the model knows, as schemas.RECOMMENDATION.

    `seen` (userId, productId; None: nothing) is left out before anything is chosen. Fewer than n where fewer are left.
    With `explain`, `because` names up to three of the user's own products that add most to the score, where the model
    has equations. With `near`, it is done here and at once.
    """
    spark = users.sparkSession
    if not len(products.ids):
        return spark.createDataFrame([], schemas.RECOMMENDATION)
    # A number of partitions that is asked for stays: Spark sees few bytes and would put all of the work in one task.
    tasks = spark.sparkContext.defaultParallelism
    rows = (model.users if near else model.users.repartition(tasks, "userId")).join(users, "userId")
    met = None
    if seen is not None:
        seen = seen.select("userId", "productId").transform(hold)
        if near or seen.count() <= PAIRS_SHARED:
            met = near_.shared(spark, _met(seen, products), near=near)
        else:
            lists = seen.repartition(tasks, "userId").groupBy("userId").agg(F.collect_list("productId").alias("seen"))
            rows = rows.join(lists, "userId", "left")
    reasons, own = _reasons(model, products) if explain else None, model.own_products()
    if own is not None and (reasons is not None or model.has_habits):
        rows = rows.join(own, "userId")
    shared, source = near_.shared(spark, products, near=near), model.source

    def choose(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        known, listable = shared.value, shared.value.listable
        with scoring.one_blas_thread():
            for batch in batches:
                for part in _parts(batch):
                    best = _best(part, known, listable, _seen(part, known, met and met.value), n)
                    yield _rows(part, best, known, source, reasons and reasons(part, best.products, known))

    return near_.mapped(rows, choose, schemas.RECOMMENDATION, near=near)


def for_everyone(model: Model) -> DataFrame:
    """(productId, score) of a model that scores every user alike, such as popularity."""
    user = model.users.limit(1).select(F.col("vector").alias("_user"))
    score = F.aggregate(F.zip_with("vector", "_user", lambda a, b: a * b), F.lit(0.0), lambda total, term: total + term)
    return model.products.crossJoin(user).select("productId", score.alias("score"))


def predicted(model: Model, pairs: DataFrame, *, near: bool = False) -> DataFrame:
    """Add `predicted` to pairs (userId, productId, ...): the model's score, null where it does not know one of them.

    With `near`, it is done here and at once.
    """
    sides = collected(model.all_products(), "productId")
    shared = near_.shared(pairs.sparkSession, sides, near=near)
    names = pairs.columns

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            columns = [*map(batch.column, names), _scores(batch, *shared.value)]
            yield pa.RecordBatch.from_arrays(columns, [*names, _SCORE])

    rows, schema = pairs.join(model.users, "userId", "left"), StructType([*pairs.schema, _PREDICTED])
    scored = near_.mapped(rows.select(*names, "vector"), score, schema, near=near)
    if not model.has_habits:
        return scored
    both = scored.join(_added(model, pairs), ["userId", "productId"], "left")
    return both.withColumn(_SCORE, F.col(_SCORE) + F.coalesce("_added", F.lit(0.0))).drop("_added")


def _scores(pairs: pa.RecordBatch, product_ids: NDArray[np.int32], product_vectors: Floats) -> pa.Array:
    """The product of the vectors of each pair, in float64; null where there is none of the user or of the product."""
    vector = pairs.column("vector")
    places = vectors.places(product_ids, pairs.column("productId").to_numpy())
    known = (places >= 0) & vector.is_valid().to_numpy(zero_copy_only=False)
    scores = np.zeros(len(pairs))
    if known.any():
        users, products = vectors.matrix(vector.filter(pa.array(known))), product_vectors[places[known]]
        scores[known] = np.einsum("ij,ij->i", users.astype(np.float64), products.astype(np.float64))
    return pa.array(scores, mask=~known)


def _added(model: Model, pairs: DataFrame) -> DataFrame:
    """(userId, productId, _added): what the user's own products add to each of the pairs, where they add anything."""
    wanted, own = pairs.select("userId", "productId").distinct(), model.strengths
    if own is None:
        raise ValueError("a model without the user's own products adds nothing")
    parts = own.select("userId", "productId", F.col("again").alias("part"))
    if model.similar is not None:
        weights = own.select("userId", F.col("productId").alias("_own"), "weight")
        alike = model.similar.select(F.col("productId").alias("_own"), F.col("other").alias("productId"), "likeness")
        rows = wanted.join(weights, "userId").join(alike, ["_own", "productId"])
        parts = parts.unionByName(
            rows.select("userId", "productId", (F.col("weight") * F.col("likeness")).alias("part"))
        )
    return wanted.join(parts, ["userId", "productId"]).groupBy("userId", "productId").agg(F.sum("part").alias("_added"))


Reasons = Callable[[pa.RecordBatch, NDArray[np.int32], Catalogue], NDArray[np.int32]]


def _reasons(model: Model, products: Catalogue) -> Reasons | None:
    """What finds, for users with their own products and lists of places, the places that add most: (users, n, 3)."""
    if model.equations is None or model.strengths is None:
        return None
    terms, factors = model.equations, model.factors
    trained = products.vectors[products.trained, :factors]
    gram = equations.gram(trained) if terms.implicit else None

    def because(batch: pa.RecordBatch, targets: NDArray[np.int32], known: Catalogue) -> NDArray[np.int32]:
        own = batch.column("own")
        return equations.because(
            known.vectors[:, :factors],
            vectors.offsets(own),
            known.places(own.flatten().to_numpy()),
            batch.column("strengths").flatten().to_numpy(),
            targets,
            terms,
            top=REASONS,
            gram=gram,
            habits=_habits(batch, known),
            similar=known.similar,
        )

    return because


def _best(batch: pa.RecordBatch, products: Catalogue, listable: Floats, seen: SeenCSR | None, n: int) -> scoring.TopN:
    """Lists of places for users with vectors."""
    own, habits = vectors.matrix(batch.column("vector")), _habits(batch, products)
    return scoring.top_n(own, listable, seen, n=n, habits=habits, similar=products.similar)


def _habits(batch: pa.RecordBatch, products: Catalogue) -> Habits | None:
    return vectors.habits(batch, products.ids) if "weights" in batch.schema.names else None


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


def _seen(batch: pa.RecordBatch, products: Catalogue, met: sp.csr_matrix | None) -> SeenCSR | None:
    """What the users of a batch have met: rows of the matrix of everybody, or the lists that came with them."""
    if met is not None:
        return rows_of(met[np.minimum(batch.column("userId").to_numpy(), met.shape[0] - 1)])
    return _listed(batch.column("seen"), products) if "seen" in batch.schema.names else None


def _listed(lists: pa.ListArray, products: Catalogue) -> SeenCSR:
    """Places of the seen products that the catalogue has; null is nothing."""
    seen = lists.fill_null(pa.scalar([], lists.type))
    places = products.places(seen.flatten().to_numpy())
    return SeenCSR(vectors.kept(vectors.offsets(seen), places >= 0), places[places >= 0])


def _met(seen: DataFrame, products: Catalogue) -> sp.csr_matrix:
    """All pairs of (userId, productId) that the catalogue has, on the driver: a row for each userId, the last empty."""
    table = seen.toArrow()
    users, places = table["userId"].to_numpy(), products.places(table["productId"].to_numpy())
    users, places = users[places >= 0], places[places >= 0]
    shape = (users.max(initial=-1) + 2, len(products.ids))
    return sp.csr_matrix((np.ones(len(users), bool), (users, places)), shape=shape)


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    return (batch.slice(start, _USERS_AT_ONCE) for start in range(0, len(batch), _USERS_AT_ONCE))
