"""Exact lists for asks of all kinds, together and alone, beside scoring.top_n one user at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_app import scoring
from spark_app.numbers import candidates, prepared
from spark_app.numbers.arrays import Habits, SeenCSR, Similar
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

    def some(most):
        return rng.permutation(products)[: rng.integers(0, min(most, products) + 1)].astype(np.int32)

    vector, excluded = rng.integers(-2, 3, k).astype(np.float32), some(rng.choice([0, 5, products]))
    ask = Ask(vector, excluded, int(rng.integers(1, 30)), allowed=[None, some(products), some(5)][rng.integers(0, 3)])
    if with_habits and rng.random() < 0.5:
        own = some(8)
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


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_share_a_large_catalogue_and_find_the_same(threads):
    """Whole numbers: there are ties in every list, and across the parts."""
    rng = np.random.default_rng(8)
    vectors = a_catalogue(rng, 400_000, 4, long_tail=False)
    asks = [an_ask(rng, 400_000, 4, with_habits=False) for _ in range(9)]
    found = Exact(vectors, threads=threads).best_now(asks)
    assert as_lists(found) == [plainly(ask, vectors, None) for ask in asks]


def test_what_is_best_is_known_in_advance():
    """A checkerboard: even users like even products, the more the longer; equal ones go to the smaller place."""
    products = np.float32([[1, 0], [0, 1], [2, 0], [0, 2], [2, 0], [0, 2]])
    even, odd = np.float32([1, 0]), np.float32([0, 1])
    asks = {
        "all": Ask(even, NONE, 3),
        "excluded": Ask(even, np.int32([2]), 2),
        "allowed": Ask(odd, NONE, 2, allowed=np.int32([5, 1])),
        "both": Ask(odd, np.int32([3]), 2, allowed=np.int32([1, 3, 5])),
        "habits": Ask(odd, NONE, 2, np.int32([0]), np.float32([0.0]), np.float32([9.0])),
        "nothing": Ask(odd, NONE, 2, allowed=NONE),
    }
    found = dict(zip(asks, as_lists(Exact(products).best_now([*asks.values()])), strict=True))
    assert found == {
        "all": ([2, 4, 0], [2, 2, 1]),
        "excluded": ([4, 0], [2, 1]),
        "allowed": ([5, 1], [2, 1]),
        "both": ([5, 1], [2, 1]),
        "habits": ([0, 3], [9, 2]),
        "nothing": ([], []),
    }


def test_equal_scores_go_to_the_smaller_place_in_whatever_order_they_come():
    """A vector of zeros is 0 with all, and one of a product's kind with all that are its like."""
    vectors = np.float32([[1, 0], [1, 0], [0, 9], [0, 0], [9, 0], [9, 0], [0, 1]])
    users = np.float32([[0, 0], [1, 0], [1e-30, 0], [-1, 0]])
    found = Exact(vectors).best_now([Ask(user, NONE, 4) for user in users])
    assert [places.tolist() for places, _ in found] == [[0, 1, 2, 3], [4, 5, 0, 1], [4, 5, 0, 1], [2, 3, 6, 0]]


def test_a_long_tail_is_not_read_to_its_end():
    """What lies behind the first tiles is spoilt after it was measured, and nobody notices."""
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(20_000, 8)).astype(np.float32) * np.repeat(np.float32([1, 0.01]), [500, 19_500])[:, None]
    users = rng.normal(size=(5, 8)).astype(np.float32)
    catalogue = prepared.of(vectors)
    spoilt = catalogue.factors.copy()
    spoilt[4 * prepared.STEP :] = 99
    found = prepared.best(users, catalogue._replace(factors=spoilt), n=10)
    assert (found.products == scoring.top_n(users, vectors, n=10).products).all()


def test_products_without_usable_factors_are_left_out_of_a_long_tail_too():
    vectors = np.float32([[0.1], [np.nan], [0.1], [9], [-np.inf], [0.2]])
    found = Exact(vectors).best_now([Ask(np.float32([1]), NONE, 9), Ask(np.float32([np.nan]), NONE, 9)])
    assert [places.tolist() for places, _ in found] == [[3, 5, 0, 2], []]


def test_a_mapped_catalogue_without_a_long_tail_is_not_copied(tmp_path):
    np.save(tmp_path / "products.npy", np.random.default_rng(1).normal(size=(500, 20)).astype(np.float32))
    mapped = np.load(tmp_path / "products.npy", mmap_mode="r")
    assert np.shares_memory(Exact(mapped).products, mapped)
    assert np.shares_memory(prepared.of(mapped).factors, mapped)


def test_nothing_is_compiled_once_it_is_made():
    rng = np.random.default_rng(2)
    vectors, similar = a_catalogue(rng, 3000, 4, long_tail=True), likeness(rng, 3000)
    exact = Exact(vectors, similar)
    kernels = prepared._best, candidates._choose, candidates._touched, candidates._add
    compiled = [len(kernel.signatures) for kernel in kernels]
    for most in (1, 2, 40):
        exact.best_now([an_ask(rng, 3000, 4) for _ in range(most)])
    assert [len(kernel.signatures) for kernel in kernels] == compiled


def test_an_empty_catalogue_answers_with_nothing():
    found = Exact(np.empty((0, 3), np.float32)).best_now([Ask(np.zeros(3, np.float32), NONE, 5)])
    assert as_lists(found) == [([], [])]


ONES = np.ones((3, 2), np.float32)
REFUSED = {
    "n must be at least 1, not 0": Ask(ONES[0], NONE, 0),
    "3 factors of a user, 2 of a product": Ask(np.ones(3, np.float32), NONE, 1),
    "there is no product 3: expected 0 to 2": Ask(ONES[0], np.int32([3]), 1),
    "there is no product -1": Ask(ONES[0], NONE, 1, allowed=np.int32([-1])),
    "there is no product 7": Ask(ONES[0], NONE, 1, np.int32([7]), ONES[0, :1], ONES[0, :1]),
    "2 values for 1 products": Ask(ONES[0], NONE, 1, np.int32([1]), ONES[0], ONES[0, :1]),
    "a value is nan": Ask(ONES[0], NONE, 1, np.int32([1]), np.float32([np.nan]), ONES[0, :1]),
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_wrong_ask_is_refused_in_words(message):
    with pytest.raises(ValueError, match=message):
        Exact(ONES).best_now([REFUSED[message]])
