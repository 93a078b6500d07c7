"""PageRank, components and communities of a graph that one machine holds: arrays in, arrays out. No Spark.

GraphX keeps what it makes in a round in memory alone. What has no room there is made again from the first round on,
and hours go by; here PageRank and components take no more than both ends of each edge, and labels a matrix.
"""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from spark_app.numbers.arrays import Doubles, Floats, Indices, kernel


def both_ways(src: Indices, dst: Indices, vertices: int, weights: Floats | None = None) -> sp.csr_matrix:
    """(vertices, vertices) with 1, or the weight, where an edge leads from the column to the row, in both directions.

    Edges between the same two vertices are added up; one from a vertex to itself counts in both directions too.
    """
    ends, starts = np.concatenate([dst, src]), np.concatenate([src, dst])
    values = np.ones(len(ends), np.float32) if weights is None else np.concatenate([weights, weights])
    return sp.csr_matrix((values, (ends, starts)), shape=(vertices, vertices))


def pagerank(src: Indices, dst: Indices, vertices: int, *, reset: float, rounds: int) -> Doubles:
    """(vertices,) ranks that sum to 1 (Page, Brin 1998), by as many rounds as GraphX is given, and from the same start.

    An edge counts in both directions, and every vertex has one.
    """
    degrees = np.bincount(src, minlength=vertices) + np.bincount(dst, minlength=vertices)
    ranks = np.ones(vertices)
    for _ in range(rounds):
        given = np.zeros(vertices)
        _give(src, dst, ranks / degrees, given)
        ranks = reset + (1.0 - reset) * given
    return ranks / ranks.sum()


@kernel
def _give(src: Indices, dst: Indices, shares: Doubles, given: Doubles) -> None:
    """Add to each vertex the shares of those that it has an edge with."""
    for edge in range(len(src)):
        given[dst[edge]] += shares[src[edge]]
        given[src[edge]] += shares[dst[edge]]


@kernel
def components(src: Indices, dst: Indices, vertices: int) -> Indices:
    """(vertices,) the smallest vertex of each one's component: by a forest of disjoint sets (Galler, Fischer 1964)."""
    roots = np.arange(vertices).astype(np.int32)
    for edge in range(len(src)):
        one, other = _root(roots, src[edge]), _root(roots, dst[edge])
        roots[max(one, other)] = min(one, other)
    for vertex in range(vertices):
        roots[vertex] = _root(roots, vertex)
    return roots


@kernel
def _root(roots: Indices, vertex: int) -> int:
    """The root of a vertex; on the way each comes to stand below the one above the next."""
    while roots[vertex] != vertex:
        roots[vertex] = roots[roots[vertex]]
        vertex = roots[vertex]
    return vertex


def labels(edges: sp.csr_matrix, *, rounds: int) -> Indices:
    """(vertices,) the label of each by label propagation (Raghavan, Albert, Kumara 2007), in synchronous rounds.

    A vertex begins with its own place as its label, and takes the one with the most weight around it, of equals the
    smallest. Its own counts by an edge to itself alone.
    """
    found = np.arange(edges.shape[0], dtype=np.int32)
    indptr, indices, weights = edges.indptr.astype(np.int64), edges.indices.astype(np.int32), edges.data
    weights = weights.astype(np.float32)
    for _ in range(rounds):
        taken = _taken(indptr, indices, weights, found)
        if (taken == found).all():
            break
        found = taken
    return found


@kernel
def _taken(indptr: NDArray[np.int64], indices: Indices, weights: Floats, labels: Indices) -> Indices:
    sums, taken = np.zeros(len(labels), np.float32), labels.copy()
    for vertex in range(len(labels)):
        around = range(indptr[vertex], indptr[vertex + 1])
        for edge in around:
            sums[labels[indices[edge]]] += weights[edge]
        best = labels[vertex]
        for edge in around:
            label = labels[indices[edge]]
            if sums[label] > sums[best] or (sums[label] == sums[best] and label < best):
                best = label
        taken[vertex] = best
        for edge in around:
            sums[labels[indices[edge]]] = 0.0
    return taken
