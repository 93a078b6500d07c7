"""Scores, masks and selection: the one place that knows them.

Arrays in, arrays out: numpy and Numba, no Spark, so that executors, evaluation and the API share it. A call runs on
one thread, and without the GIL in its kernels; only the matrix product of `top_n` uses as many BLAS threads as the
caller allows.
"""
# mypy: allow-untyped-defs, no-check-untyped-defs

import math
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from spark_app.numbers.arrays import (
    Doubles,
    Floats,
    Habits,
    Indices,
    SeenCSR,
    Similar,
    at_least_one,
    checked,
    csr,
    dot,
    insert,
    kernel,
    nobody_alike,
    sparse,
)

BLOCK = 64  # scores compared with the running n-th best before any of them is looked at
TILE_SCORES = 1 << 21  # scores held at once, 8 MB: they are selected from while they are in the cache
EPSILON = np.finfo(np.float32).eps
MINUS_INFINITY = np.float32(-np.inf)
_NOTHING = np.empty((0, 0), np.float32)


class TopN(NamedTuple):
    """Each user's list, best first: (users, n) products and scores; -1 and -inf where none is left."""

    products: Indices
    scores: Floats


def one_blas_thread() -> AbstractContextManager[Any]:
    """Matrix products on one thread while it lasts, in the whole process. Entering takes about a millisecond."""
    return threadpool_limits(limits=1, user_api="blas")


def discounts(k: int) -> Doubles:
    """(k,): what a product is worth at ranks 1 to k, 1 / log2(rank + 1) (Jarvelin and Kekalainen 2002)."""
    return np.array([1 / math.log2(rank + 1) for rank in range(1, k + 1)])


def top_n(
    user_factors: Floats, product_factors: Floats, seen: SeenCSR | None = None, *, n: int, tile: int = 256,
    habits: Habits | None = None, similar: Similar | None = None,
) -> TopN:  # fmt: skip
    """Each user's best n products that it has not seen, by score, ties to the smaller product index.

    Factors are (users, k) and (products, k) float32, `seen` and `habits` have a row a user, `similar` a row a product.
    The score is the product of the factors and what habits add. NaN and -inf are never selected.
    Holds 8 MB of scores at a time, of `tile` users and as many products as fit. What comes near a list is scored
    again in float64: scores and ties depend on the factors alone, not on their place in the tile, as in BLAS.
    Raises ValueError for n or tile below 1, unequal k, and products that do not exist.
    """
    users, products = checked(user_factors, np.float32, 2), checked(product_factors, np.float32, 2)
    if users.shape[1] != products.shape[1]:
        raise ValueError(f"{users.shape[1]} factors a user, {products.shape[1]} a product: expected as many")
    rows, best, margins = csr(seen, len(users), len(products)), nothing(len(users), n), _margins(users, products)
    sides = _sides(habits, similar, len(users), len(products))
    height = max(min(at_least_one("tile", tile), len(users), TILE_SCORES // BLOCK), 1)
    width = max(min(TILE_SCORES // height, len(products)), 1)
    buffer, spare = np.empty(height * width, np.float32), np.empty(height * width * bool(sides), np.float32)
    for user in range(0, len(users), height):
        some = users[user : user + height]
        for product in range(0, len(products), width):
            block = products[product : product + width]
            scores = buffer[: len(some) * len(block)].reshape(len(some), len(block))
            np.matmul(some, block.T, out=scores)
            more = spare[: scores.size].reshape(scores.shape) if sides else _NOTHING
            if sides:
                _add(more, user, product, *sides)
            _select(scores, more, users, products, margins, user, product, *rows, *best)
    return best


def added(habits: Habits, similar: Similar | None, products: int) -> Floats:
    """What habits add to the scores of all products, (users, products): the sparse part of a score alone."""
    users = len(habits.indptr) - 1
    sums = np.empty((users, products), np.float32)
    _add(sums, 0, 0, *_sides(habits, similar, users, products))
    return sums


def select(scores: Floats, seen: SeenCSR | None = None, *, n: int) -> TopN:
    """The same choice from (users, products) float32 scores that are there already, taken as they are.

    Sets the scores of seen products to -inf in place; a product ruled out otherwise comes as -inf.
    """
    table, no_factors = checked(scores, np.float32, 2, writeable=True), checked(np.empty((0, 0)), np.float32, 2)
    rows, best = csr(seen, *table.shape), nothing(len(table), n)
    _select(table, _NOTHING, no_factors, no_factors, checked(np.zeros(len(table)), np.float32, 1), 0, 0, *rows, *best)
    return best


def nothing(users: int, n: int) -> TopN:
    """Lists with nothing in them, to be filled."""
    shape = (users, at_least_one("n", n))
    return TopN(np.full(shape, -1, np.int32), np.full(shape, MINUS_INFINITY, np.float32))


def _sides(habits: Habits | None, similar: Similar | None, users: int, products: int) -> tuple[Any, ...]:
    """The arrays of both, checked; empty where there are no habits."""
    if habits is None:
        return ()
    return *sparse(habits, users, products), *sparse(similar or nobody_alike(products), products, products)


def _margins(users: Floats, products: Floats) -> Floats:
    of_users, of_products = (np.einsum("ij,ij->i", factors, factors) for factors in (users, products))
    longest = of_products.max(where=np.isfinite(of_products), initial=0)
    return margins_of(np.sqrt(of_users), np.sqrt(longest), users.shape[1])


def margins_of(users: Floats | Doubles, longest: float, k: int) -> Floats:
    """How far float32 scores can be from the exact ones: k eps |x| |y|, and a little for our own rounding.

    Of the lengths of the vectors of users, (users,), and of the longest one of a product.
    """
    return checked((k + 2) * EPSILON * users * longest, np.float32, 1)


@kernel
def _add(sums, user, product, indptr, indices, weights, again, starts, others, values):
    """Fill sums with what habits add to the users from `user` on and the products from `product` on."""
    for row in range(len(sums)):
        total = sums[row]
        total[:] = 0.0
        for place in range(indptr[user + row], indptr[user + row + 1]):
            own, weight = indices[place], weights[place]
            if 0 <= own - product < len(total):
                total[own - product] += again[place]
            for i in range(starts[own], starts[own + 1]):
                if 0 <= others[i] - product < len(total):
                    total[others[i] - product] += weight * values[i]


@kernel
def _select(scores, added, users, factors, margins, user, product, indptr, indices, products, best):
    """Merge the scores of the users from `user` on and products from `product` on into the lists so far."""
    for row in range(user, user + len(scores)):
        values, margin = scores[row - user], margins[row]
        more = added[row - user] if len(added) else values[:0]
        largest = np.float32(0.0)
        for i in range(len(more)):
            largest = max(largest, abs(more[i]))
            values[i] += more[i]
        for seen in indices[indptr[row] : indptr[row + 1]]:
            if 0 <= seen - product < len(values):
                values[seen - product] = MINUS_INFINITY
        x = users[row] if len(users) else values[:0]
        _select_row(values, more, x, factors, margin + 4 * EPSILON * largest, product, products[row], best[row])


@kernel
def _select_row(values, more, x, factors, margin, product, products, best):
    for block in range((len(values) + BLOCK - 1) // BLOCK):
        start, last, above = block * BLOCK, best[-1] - margin, np.int32(0)
        if start + BLOCK <= len(values):  # a fixed length and no branch make vector instructions of this loop
            for i in range(BLOCK):
                above |= np.int32(values[start + i] > last)  # NaN is above nothing
        else:
            above = np.int32(1)
        if above:
            for i in range(start, min(start + BLOCK, len(values))):
                if values[i] > best[-1] - margin:
                    score = np.float32(_exact(values, more, x, factors, product, i))
                    insert(product + i, score, products, best)


@kernel
def _exact(values, more, x, factors, product, i):
    """A score in float64, from what it is made of; as it stands where that is not there."""
    if not len(factors):
        return np.float64(values[i])
    exact = dot(x, factors[product + i])
    return exact + more[i] if len(more) else exact
