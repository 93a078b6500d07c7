"""Columns of lists in Arrow <-> numpy: what executors and the driver get from Spark, as matrices and sparse rows."""

from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from spark_app.numbers.arrays import Floats, Habits, Similar


def matrix(lists: pa.ListArray | pa.ChunkedArray) -> Floats:
    """(rows, length) float32 from lists that are all of one length."""
    whole = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    values = whole.flatten().to_numpy(zero_copy_only=False)
    length = len(values) // len(whole) if len(whole) else 0
    return np.ascontiguousarray(values.reshape(len(whole), length), np.float32)


def lists(rows: Floats) -> pa.ListArray:
    """The lists of `matrix`, from (rows, length) float32."""
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1]).cast(pa.list_(pa.float32()))


def offsets(lists: pa.ListArray) -> NDArray[np.int64]:
    """Where each list begins in the flattened values, from 0, also of a slice; null is an empty list."""
    lengths = lists.value_lengths().fill_null(0).to_numpy()
    return np.concatenate([[0], np.cumsum(lengths)])


def kept(starts: NDArray[np.int64], keep: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Where each list begins once only the values marked in `keep` are left."""
    return np.concatenate([[0], np.cumsum(keep)])[starts]


def covariance(products: Floats) -> NDArray[np.float64]:
    """(k, k) of (products, k) vectors: x'Cx is the variance of a user's scores over the products."""
    centred = products - products.mean(axis=0, dtype=np.float64) if len(products) else products.astype(np.float64)
    return centred.T @ centred / max(len(products), 1)


def spread(users: Floats, covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """(users,) standard deviation of each user's scores over all products."""
    exact = users.astype(np.float64)
    return np.sqrt(np.maximum(np.einsum("ui,ij,uj->u", exact, covariance, exact, optimize=True), 0.0))


def places(ids: NDArray[np.int32], wanted: NDArray[np.int32]) -> NDArray[np.int32]:
    """Where each wanted id stands among `ids`, -1 for one that does not."""
    table = np.full(max(ids.max(initial=-1), wanted.max(initial=-1)) + 1, -1, np.int32)
    table[ids] = np.arange(len(ids), dtype=np.int32)
    return table[wanted]


class Places(NamedTuple):
    """Engine ids of the rows and columns of a matrix, each in order."""

    users: NDArray[np.int32]
    products: NDArray[np.int32]

    @classmethod
    def of(cls, table: pa.Table) -> Self:
        """Those that are in (userId, productId, ...)."""
        return cls(*(_distinct(table[name].to_numpy()) for name in ("userId", "productId")))

    def located(self, table: pa.Table, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
        """(places of users, of products, values) of (userId, productId, name), for rows that have both."""
        users = places(self.users, table["userId"].to_numpy())
        products = places(self.products, table["productId"].to_numpy())
        known = (users >= 0) & (products >= 0)
        return users[known].astype(np.int64), products[known].astype(np.int64), table[name].to_numpy()[known]

    def sparse(self, table: pa.Table, name: str) -> sp.csr_matrix:
        """(users, products) float32 from (userId, productId, name); what has no place is left out."""
        users, products, values = self.located(table, name)
        shape = (len(self.users), len(self.products))
        return sp.csr_matrix((values.astype(np.float32), (users, products)), shape=shape)


def _distinct(ids: NDArray[np.int32]) -> NDArray[np.int32]:
    """The ids there are, from 0 up and dense, in order: by marking them, which takes less than sorting."""
    there = np.zeros(ids.max(initial=-1) + 1, bool)
    there[ids] = True
    return np.flatnonzero(there).astype(np.int32)


def similar(rows: pa.Table, ids: NDArray[np.int32]) -> Similar:
    """(productId, other, likeness) as sparse rows over the places of `ids`; what is not among them is left out."""
    own, others = (places(ids, rows[name].to_numpy()) for name in ("productId", "other"))
    values = rows["likeness"].to_numpy()
    found = (own >= 0) & (others >= 0)
    own, others, values = own[found], others[found], values[found]
    order = np.lexsort((others, own))
    starts = np.concatenate([[0], np.cumsum(np.bincount(own, minlength=len(ids)))])
    return Similar(starts, others[order], values[order].astype(np.float32))


class Narrow(NamedTuple):
    """All that has a part in some scores of one user: places of products, and everything else over these alone."""

    places: NDArray[np.int32]
    own: NDArray[np.int32]
    targets: NDArray[np.int32]
    habits: Habits
    similar: Similar | None


def narrowed(
    own: NDArray[np.int32], weights: Floats, again: Floats, similar: Similar | None, targets: ArrayLike
) -> Narrow:
    """The user's own products and the targets out of all products, so that no other row has to be read."""
    wanted = np.asarray(targets, np.int32)
    places = np.unique(np.concatenate([own, wanted])).astype(np.int32)
    at, to = (np.searchsorted(places, some).astype(np.int32) for some in (own, wanted))
    habits = Habits(np.array([0, len(own)]), at, weights, again)
    return Narrow(places, at, to, habits, _among(similar, places, at))


def _among(similar: Similar | None, some: NDArray[np.int32], own: NDArray[np.int32]) -> Similar | None:
    """Who of `some` (places, in order) is like whom of them: rows over places in `some`, filled for `own` of them."""
    if similar is None:
        return None
    starts, others, values = np.zeros(len(some) + 1, np.int64), [np.empty(0, np.int32)], [np.empty(0, np.float32)]
    for row in own.tolist():
        part = slice(similar.indptr[some[row]], similar.indptr[some[row] + 1])
        at = np.searchsorted(some, similar.indices[part])
        found = at < len(some)
        found[found] = some[at[found]] == similar.indices[part][found]
        starts[row + 1] = found.sum()
        others.append(at[found].astype(np.int32))
        values.append(similar.values[part][found])
    return Similar(np.cumsum(starts), np.concatenate(others), np.concatenate(values))


def habits(batch: pa.RecordBatch, ids: NDArray[np.int32]) -> Habits:
    """The lists `own`, `weights` and `again` of a batch of users, over the places of `ids`."""
    own = batch.column("own")
    at = places(ids, own.flatten().to_numpy())
    weights, again = (batch.column(name).flatten().to_numpy()[at >= 0] for name in ("weights", "again"))
    return Habits(kept(offsets(own), at >= 0), at[at >= 0], weights, again)
