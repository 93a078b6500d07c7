"""A sparse table -> its strongest components: block power iteration with Rayleigh and Ritz, in single precision.

What takes long is the product of the table and a few columns. Most rounds need no more than some rows of a large table.
"""

import numpy as np
from scipy import sparse

from spark_app.grouping.nearest import Doubles

# Columns beside those that are asked for, rounds, and so many rows at the most in all rounds but the last.
MORE, ROUNDS, ROWS = 10, 5, 5_000


def decomposed(matrix: sparse.csr_matrix, count: int, seed: int) -> tuple[Doubles, Doubles]:
    """Singular values and right vectors (columns, count), the largest first.

    Halko, Martinsson and Tropp 2011, algorithm 4.4, on the side of the columns.
    """
    if 0 in matrix.shape or not matrix.nnz:
        return np.zeros(count), np.zeros((matrix.shape[1], count))
    every = matrix.astype(np.float32)
    some = every[:: -(-matrix.shape[0] // ROWS)] if matrix.shape[0] > ROWS else every
    wide = min(count + MORE, matrix.shape[1])
    found = np.random.default_rng(seed).standard_normal((matrix.shape[1], wide), dtype=np.float32)
    for rows in [some] * (ROUNDS - 1) + [every]:
        found = np.linalg.qr(rows.T @ (rows @ found))[0]
    said = (every @ found).astype(np.float64)
    values, turns = np.linalg.eigh(said.T @ said)
    order = np.argsort(-values, kind="stable")[:count]
    strengths, vectors = np.sqrt(np.maximum(values[order], 0.0)), found.astype(np.float64) @ turns[:, order]
    lacking = count - len(order)
    return np.pad(strengths, (0, lacking)), np.pad(vectors, ((0, 0), (0, lacking)))
