"""The engine of the library `implicit`: rows of interest in, the factors of both sides out, fitted on the driver.

For data that fit one machine. The library solves by conjugate gradients, in float32 and with one regularisation for
everybody; the last step for the users is ours, exact and by MLlib's equations, as every engine's is.
"""

import importlib
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from spark_app import scoring
from spark_app.numbers import equations
from spark_app.numbers.arrays import Floats
from spark_app.numbers.equations import Equations
from spark_app.numbers.vectors import Places, lists
from spark_app.running.errors import SaidError


class NoLibraryError(SaidError, RuntimeError):
    """The library cannot be loaded; the message says why and what to do."""


def factorize(
    rows: DataFrame, terms: Equations, factors: int, iterations: int, seed: int
) -> tuple[DataFrame, DataFrame]:
    """(userId, vector) and (productId, vector) of (userId, productId, strength), not empty."""
    # First of all: what it brings with it is told too, then, that one thread multiplies.
    _library()
    table = rows.select("userId", "productId", "strength").toArrow()
    known = Places.of(table)
    strengths = known.sparse(table, "strength")
    with scoring.one_blas_thread():
        products = fitted(strengths, terms, factors, iterations, seed)
        users = equations.half_steps(products, strengths, terms)
    spark = rows.sparkSession
    return tuple(
        spark.createDataFrame(_table(name, ids, vectors))
        for name, ids, vectors in (("userId", known.users, users), ("productId", known.products, products))
    )


def fitted(strengths: sp.csr_matrix, terms: Equations, factors: int, iterations: int, seed: int) -> Floats:
    """(products, factors) by the library.

    Its confidence is 1 + alpha x |strength|, negative where there is no preference, which is MLlib's. Its
    regularisation is the same for all: MLlib's for somebody with the mean number of interactions.
    """
    confidence = 1 + terms.alpha * np.abs(strengths.data)
    confidence[strengths.data <= 0] *= -1
    weighted = sp.csr_matrix((confidence.astype(np.float32), strengths.indices, strengths.indptr), strengths.shape)
    model = _library()(
        factors=factors,
        regularization=terms.regularization * strengths.nnz / strengths.shape[0],
        iterations=iterations,
        random_state=seed,
    )
    model.fit(weighted, show_progress=False)
    return np.asarray(model.item_factors, np.float32)


def is_there() -> bool:
    """Whether the library can be loaded."""
    try:
        _library()
    except NoLibraryError:
        return False
    return True


def _library() -> Any:
    """Loaded only when it is asked for: it needs OpenMP of the system, which nothing else here does."""
    try:
        return importlib.import_module("implicit.cpu.als").AlternatingLeastSquares
    except (ImportError, OSError) as error:
        way_out = "apt-get install libgomp1 where OpenMP is missing, or MILLSTREAM_ENGINE=mllib"
        raise NoLibraryError(f"MILLSTREAM_ENGINE=implicit: the library cannot be loaded ({error}); {way_out}") from None


def _table(name: str, ids: NDArray[np.int32], vectors: Floats) -> pa.Table:
    return pa.table({name: pa.array(ids), "vector": lists(vectors)})
