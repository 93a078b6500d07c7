"""Exact lists for asks of all kinds, together and alone, beside scoring.top_n one user at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_app import candidates, prepared, scoring
from spark_app.arrays import Habits, SeenCSR, Similar
from spark_app.serving.batching import Ask
from spark_app.serving.exact import Exact

quick = settings(max_examples=60, deadline=None)
NONE = np.empty(0, np.int32)


def a_catalogue(rng, products, k, *, long_tail):
    """Vectors that lie in each other's way, as whole numbers do; a long tail where most of them are short."""
    vectors = rng.integers(-3, 4, (products, k)).astype(np.float32)
    if long_tail:
        vectors[products // 4 :] *= np.float32(0.125)
    return rng.permutation(vectors)


def likeness(rng, products, each=3):
    """Every product is like a few."""
    others = np.sort(rng.integers(0, products, (products, each)), axis=1).astype(np.int32)
    values = rng.normal(size=products * each).astype(np.float32)
    return Similar(np.arange(products + 1) * each, others.ravel(), values)


def an_ask(rng, products, k, *, with_habits=True):
    """Anything that may be asked."""
    some = lambda most: rng.permutation(products)[: rng.integers(0, most + 1)].astype(np.int32)  # noqa: E731
    vector = rng.integers(-2, 3, k).astype(np.float32)
    allowed = [None, some(products), some(min(products, 5))][rng.integers(0, 3)]
    ask = Ask(vector, some([0, 5, products][rng.integers(0, 3)] % (products + 1)), int(rng.integers(1, 30)), allowed=allowed)
    if with_habits and rng.random() < 0.5:
        own = some(min(products, 8))
        weights, again = rng.normal(size=(2, len(own))).astype(np.float32)
        ask = ask._replace(own=own, weights=weights, again=again)
    return ask


def plainly(ask, products, similar):
    """The same by scoring.top_n: what is not allowed is seen."""
    closed = np.ones(len(products), bool)
    closed[slice(None) if ask.allowed is None else ask.allowed] = False
    closed[ask.excluded] = True
    out = np.flatnonzero(closed).astype(np.int32)
    habits = None if ask.own is None else Habits(np.array([0, len(ask.own)]), ask.own, ask.weights, ask.again)
    seen = SeenCSR(np.array([0, len(out)]), out)
    found = scoring.top_n(ask.vector[None], products, seen, n=ask.n, habits=habits, similar=similar)
    there = found.products[0] >= 0
    return found.products[0][there].tolist(), found.scores[0][there].tolist()


def as_lists(answers):
    return [(places.tolist(), scores.tolist()) for places, scores in answers]


@pytest.mark.parametrize("long_tail", [False, True])
@quick
@given(seed=st.integers(0, 2**32), products=st.sampled_from([1, 2, 63, 150, 3000]), asks=st.integers(0, 40))
def test_all_that_may_be_asked_is_answered_as_one_by_one(long_tail, seed, products, asks):
    rng = np.random.default_rng(seed)
    vectors, similar = a_catalogue(rng, products, 4, long_tail=long_tail), likeness(rng, products)
    asked = [an_ask(rng, products, 4) for _ in range(asks)]
    found = Exact(vectors, similar).best_now(asked)
    assert as_lists(found) == [plainly(ask, vectors, similar) for ask in asked]


@pytest.mark.parametrize("long_tail", [False, True])
def test_scores_of_real_numbers_are_equal_bit_for_bit(long_tail):
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(40_000, 50)).astype(np.float32)
    if long_tail:
        vectors *= rng.lognormal(0, 1.5, (40_000, 1)).astype(np.float32)
    users = rng.normal(size=(70, 50)).astype(np.float32)
    seen = [rng.choice(40_000, 200, replace=False).astype(np.int32) for _ in users]
    catalogue, rows = prepared.of(vectors), SeenCSR(np.arange(71) * 200, np.concatenate(seen))
    assert bool(len(catalogue.places)) == long_tail
    expected, found = scoring.top_n(users, vectors, rows, n=20), prepared.best(users, catalogue, rows, n=20)
    assert (found.products == expected.products).all() and (found.scores == expected.scores).all()
    asks = [Ask(user, out, 20) for user, out in zip(users, seen, strict=True)]
    assert as_lists(Exact(vectors).best_now(asks)) == list(
        zip(expected.products.tolist(), expected.scores.tolist(), strict=True)
    )
