"""PageRank and components of a graph that one machine holds: arrays in, arrays out, by scipy. No Spark.

GraphX keeps what it makes in a round in memory alone. What has no room there is made again from the first round on,
and hours go by; a graph of as many edges takes a few bytes for each here.
"""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from spark_app.arrays import Doubles, Indices


def both_ways(src: Indices, dst: Indices, vertices: int) -> sp.csr_matrix:
    """(vertices, vertices) with 1 where an edge leads from the column to the row, each edge in both directions."""
    ends, starts = np.concatenate([dst, src]), np.concatenate([src, dst])
    return sp.csr_matrix((np.ones(len(ends), np.float32), (ends, starts)), shape=(vertices, vertices))


def pagerank(edges: sp.csr_matrix, *, reset: float, rounds: int) -> Doubles:
    """(vertices,) ranks that sum to 1 (Page, Brin 1998), by as many rounds as GraphX is given, and from the same start.

    Every vertex has an edge.
    """
    shares = 1.0 / np.asarray(edges.sum(axis=0, dtype=np.float64)).ravel()
    ranks = np.ones(edges.shape[0])
    for _ in range(rounds):
        ranks = reset + (1.0 - reset) * (edges @ (ranks * shares))
    return ranks / ranks.sum()


def components(edges: sp.csr_matrix) -> NDArray[np.int64]:
    """(vertices,) a number for each component, the same for all in it."""
    return sp.csgraph.connected_components(edges, directed=False)[1].astype(np.int64)
