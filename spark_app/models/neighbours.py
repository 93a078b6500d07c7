"""Item-item neighbours: a product scores by how much it is like the user's own, by cosine or BM25 over their users.

Executors get the interactions once, as sparse rows, and work out a block of products each.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app import schemas
from spark_app.blocks import Neighbours
from spark_app.frames import near as near_
from spark_app.frames.held import hold
from spark_app.models import Model, NothingToFitError
from spark_app.numbers import likeness
from spark_app.numbers.equations import Equations
from spark_app.numbers.likeness import Kind

_PRODUCTS_AT_ONCE = 256


class _Weights(NamedTuple):
    ids: NDArray[np.int32]
    rows: sp.csr_matrix


def fit(strengths: DataFrame, kind: Kind, settings: Neighbours, *, near: bool = False) -> Model:
    """Fit (userId, productId, strength); raises NothingToFitError on an empty table.

    Who has interest in a product makes it alike, however strong; the user's own products then count by their strength.
    """
    strength, zero = F.col("strength").cast("float"), F.lit(0.0).cast("float")
    own = (strength.alias("strength"), strength.alias("weight"), zero.alias("again"))
    rows = strengths.select("userId", "productId", *own).transform(hold)
    none = F.array(zero).alias("vector")
    return Model(
        kind,
        rows.select("userId").distinct().select("userId", none),
        rows.select("productId").distinct().select("productId", none),
        equations=Equations(),
        strengths=rows,
        similar=similar(rows, kind, settings, near=near).transform(hold),
    )


def similar(pairs: DataFrame, kind: Kind, settings: Neighbours, *, near: bool = False) -> DataFrame:
    """(productId, other, likeness): the products most like each of those in (userId, productId, ...), k at the most."""
    spark = pairs.sparkSession
    shared = near_.shared(spark, _weights(pairs, kind, settings), near=near)
    count, k = len(shared.value.ids), settings.k
    tasks = max(1, min(-(-count // _PRODUCTS_AT_ONCE), spark.sparkContext.defaultParallelism * 4))
    blocks = spark.range(0, count, _PRODUCTS_AT_ONCE, tasks)

    def compare(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        known = shared.value
        by_user = known.rows.T.tocsr()
        for batch in batches:
            for start in batch.column("id").to_pylist():
                end = min(start + _PRODUCTS_AT_ONCE, len(known.ids))
                found = likeness.neighbours(known.rows, start, end, k=k, transposed=by_user)
                own = np.repeat(known.ids[start:end], np.diff(found.indptr))
                arrays = [pa.array(own), pa.array(known.ids[found.indices]), pa.array(found.values)]
                yield pa.RecordBatch.from_arrays(arrays, ["productId", "other", "likeness"])

    return near_.mapped(blocks, compare, schemas.SIMILAR, near=near)


def _weights(pairs: DataFrame, kind: Kind, settings: Neighbours) -> _Weights:
    """The interactions on the driver, 8 bytes each, products in the order of their ids."""
    table = pairs.select("userId", "productId").orderBy("userId", "productId").toArrow()
    if not table.num_rows:
        raise NothingToFitError("no user has shown interest in a product")
    users, products = (table[name].to_numpy() for name in ("userId", "productId"))
    ids, columns = np.unique(products, return_inverse=True)
    rows = np.unique(users, return_inverse=True)[1]
    pairs_ = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)))
    return _Weights(ids.astype(np.int32), likeness.weighted(pairs_, kind, k1=settings.k1, b=settings.b))
