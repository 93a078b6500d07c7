"""The engine of the library `implicit`: rows of interest in, the factors of both sides out, fitted on the driver.

For data that fit one machine. The library solves by conjugate gradients, in float32 and with one regularisation for
everybody; the last step for the users is ours, exact and by MLlib's equations, as every engine's is.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from spark_app import equations, scoring
from spark_app.arrays import Floats
from spark_app.equations import Equations


class Interest(NamedTuple):
    """Strengths as (users, products) rows, and the engine ids of both, in order."""

    rows: sp.csr_matrix
    users: NDArray[np.int32]
    products: NDArray[np.int32]


def factorize(
    rows: DataFrame, terms: Equations, factors: int, iterations: int, seed: int
) -> tuple[DataFrame, DataFrame]:
    """(userId, vector) and (productId, vector) of (userId, productId, strength), not empty."""
    known = interest(rows.select("userId", "productId", "strength").toArrow())
    with scoring.one_blas_thread():
        products = fitted(known.rows, terms, factors, iterations, seed)
        users = equations.half_steps(products, known.rows, terms)
    spark = rows.sparkSession
    return tuple(
        spark.createDataFrame(_table(name, ids, vectors))
        for name, ids, vectors in (("userId", known.users, users), ("productId", known.products, products))
    )


def interest(table: pa.Table) -> Interest:
    """Rows of (userId, productId, strength), each pair once, as a matrix."""
    users, at_user = _places(table["userId"].to_numpy())
    products, at_product = _places(table["productId"].to_numpy())
    shape, strengths = (len(users), len(products)), table["strength"].to_numpy()
    return Interest(sp.csr_matrix((strengths, (at_user, at_product)), shape=shape), users, products)


def fitted(strengths: sp.csr_matrix, terms: Equations, factors: int, iterations: int, seed: int) -> Floats:
    """(products, factors) by the library.

    Its confidence is 1 + alpha x |strength|, negative where there is no preference, which is MLlib's. Its
    regularisation is the same for all: MLlib's for somebody with the mean number of interactions.
    """
    confidence = 1 + terms.alpha * np.abs(strengths.data)
    confidence[strengths.data <= 0] *= -1
    weighted = sp.csr_matrix((confidence.astype(np.float32), strengths.indices, strengths.indptr), strengths.shape)
    model = AlternatingLeastSquares(
        factors=factors,
        regularization=terms.regularization * strengths.nnz / strengths.shape[0],
        iterations=iterations,
        random_state=seed,
    )
    model.fit(weighted, show_progress=False)
    return np.asarray(model.item_factors, np.float32)


def _places(ids: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(the ids there are, in order; the place of each row's)."""
    there = np.zeros(ids.max() + 1, bool)
    there[ids] = True
    return np.flatnonzero(there).astype(np.int32), (np.cumsum(there, dtype=np.int32) - 1)[ids]


def _table(name: str, ids: NDArray[np.int32], vectors: Floats) -> pa.Table:
    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    return pa.table({name: pa.array(ids), "vector": lists.cast(pa.list_(pa.float32()))})
