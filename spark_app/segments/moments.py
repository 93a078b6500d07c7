"""A wide table -> how many users it has, and the extremes, means and products of its columns, in one pass.

Partial moments of batches are put together as in Chan, Golub, LeVeque 1983, so that large values lose no digits.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame

from spark_app.frames.near import mapped
from spark_app.segmentation import Column
from spark_app.segments import matrices
from spark_app.segments.matrices import Flags

Floats = npt.NDArray[np.float64]
_PARTIAL = "partial ARRAY<DOUBLE>"


class Moments(NamedTuple):
    """Of so many users: the lowest and highest of each column, its mean, and the sums of products about the means."""

    users: int
    low: Floats
    high: Floats
    mean: Floats
    products: Floats

    @property
    def varies(self) -> npt.NDArray[np.bool_]:
        """Which columns are not the same for all."""
        return matrices.varies(self.low, self.high)


def of_table(table: DataFrame, columns: Sequence[Column], *, near: bool) -> Moments:
    """Of schemas.WIDE, each column on its scale: log1p of the size, with its sign, where that is `log`."""
    partial = mapped(table, _partials(matrices.by_log(columns)), _PARTIAL, near=near)
    found = [_unpacked(np.array(row["partial"]), len(columns)) for row in partial.collect()]
    return reduce(together, found, nothing(len(columns)))


def of(matrix: Floats) -> Moments:
    """Of (users, columns); at least one user."""
    mean = matrix.mean(axis=0)
    apart = matrix - mean
    return Moments(len(matrix), matrix.min(axis=0), matrix.max(axis=0), mean, apart.T @ apart)


def nothing(width: int) -> Moments:
    """Of no users."""
    return Moments(0, np.full(width, np.inf), np.full(width, -np.inf), np.zeros(width), np.zeros((width, width)))


def together(one: Moments, other: Moments) -> Moments:
    """Of the users of both."""
    users = one.users + other.users
    if not users:
        return one
    apart, share = other.mean - one.mean, other.users / users
    return Moments(
        users,
        np.minimum(one.low, other.low),
        np.maximum(one.high, other.high),
        one.mean + apart * share,
        one.products + other.products + np.outer(apart, apart) * share * one.users,
    )


def _partials(logs: Flags) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Runs on the executors: batches of users -> the moments of all of them, as one list."""
    width = len(logs)

    def partials(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        found = nothing(width)
        for batch in batches:
            if batch.num_rows:
                found = together(found, of(matrices.on_scale(matrices.matrix(batch["values"], width), logs)))
        packed = np.concatenate([[found.users], found.low, found.high, found.mean, found.products.ravel()])
        yield pa.record_batch([pa.array([packed])], names=["partial"])

    return partials


def _unpacked(packed: Floats, width: int) -> Moments:
    low, high, mean = packed[1 : 1 + 3 * width].reshape(3, width)
    return Moments(int(packed[0]), low, high, mean, packed[1 + 3 * width :].reshape(width, width))
