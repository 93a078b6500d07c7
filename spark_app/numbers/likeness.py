"""Which products are alike, from who has interest in them: neighbours by cosine or BM25. scipy, no Spark.

Both compare products as documents whose words are their users. Blocks of products are worked out on their own, so that
executors can share the work; the numbers of a product do not depend on its block.
"""

from typing import Literal

import numpy as np
import scipy.sparse as sp

from spark_app import scoring
from spark_app.numbers.arrays import Similar

Kind = Literal["bm25", "cosine"]


def weighted(interactions: sp.csr_matrix, kind: Kind, *, k1: float = 1.2, b: float = 0.2) -> sp.csr_matrix:
    """(products, users) weights from (users, products) interactions, the product of two rows being their likeness.

    cosine: rows of length 1. bm25: tf (k1 + 1) / (tf + k1 (1 - b + b length / mean length)) x idf of the user, with
    idf = log(1 + (N - n + 0.5) / (n + 0.5)) (Robertson and Zaragoza 2009, section 3.2), which is never negative.
    """
    products = interactions.T.tocsr().astype(np.float64)
    lengths = np.asarray(products.sum(axis=1)).ravel()
    if kind == "cosine":
        norms = np.sqrt(np.asarray(products.multiply(products).sum(axis=1)).ravel())
        return sp.diags(1 / np.where(norms > 0, norms, 1)) @ products
    count, of_user = products.shape[0], np.bincount(products.indices, minlength=products.shape[1])
    idf = np.log1p((count - of_user + 0.5) / (of_user + 0.5))
    rows = np.repeat(np.arange(count), np.diff(products.indptr))
    scale = k1 * (1 - b + b * lengths / max(lengths.mean(), np.finfo(float).tiny))
    products.data = products.data * (k1 + 1) / (products.data + scale[rows]) * idf[products.indices]
    return products


def neighbours(
    weights: sp.csr_matrix, start: int, end: int, *, k: int, transposed: sp.csr_matrix | None = None
) -> Similar:
    """The k products most like each of those from `start` up to `end`, themselves left out, ties to the smaller index.

    Rows count from `start`, indices over all products; a row begins with what is most alike. `transposed` are the
    weights by user, which are worked out when they are not given.
    """
    count = weights.shape[0]
    transposed = weights.T.tocsr() if transposed is None else transposed
    height = max(scoring.TILE_SCORES // max(count, 1), 1)
    best = [_most_like(weights, transposed, at, min(at + height, end), k) for at in range(start, end, height)]
    products = np.concatenate([found.products for found in best] or [np.empty((0, k), np.int32)])
    alike = products >= 0
    values = np.concatenate([found.scores for found in best] or [np.empty((0, k), np.float32)])
    return Similar(np.concatenate([[0], np.cumsum(alike.sum(axis=1))]), products[alike], values[alike])


def _most_like(weights: sp.csr_matrix, transposed: sp.csr_matrix, start: int, end: int, k: int) -> scoring.TopN:
    """The best of one block; what has nothing in common is no neighbour."""
    alike = (weights[start:end] @ transposed).toarray().astype(np.float32)
    alike[alike <= 0] = scoring.MINUS_INFINITY
    alike[np.arange(end - start), np.arange(start, end)] = scoring.MINUS_INFINITY
    return scoring.select(alike, n=k)
