"""A few products scored one by one, exactly: what a filter leaves, what habits touch, what an index proposes.

Scores and ties are those of scoring.top_n, bit for bit; what habits add is worked out for what they touch alone.
"""
# mypy: allow-untyped-defs, no-check-untyped-defs

from typing import NamedTuple

import numpy as np

from spark_app import scoring
from spark_app.numbers.arrays import Floats, Indices, Similar, checked, dot, insert, kernel


class Added(NamedTuple):
    """What a user's habits add: sums[i] to the score of product places[i], in order, each once; 0 to all others."""

    places: Indices
    sums: Floats


NOTHING = Added(np.empty(0, np.int32), np.empty(0, np.float32))


def added(own: Indices, weights: Floats, again: Floats, similar: Similar) -> Added:
    """The sums of scoring.added for one user, of the products that they are not 0 of; arrays as `arrays.sparse` has."""
    if not len(own):
        return NOTHING
    touched = _touched(own, similar.indptr, similar.indices)
    places, at = np.unique(touched, return_inverse=True)
    sums = np.zeros(len(places), np.float32)
    _add(sums, at.ravel(), own, weights, again, similar.indptr, similar.values)
    return Added(places, sums)


def best(
    user: Floats, product_factors: Floats, candidates: Indices, *, n: int, excluded: Indices, more: Added = NOTHING,
    so_far: scoring.TopN | None = None,
) -> scoring.TopN:  # fmt: skip
    """The best n of `candidates` without `excluded`, both in order and each there once; a list of one user, (1, n).

    `so_far` is a list of other products for the same user, and is merged with them, in place.
    """
    found = so_far or scoring.nothing(1, n)
    vector, factors = checked(user, np.float32, 1), checked(product_factors, np.float32, 2)
    _choose(vector, factors, checked(candidates, np.int32, 1), excluded, *more, found.products[0], found.scores[0])
    return found


@kernel
def _touched(own, starts, others):
    """The own products, each followed by those that it is like."""
    count = len(own)
    for product in own:
        count += starts[product + 1] - starts[product]
    touched, place = np.empty(count, np.int32), 0
    for product in own:
        touched[place] = product
        place += 1
        for i in range(starts[product], starts[product + 1]):
            touched[place] = others[i]
            place += 1
    return touched


@kernel
def _add(sums, at, own, weights, again, starts, values):
    """As scoring._add, in its order; at[i] is where the sum of the i-th touched product is kept."""
    place = 0
    for i in range(len(own)):
        sums[at[place]] += again[i]
        place += 1
        for j in range(starts[own[i]], starts[own[i] + 1]):
            sums[at[place]] += weights[i] * values[j]
            place += 1


@kernel
def _choose(user, factors, candidates, excluded, touched, sums, products, best):
    place = 0
    for product in candidates:
        while place < len(touched) and touched[place] < product:
            place += 1
        score = dot(user, factors[product])
        if place < len(touched) and touched[place] == product:
            score += sums[place]
        if not np.float32(score) < best[-1] and not _is_in(product, excluded):
            insert(product, np.float32(score), products, best)


@kernel
def _is_in(product, ordered):
    place = np.searchsorted(ordered, product)
    return place < len(ordered) and ordered[place] == product
