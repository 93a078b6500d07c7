"""Arrays as kernels take them: checked, aligned and of one type; and what all kernels share. numpy and Numba, no Spark.

A kernel is compiled on first use and kept on disk. None of them checks bounds: what comes in is checked here.
"""
# mypy: allow-untyped-defs, no-check-untyped-defs

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numba import njit
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Indices = NDArray[np.int32]
Places = NDArray[np.int64]


class SeenCSR(NamedTuple):
    """The products seen by user u: indices[indptr[u]:indptr[u + 1]], in any order."""

    indptr: NDArray[np.int64]
    indices: Indices


def rows_of(matrix: sp.csr_matrix) -> SeenCSR:
    """The places of a matrix where something stands, row by row."""
    return SeenCSR(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32))


class Similar(NamedTuple):
    """Products that are alike: j is like indices[i] by values[i], for i from indptr[j] to indptr[j + 1]."""

    indptr: NDArray[np.int64]
    indices: Indices
    values: Floats


def nobody_alike(products: int) -> Similar:
    """Rows without anything in them, one for each product."""
    return Similar(np.zeros(products + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))


class Habits(NamedTuple):
    """What user u's own products add to scores, for i from indptr[u] to indptr[u + 1].

    Product indices[i] adds weights[i] x likeness to each product that it is like, and again[i] to itself.
    """

    indptr: NDArray[np.int64]
    indices: Indices
    weights: Floats
    again: Floats


def checked(values: ArrayLike, dtype: type, dimensions: int, *, writeable: bool = False) -> NDArray[Any]:
    """Aligned, contiguous and read-only, whatever comes in, so that a kernel is compiled for one type only."""
    view = np.require(values, dtype, ["C", "A", "W"] if writeable else ["C", "A"]).view(np.ndarray)
    if view.ndim != dimensions:
        raise ValueError(f"expected an array of {dimensions} dimensions, not of shape {view.shape}")
    view.flags.writeable = writeable
    return view


def at_least_one(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}")
    return int(value)


def known(indices: Indices, products: int, *, lowest: int = 0) -> Indices:
    if indices.size and (indices.min() < lowest or indices.max() >= products):
        wrong = indices[(indices < lowest) | (indices >= products)][0]
        raise ValueError(f"there is no product {wrong}: expected {lowest} to {products - 1}")
    return indices


def csr(seen: tuple[ArrayLike, ArrayLike] | None, users: int, products: int) -> SeenCSR:
    indptr, indices = seen or (np.zeros(users + 1), [])
    starts, columns = checked(indptr, np.int64, 1), checked(indices, np.int32, 1)
    if not len(starts) == users + 1 > 0 == starts[0] or starts[-1] != len(columns) or (np.diff(starts) < 0).any():
        raise ValueError(f"indptr must rise from 0 to {len(columns)} indices in {users + 1} places, not be {starts}")
    return SeenCSR(starts, known(columns, products))


def sparse(rows: Similar | Habits, count: int, products: int) -> tuple[Any, ...]:
    """Rows with their values, as kernels take them; ValueError when they do not fit together or are not finite."""
    starts, columns = csr(rows[:2], count, products)
    numbers = [checked(values, np.float32, 1) for values in rows[2:]]
    for values in numbers:
        if len(values) != len(columns):
            raise ValueError(f"{len(values)} values for {len(columns)} products: expected one for each")
        if not np.isfinite(values).all():
            raise ValueError(f"a value is {values[~np.isfinite(values)][0]}: expected finite numbers")
    return starts, columns, *numbers


def kernel(function: Callable[..., Any]) -> Any:
    """Compiled on first use, runs without the GIL, kept on disk where numba finds a folder that it can write."""
    # Sums may be reordered and fused. The other fastmath flags would let it forget NaN and infinity.
    options = {"nogil": True, "boundscheck": False, "fastmath": {"contract", "reassoc"}}
    try:
        return njit(function, cache=True, **options)
    except RuntimeError:  # no such folder: neither beside this file nor in the user's cache
        return njit(function, **options)


@kernel
def sort_by(values, ends, items, sorted_):
    """Items by value, stable, by counting; values from -1 up. In the end `ends` has the end of -1, of 0, of 1 ..."""
    for value in values:
        ends[value + 2] += 1
    for place in range(1, len(ends)):
        ends[place] += ends[place - 1]
    for row in range(len(items)):
        value = values[row] + 1
        sorted_[ends[value]] = items[row]
        ends[value] += 1


@kernel
def insert(index, value, indices, values):
    """Put one into a list sorted by value descending, index ascending; the last drops out."""
    place = len(values)
    while place > 0 and (values[place - 1] < value or (values[place - 1] == value and indices[place - 1] > index)):
        place -= 1
        if place + 1 < len(values):
            values[place + 1], indices[place + 1] = values[place], indices[place]
    if place < len(values):
        values[place], indices[place] = value, index


@kernel
def dot(x, y):
    total = 0.0
    for i in range(len(x)):
        total += np.float64(x[i]) * y[i]
    return total
