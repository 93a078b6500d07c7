"""Scores, masks, selection, and the normal equations of ALS: the one place that knows them.

Arrays in, arrays out: numpy and Numba, no Spark, so that executors, evaluation and the API share it.
A call runs on one thread, and without the GIL in its kernels; only matrix products (`top_n`, `gram`)
use as many BLAS threads as the caller allows. A kernel is compiled on first use and kept on disk.
"""
# mypy: allow-untyped-defs, no-check-untyped-defs

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

BLOCK = 64  # scores compared with the running n-th best before any of them is looked at
TILE_SCORES = 1 << 21  # scores held at once, 8 MB: they are selected from while they are in the cache
EPSILON = np.finfo(np.float32).eps
MINUS_INFINITY = np.float32(-np.inf)
SINGULAR = 1e-13  # a pivot below this share of its diagonal is rounding, not information

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Indices = NDArray[np.int32]


class SeenCSR(NamedTuple):
    """The products seen by user u: indices[indptr[u]:indptr[u + 1]], in any order."""

    indptr: NDArray[np.int64]
    indices: Indices


class TopN(NamedTuple):
    """Each user's list, best first: (users, n) products and scores; -1 and -inf where none is left."""

    products: Indices
    scores: Floats


@dataclass(frozen=True)
class Equations:
    """What the normal equations of ALS depend on besides the data, in the words of Spark's ALS."""

    regularization: float = 0.1
    alpha: float = 1.0
    implicit: bool = True

    def __post_init__(self) -> None:
        for name, value in (("regularization", self.regularization), ("alpha", self.alpha)):
            if not 0 <= value < np.inf:
                raise ValueError(f"{name} must be a finite number from 0 up, not {value}")


def one_blas_thread() -> AbstractContextManager[Any]:
    """Matrix products on one thread while it lasts, in the whole process. Entering takes about a millisecond."""
    return threadpool_limits(limits=1, user_api="blas")


def top_n(
    user_factors: Floats, product_factors: Floats, seen: SeenCSR | None = None, *, n: int, tile: int = 256
) -> TopN:
    """Each user's best n products that it has not seen, by score, ties to the smaller product index.

    Factors are (users, k) and (products, k) float32, `seen` has a row a user. NaN and -inf are never selected.
    Holds 8 MB of scores at a time, of `tile` users and as many products as fit. What comes near a list is scored
    again in float64: scores and ties depend on the factors alone, not on their place in the tile, as in BLAS.
    Raises ValueError for n or tile below 1, unequal k, and seen products that do not exist.
    """
    users, products = _array(user_factors, np.float32, 2), _array(product_factors, np.float32, 2)
    if users.shape[1] != products.shape[1]:
        raise ValueError(f"{users.shape[1]} factors a user, {products.shape[1]} a product: expected as many")
    rows, best, margins = _rows(seen, len(users), len(products)), _nothing(len(users), n), _margins(users, products)
    height = max(min(_at_least_one("tile", tile), len(users), TILE_SCORES // BLOCK), 1)
    width = max(min(TILE_SCORES // height, len(products)), 1)
    buffer = np.empty(height * width, np.float32)
    for user in range(0, len(users), height):
        some = users[user : user + height]
        for product in range(0, len(products), width):
            block = products[product : product + width]
            scores = buffer[: len(some) * len(block)].reshape(len(some), len(block))
            np.matmul(some, block.T, out=scores)
            _select(scores, users, products, margins, user, product, *rows, *best)
    return best


def select(scores: Floats, seen: SeenCSR | None = None, *, n: int) -> TopN:
    """The same choice from (users, products) float32 scores that are there already, taken as they are.

    Sets the scores of seen products to -inf in place; a product ruled out otherwise comes as -inf.
    """
    table, no_factors = _array(scores, np.float32, 2, writeable=True), _array(np.empty((0, 0)), np.float32, 2)
    rows, best = _rows(seen, *table.shape), _nothing(len(table), n)
    _select(table, no_factors, no_factors, _array(np.zeros(len(table)), np.float32, 1), 0, 0, *rows, *best)
    return best


# -- the normal equations of ALS, A x = b, of a user with strengths r of products with factors y --
# implicit   A = Y'Y + sum c y y' + reg n I   b = sum over r > 0 of (1 + c) y   n = number of r > 0, c = alpha |r|
# explicit   A = sum y y' + reg n I           b = sum r y                       n = number of r
# Hu, Koren, Volinsky 2008, eq. 4, regularised by count (Zhou et al. 2008), as Spark's ALS.scala does it in
# computeFactors: float32 strengths, float64 sums. With w_j the weight of y_j in b, a product scores y_t' x, the sum of
# y_t' A^-1 w_j y_j (Hu et al., section 5). Where A is singular and Spark refuses, the undetermined part is 0.


def gram(product_factors: Floats) -> Doubles:
    """Y'Y of (products, k) factors, (k, k): what the implicit equations of all users start from."""
    factors = _array(product_factors, np.float32, 2)
    total = np.zeros((factors.shape[1], factors.shape[1]))
    for start in range(0, len(factors), 1 << 15):
        block = factors[start : start + (1 << 15)].astype(np.float64)
        total += block.T @ block
    return total


def fold_in(
    product_factors: Floats, indices: ArrayLike, strengths: ArrayLike, equations: Equations,
    *, gram: Doubles | None = None,
) -> Floats:  # fmt: skip
    """One user's factors, (k,), from its products, each once, and their strengths: the half-step of ALS.

    Implicit equations need `gram` and compute it when it is not given. Without a positive strength (any
    strength, when explicit) the factors are 0. Raises ValueError as `half_step` does.
    """
    return half_step(product_factors, [0, np.size(indices)], indices, strengths, equations, gram=gram)[0]


def half_step(
    product_factors: Floats, indptr: ArrayLike, indices: ArrayLike, strengths: ArrayLike, equations: Equations,
    *, gram: Doubles | None = None,
) -> Floats:  # fmt: skip
    """The same for many users, (users, k), from rows of interactions as in SeenCSR.

    Raises ValueError when the rows do not fit together, a product does not exist or a strength is not finite.
    """
    problem = factors, starts, *_ = _problem(product_factors, indptr, indices, strengths, equations, gram)
    solved = np.zeros((len(starts) - 1, factors.shape[1]), np.float32)
    _half_step(*problem, solved)
    return solved


def contributions(
    product_factors: Floats, indices: ArrayLike, strengths: ArrayLike, targets: ArrayLike, equations: Equations,
    *, gram: Doubles | None = None,
) -> Doubles:  # fmt: skip
    """How much each of one user's products adds to the score of each target, (targets, products of the user).

    A row sums to the target's score by `fold_in`. Raises ValueError as `half_step` does.
    """
    factors, _, own, *rest = _problem(product_factors, [0, np.size(indices)], indices, strengths, equations, gram)
    wanted = _known(_array(targets, np.int32, 1), len(factors))
    parts = np.empty((len(wanted), len(own)))
    _contributions(factors, own, *rest, wanted, parts)
    return parts


def because(
    product_factors: Floats, indptr: ArrayLike, indices: ArrayLike, strengths: ArrayLike, targets: ArrayLike,
    equations: Equations, *, top: int = 3, gram: Doubles | None = None,
) -> Indices:  # fmt: skip
    """For each user's targets, (users, n) with -1 for none: its own products that add most, (users, n, top).

    The largest contribution first, ties to the smaller index, -1 where fewer are above 0.
    Raises ValueError as `half_step` does, for top below 1, and for targets that do not exist.
    """
    problem = factors, starts, *_ = _problem(product_factors, indptr, indices, strengths, equations, gram)
    wanted = _known(_array(targets, np.int32, 2), len(factors), lowest=-1)
    if len(wanted) != len(starts) - 1:
        raise ValueError(f"targets have {len(wanted)} rows: expected one for each of {len(starts) - 1} users")
    reasons = np.full((*wanted.shape, _at_least_one("top", top)), -1, np.int32)
    _because(*problem, wanted, reasons)
    return reasons


# -- what comes in, checked, for the kernels at the end do not check bounds --


def _array(values: ArrayLike, dtype: type, dimensions: int, *, writeable: bool = False) -> NDArray[Any]:
    """Aligned, contiguous and read-only, whatever comes in, so that a kernel is compiled for one type only."""
    view = np.require(values, dtype, ["C", "A", "W"] if writeable else ["C", "A"]).view(np.ndarray)
    if view.ndim != dimensions:
        raise ValueError(f"expected an array of {dimensions} dimensions, not of shape {view.shape}")
    view.flags.writeable = writeable
    return view


def _at_least_one(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}")
    return int(value)


def _nothing(users: int, n: int) -> TopN:
    shape = (users, _at_least_one("n", n))
    return TopN(np.full(shape, -1, np.int32), np.full(shape, MINUS_INFINITY, np.float32))


def _margins(users: Floats, products: Floats) -> Floats:
    """How far a user's float32 scores can be from the exact ones: k eps |x| |y|, and a little for our own rounding."""
    of_users, of_products = (np.einsum("ij,ij->i", factors, factors) for factors in (users, products))
    longest = of_products.max(where=np.isfinite(of_products), initial=0)
    return _array((users.shape[1] + 2) * EPSILON * np.sqrt(of_users) * np.sqrt(longest), np.float32, 1)


def _known(indices: Indices, products: int, *, lowest: int = 0) -> Indices:
    if indices.size and (indices.min() < lowest or indices.max() >= products):
        wrong = indices[(indices < lowest) | (indices >= products)][0]
        raise ValueError(f"there is no product {wrong}: expected {lowest} to {products - 1}")
    return indices


def _rows(seen: tuple[ArrayLike, ArrayLike] | None, users: int, products: int) -> SeenCSR:
    indptr, indices = seen or (np.zeros(users + 1), [])
    starts, columns = _array(indptr, np.int64, 1), _array(indices, np.int32, 1)
    if not len(starts) == users + 1 > 0 == starts[0] or starts[-1] != len(columns) or (np.diff(starts) < 0).any():
        raise ValueError(f"indptr must rise from 0 to {len(columns)} indices in {users + 1} places, not be {starts}")
    return SeenCSR(starts, _known(columns, products))


def _problem(
    product_factors: Floats, indptr: ArrayLike, indices: ArrayLike, strengths: ArrayLike, equations: Equations,
    given: Doubles | None,
) -> tuple[Any, ...]:  # fmt: skip
    """All that the kernels need: factors, rows of interactions, what every A starts from, and the terms."""
    factors, values = _array(product_factors, np.float32, 2), _array(strengths, np.float32, 1)
    rows = _rows((indptr, indices), np.size(indptr) - 1, len(factors))
    if len(values) != len(rows.indices):
        raise ValueError(f"{len(values)} strengths for {len(rows.indices)} products: expected one for each")
    if not np.isfinite(values).all():
        raise ValueError(f"a strength is {values[~np.isfinite(values)][0]}: expected finite numbers")
    shape = (factors.shape[1], factors.shape[1])
    start = np.zeros(shape) if not equations.implicit else gram(factors) if given is None else given
    if np.shape(start) != shape:
        raise ValueError(f"gram has shape {np.shape(start)}: expected {shape}")
    terms = float(equations.regularization), float(equations.alpha), bool(equations.implicit)
    return factors, *rows, values, _array(start, np.float64, 2), terms


def _kernel(function: Callable[..., Any]) -> Any:
    """Compiled on first use, runs without the GIL, kept on disk where numba finds a folder that it can write."""
    # Sums may be reordered and fused. The other fastmath flags would let it forget NaN and infinity.
    options = {"nogil": True, "boundscheck": False, "fastmath": {"contract", "reassoc"}}
    try:
        return njit(function, cache=True, **options)
    except RuntimeError:  # no such folder: neither beside this file nor in the user's cache
        return njit(function, **options)


@_kernel
def _insert(index, value, indices, values):
    """Put one into a list sorted by value descending, index ascending; the last drops out."""
    place = len(values)
    while place > 0 and (values[place - 1] < value or (values[place - 1] == value and indices[place - 1] > index)):
        place -= 1
        if place + 1 < len(values):
            values[place + 1], indices[place + 1] = values[place], indices[place]
    if place < len(values):
        values[place], indices[place] = value, index


@_kernel
def _select(scores, users, factors, margins, user, product, indptr, indices, products, best):
    """Merge the scores of the users from `user` on and products from `product` on into the lists so far."""
    for row in range(user, user + len(scores)):
        values = scores[row - user]
        for seen in indices[indptr[row] : indptr[row + 1]]:
            if 0 <= seen - product < len(values):
                values[seen - product] = MINUS_INFINITY
        x = users[row] if len(users) else values[:0]
        _select_row(values, x, factors, margins[row], product, products[row], best[row])


@_kernel
def _select_row(values, x, factors, margin, product, products, best):
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
                    score = np.float32(_dot(x, factors[product + i])) if len(factors) else values[i]
                    _insert(product + i, score, products, best)


@_kernel
def _dot(x, y):
    total = 0.0
    for i in range(len(x)):
        total += np.float64(x[i]) * y[i]
    return total


@_kernel
def _add_rows(target, start, sign, scales, rows):
    """target[start:] += sign * scales @ rows[:, start:], four rows at a time: the target is stored less often."""
    out, fours = target[start:], len(rows) // 4 * 4  # loops from 0 over slices: else they are not vectorised
    for p in range(0, fours, 4):
        s, t, u, v = sign * scales[p], sign * scales[p + 1], sign * scales[p + 2], sign * scales[p + 3]
        a, b, c, d = rows[p, start:], rows[p + 1, start:], rows[p + 2, start:], rows[p + 3, start:]
        for i in range(len(out)):
            out[i] += s * a[i] + t * b[i] + u * c[i] + v * d[i]
    for p in range(fours, len(rows)):
        s, a = sign * scales[p], rows[p, start:]
        for i in range(len(out)):
            out[i] += s * a[i]


@_kernel
def _equations(common, factors, indices, strengths, terms, a, b):
    """Fill the upper triangle of A, and b; give the weight in b of each of the user's products."""
    regularization, alpha, implicit = terms
    weights, scaled, counted = np.empty(len(indices)), np.empty((len(indices), len(b))), 0
    b[:] = 0.0
    for place in range(len(indices)):
        weight, confidence = np.float64(strengths[place]), 1.0
        if implicit:
            confidence = alpha * abs(weight)
            weight = 1.0 + confidence if weight > 0.0 else 0.0
        counted += not implicit or weight > 0.0
        weights[place] = weight
        y, root = factors[indices[place]], np.sqrt(confidence)
        for i in range(len(b)):
            b[i] += weight * y[i]
            scaled[place, i] = root * y[i]
    for i in range(len(b)):
        a[i] = common[i]
        _add_rows(a[i], i, 1.0, scaled[:, i], scaled)
        a[i, i] += regularization * counted
    return weights, counted


@_kernel
def _factorize(a):
    """Cholesky, A = U'U: U over A's upper triangle, its diagonal inverted, 0 where A is singular."""
    for i in range(len(a)):
        given = a[i, i]
        _add_rows(a[i], i, -1.0, a[:i, i], a[:i])
        inverse = 0.0 if a[i, i] <= SINGULAR * given else 1.0 / np.sqrt(a[i, i])
        for j in range(i + 1, len(a)):
            a[i, j] *= inverse
        a[i, i] = inverse


@_kernel
def _solve(u, x):
    """Turn b into the x of U'U x = b, in place."""
    for i in range(len(x)):
        x[i] *= u[i, i]
        rest, row = x[i + 1 :], u[i, i + 1 :]
        for j in range(len(rest)):
            rest[j] -= x[i] * row[j]
    for i in range(len(x) - 1, -1, -1):
        x[i] = (x[i] - _dot(x[i + 1 :], u[i, i + 1 :])) * u[i, i]


@_kernel
def _half_step(factors, indptr, indices, strengths, common, terms, solved):
    a, b = np.empty_like(common), np.empty(len(common))
    for user in range(len(solved)):
        start, end = indptr[user], indptr[user + 1]
        _, counted = _equations(common, factors, indices[start:end], strengths[start:end], terms, a, b)
        if counted:
            _factorize(a)
            _solve(a, b)
            solved[user] = b


@_kernel
def _contributions(factors, indices, strengths, common, terms, targets, parts):
    """One user's y_t' A^-1 w_j y_j for targets t and products j; nothing is written for a target of -1."""
    a, x = np.empty_like(common), np.empty(len(common))
    weights, _ = _equations(common, factors, indices, strengths, terms, a, x)
    _factorize(a)
    for place in range(len(targets)):
        if targets[place] >= 0:
            x[:] = factors[targets[place]]
            _solve(a, x)
            for product in range(len(indices)):
                parts[place, product] = weights[product] * _dot(x, factors[indices[product]])


@_kernel
def _because(factors, indptr, indices, strengths, common, terms, targets, reasons):
    n, top = reasons.shape[1:]
    for user in range(len(targets)):
        start, end = indptr[user], indptr[user + 1]
        own, parts = indices[start:end], np.zeros((n, end - start))
        _contributions(factors, own, strengths[start:end], common, terms, targets[user], parts)
        for place in range(n):
            best = np.zeros(top)  # what adds nothing or less does not get in
            for product in range(len(own)):
                _insert(own[product], parts[place, product], reasons[user, place], best)
