"""Explanations: parts that add up to the score, and the place that a product would have."""

import numpy as np
import pytest

from spark_app import scoring
from spark_app.numbers import equations, explanation
from spark_app.numbers.arrays import Habits, Similar
from spark_app.numbers.equations import Equations
from spark_app.numbers.explanation import Known

PRODUCTS, FACTORS = 12, 4
TERMS = Equations(regularization=0.1, alpha=2.0)


def known(*, blended, explicit=False, boosts=None):
    """A user with three products: factors that solve the equations, and where blended, habits and popularity."""
    rng = np.random.default_rng(8)
    terms = Equations(regularization=0.1, implicit=False) if explicit else TERMS
    factors = rng.normal(size=(PRODUCTS, FACTORS)).astype(np.float32)
    own, strengths = np.array([1, 4, 7], np.int32), np.float32([1.0, 0.5, 2.0])
    user = equations.fold_in(factors, own, strengths, terms)
    popularity = rng.normal(size=PRODUCTS) if blended else np.zeros(PRODUCTS)
    boosts = np.zeros(PRODUCTS) if boosts is None else boosts
    similar = Similar(
        np.arange(PRODUCTS + 1), np.roll(np.arange(PRODUCTS), 1).astype(np.int32), np.full(PRODUCTS, 0.3, np.float32)
    )
    nothing = np.zeros(3, np.float32)
    return Known(
        np.append(user, 0.5).astype(np.float32),
        np.column_stack([factors, popularity + boosts]).astype(np.float32),
        np.ones(PRODUCTS, bool), FACTORS, terms, own, strengths,
        np.float32([0.2, 0.1, 0.4]) if blended else nothing, np.float32([0.0, 1.5, 0.0]) if blended else nothing,
        similar if blended else None, boosts,
    )  # fmt: skip


@pytest.mark.parametrize("blended", [False, True])
@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize("target", range(PRODUCTS))
def test_the_parts_add_up_to_the_score(blended, explicit, target):
    boosts = np.where(np.arange(PRODUCTS) == 3, 2.0, 0.0)
    of = known(blended=blended, explicit=explicit, boosts=boosts)
    parts = explanation.parts(of, target)
    assert parts.own.sum() + parts.rules + parts.others == pytest.approx(explanation.scores(of)[target], abs=1e-5)
    assert parts.rules == (1.0 if target == 3 else 0.0)


def test_scores_are_those_of_the_list():
    of = known(blended=True)
    habits = Habits(np.array([0, 3]), of.own, of.weights, of.again)
    best = scoring.top_n(of.user[None], of.products, n=PRODUCTS, habits=habits, similar=of.similar)
    scores = explanation.scores(of)
    np.testing.assert_allclose(scores[best.products[0]], best.scores[0], rtol=1e-5)
    everything = np.ones(PRODUCTS, bool)
    assert [explanation.rank(scores, place, everything) for place in best.products[0]] == list(range(1, PRODUCTS + 1))


def test_without_equations_everything_stands_beside_the_own_products():
    of = known(blended=False)._replace(equations=None, factors=0, own=np.empty(0, np.int32))
    parts = explanation.parts(of, 5)
    assert parts.others == pytest.approx(explanation.scores(of)[5]) and parts.own.size == 0


def test_a_rank_counts_only_what_may_be_listed_and_the_product_itself():
    scores, listable = np.array([5.0, 4.0, 3.0, 3.0]), np.array([True, False, True, False])
    assert [explanation.rank(scores, place, listable) for place in range(4)] == [1, 2, 2, 3]
