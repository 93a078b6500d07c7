"""Why a product has its score for a user: parts that add up to it, and the place that it would have in the list.

Arrays in, numbers out, no Spark: the command line and the API share it.
"""

from typing import NamedTuple

import numpy as np

from spark_app import scoring
from spark_app.numbers import equations, vectors
from spark_app.numbers.arrays import Doubles, Floats, Habits, Indices, Similar
from spark_app.numbers.equations import Equations

# Vectors that are made exact at once.
_AT_ONCE = 1 << 15


class Known(NamedTuple):
    """What a model knows of one user and of all products, by place in the order of the shop's ids; as in models.Model.

    `own` are the places of the user's own products, with their strengths, weights and again. `trained` marks products
    that were learnt from, `boosts` (products,) is what the shop's rules add to the last number of each vector. `gram`
    is Y'Y of the factors that were learnt, worked out where it is not given.
    """

    user: Floats
    products: Floats
    trained: np.ndarray
    factors: int
    equations: Equations | None
    own: Indices
    strengths: Floats
    weights: Floats
    again: Floats
    similar: Similar | None
    boosts: Doubles
    gram: Doubles | None = None


class Parts(NamedTuple):
    """A score taken apart: what each own product adds, (own,), what the shop's rules add, and what is left.

    What is left is popularity in a blend, the biases of explicit feedback, all of it where nothing personal is known.
    """

    own: Doubles
    rules: float
    others: float


def scores(known: Known) -> Floats:
    """The user's score of every product, (products,), as lists have it, before anything is left out of them."""
    user, sums = known.user.astype(np.float64), _added(known)
    for start in range(0, len(sums), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        sums[some] += known.products[some].astype(np.float64) @ user
    return sums.astype(np.float32)


def parts(known: Known, target: int) -> Parts:
    """The score of one product as a sum: own + rules + others, to within the rounding of the factors."""
    user, product = known.user[known.factors :].astype(np.float64), known.products[target, known.factors :]
    rules = float(user[-1]) * float(known.boosts[target]) if known.boosts[target] else 0.0
    return Parts(_contributions(known, target), rules, float(user @ product) - rules)


def rank(all_scores: Floats, target: int, listable: np.ndarray) -> int:
    """The place of a product among what may be listed, from 1, itself counted as if it might be; ties by place."""
    rivals = listable.copy()
    rivals[target] = False
    before = np.arange(len(all_scores)) < target
    better = (all_scores > all_scores[target]) | ((all_scores == all_scores[target]) & before)
    return 1 + int((better & rivals).sum())


def _added(known: Known) -> Doubles:
    if not len(known.own):
        return np.zeros(len(known.products))
    habits = Habits(np.array([0, len(known.own)]), known.own, known.weights, known.again)
    return scoring.added(habits, known.similar, len(known.products))[0].astype(np.float64)


def _contributions(known: Known, target: int) -> Doubles:
    if known.equations is None or not len(known.own):
        return np.zeros(len(known.own))
    few = vectors.narrowed(known.own, known.weights, known.again, known.similar, [target])
    return equations.contributions(
        np.ascontiguousarray(known.products[few.places, : known.factors]), few.own, known.strengths, few.targets,
        known.equations, gram=_gram(known), habits=few.habits, similar=few.similar,
    )[0]  # fmt: skip


def _gram(known: Known) -> Doubles | None:
    if known.gram is not None or known.equations is None or not known.equations.implicit:
        return known.gram
    return equations.gram(known.products[known.trained, : known.factors])
