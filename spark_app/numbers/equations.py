"""The normal equations of ALS for one side: users from their products, and how much each product adds to a score.

Arrays in, arrays out: numpy and Numba, no Spark. A call runs on one thread, and without the GIL in its kernels; only
`half_steps` uses all cores, and `gram` as many BLAS threads as the caller allows.
"""
# mypy: allow-untyped-defs, no-check-untyped-defs

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from spark_app.numbers.arrays import (
    Doubles,
    Floats,
    Habits,
    Indices,
    Similar,
    at_least_one,
    checked,
    csr,
    dot,
    insert,
    kernel,
    known,
    nobody_alike,
    sparse,
)

SINGULAR = 1e-13  # a pivot below this share of its diagonal is rounding, not information


# -- the normal equations of ALS, A x = b, of a user with strengths r of products with factors y --
# implicit   A = Y'Y + sum c y y' + reg n I   b = sum over r > 0 of (1 + c) y   n = number of r > 0, c = alpha |r|
# explicit   A = sum y y' + reg n I           b = sum r y                       n = number of r
# Hu, Koren, Volinsky 2008, eq. 4, regularised by count (Zhou et al. 2008), as Spark's ALS.scala does it in
# computeFactors: float32 strengths, float64 sums. With w_j the weight of y_j in b, a product scores y_t' x, the sum of
# y_t' A^-1 w_j y_j (Hu et al., section 5). Where A is singular and Spark refuses, the undetermined part is 0.


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


def gram(product_factors: Floats) -> Doubles:
    """Y'Y of (products, k) factors, (k, k): what the implicit equations of all users start from."""
    factors = checked(product_factors, np.float32, 2)
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


def half_steps(product_factors: Floats, rows: sp.csr_matrix, equations: Equations) -> Floats:
    """The same of all rows of (users, products) strengths, on all cores; raises ValueError as `half_step` does."""
    common = gram(product_factors) if equations.implicit else None
    workers = os.cpu_count() or 1

    def solved(part: sp.csr_matrix) -> Floats:
        return half_step(product_factors, part.indptr, part.indices, part.data, equations, gram=common)

    with ThreadPoolExecutor(workers) as pool:
        cuts = np.linspace(0, rows.shape[0], 4 * workers + 1).astype(int)
        return np.concatenate(list(pool.map(solved, (rows[start:end] for start, end in itertools.pairwise(cuts)))))


def contributions(
    product_factors: Floats, indices: ArrayLike, strengths: ArrayLike, targets: ArrayLike, equations: Equations,
    *, gram: Doubles | None = None, habits: Habits | None = None, similar: Similar | None = None,
) -> Doubles:  # fmt: skip
    """How much each of one user's products adds to the score of each target, (targets, products of the user).

    A row sums to the target's score by `fold_in`, and what `habits`, of the same products in the same order, add.
    Raises ValueError as `half_step` does.
    """
    problem = _problem(product_factors, [0, np.size(indices)], indices, strengths, equations, gram)
    factors, starts, own, *rest = problem
    wanted = known(checked(targets, np.int32, 1), len(factors))
    parts = np.empty((len(wanted), len(own)))
    _contributions(factors, own, *rest, wanted, parts)
    _add_habits(own, *_sides(habits, similar, rows_of=starts, products=len(factors)), wanted, parts)
    return parts


def because(
    product_factors: Floats, indptr: ArrayLike, indices: ArrayLike, strengths: ArrayLike, targets: ArrayLike,
    equations: Equations, *, top: int = 3, gram: Doubles | None = None,
    habits: Habits | None = None, similar: Similar | None = None,
) -> Indices:  # fmt: skip
    """For each user's targets, (users, n) with -1 for none: its own products that add most, (users, n, top).

    The largest contribution first, ties to the smaller index, -1 where fewer are above 0. `habits` are of the same
    products in the same order, and what they add counts too.
    Raises ValueError as `half_step` does, for top below 1, and for targets that do not exist.
    """
    problem = factors, starts, *_ = _problem(product_factors, indptr, indices, strengths, equations, gram)
    wanted = known(checked(targets, np.int32, 2), len(factors), lowest=-1)
    if len(wanted) != len(starts) - 1:
        raise ValueError(f"targets have {len(wanted)} rows: expected one for each of {len(starts) - 1} users")
    reasons = np.full((*wanted.shape, at_least_one("top", top)), -1, np.int32)
    _because(*problem, *_sides(habits, similar, rows_of=starts, products=len(factors)), wanted, reasons)
    return reasons


def _sides(habits: Habits | None, similar: Similar | None, *, rows_of: Any, products: int) -> tuple[Any, ...]:
    """weights and again of the own products, and who is like whom; zeros where there are no habits."""
    alike = similar or nobody_alike(products)
    if habits is None:
        none = checked(np.zeros(rows_of[-1]), np.float32, 1)
        return none, none, *sparse(alike, products, products)
    starts, _, weights, again = sparse(habits, len(rows_of) - 1, products)
    if not np.array_equal(starts, rows_of):
        raise ValueError("habits must have the rows of the strengths")
    return weights, again, *sparse(alike, products, products)


def _problem(
    product_factors: Floats, indptr: ArrayLike, indices: ArrayLike, strengths: ArrayLike, equations: Equations,
    given: Doubles | None,
) -> tuple[Any, ...]:  # fmt: skip
    """All that the kernels need: factors, rows of interactions, what every A starts from, and the terms."""
    factors, values = checked(product_factors, np.float32, 2), checked(strengths, np.float32, 1)
    rows = csr((indptr, indices), np.size(indptr) - 1, len(factors))
    if len(values) != len(rows.indices):
        raise ValueError(f"{len(values)} strengths for {len(rows.indices)} products: expected one for each")
    if not np.isfinite(values).all():
        raise ValueError(f"a strength is {values[~np.isfinite(values)][0]}: expected finite numbers")
    shape = (factors.shape[1], factors.shape[1])
    start = np.zeros(shape) if not equations.implicit else gram(factors) if given is None else given
    if np.shape(start) != shape:
        raise ValueError(f"gram has shape {np.shape(start)}: expected {shape}")
    terms = float(equations.regularization), float(equations.alpha), bool(equations.implicit)
    return factors, *rows, values, checked(start, np.float64, 2), terms


@kernel
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


@kernel
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


@kernel
def _factorize(a):
    """Cholesky, A = U'U: U over A's upper triangle, its diagonal inverted, 0 where A is singular."""
    for i in range(len(a)):
        given = a[i, i]
        _add_rows(a[i], i, -1.0, a[:i, i], a[:i])
        inverse = 0.0 if a[i, i] <= SINGULAR * given else 1.0 / np.sqrt(a[i, i])
        for j in range(i + 1, len(a)):
            a[i, j] *= inverse
        a[i, i] = inverse


@kernel
def _solve(u, x):
    """Turn b into the x of U'U x = b, in place."""
    for i in range(len(x)):
        x[i] *= u[i, i]
        rest, row = x[i + 1 :], u[i, i + 1 :]
        for j in range(len(rest)):
            rest[j] -= x[i] * row[j]
    for i in range(len(x) - 1, -1, -1):
        x[i] = (x[i] - dot(x[i + 1 :], u[i, i + 1 :])) * u[i, i]


@kernel
def _half_step(factors, indptr, indices, strengths, common, terms, solved):
    a, b = np.empty_like(common), np.empty(len(common))
    for user in range(len(solved)):
        start, end = indptr[user], indptr[user + 1]
        _, counted = _equations(common, factors, indices[start:end], strengths[start:end], terms, a, b)
        if counted:
            _factorize(a)
            _solve(a, b)
            solved[user] = b


@kernel
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
                parts[place, product] = weights[product] * dot(x, factors[indices[product]])


@kernel
def _add_habits(own, weights, again, starts, others, values, targets, parts):
    """Add to the parts of one user's targets what its products add by likeness and by themselves."""
    for product in range(len(own)):
        for place in range(len(targets)):
            if targets[place] == own[product]:
                parts[place, product] += again[product]
        for i in range(starts[own[product]], starts[own[product] + 1]):
            for place in range(len(targets)):
                if targets[place] == others[i]:
                    parts[place, product] += weights[product] * values[i]


@kernel
def _because(
    factors, indptr, indices, strengths, common, terms, weights, again, starts, others, values, targets, reasons
):
    n, top = reasons.shape[1:]
    for user in range(len(targets)):
        start, end = indptr[user], indptr[user + 1]
        own, parts = indices[start:end], np.zeros((n, end - start))
        _contributions(factors, own, strengths[start:end], common, terms, targets[user], parts)
        _add_habits(own, weights[start:end], again[start:end], starts, others, values, targets[user], parts)
        for place in range(n):
            best = np.zeros(top)  # what adds nothing or less does not get in
            for product in range(len(own)):
                insert(own[product], parts[place, product], reasons[user, place], best)
