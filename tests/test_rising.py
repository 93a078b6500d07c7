"""The score: fair to small numbers, to what is new, and to what lifts everything."""

import numpy as np

from spark_app.timeline import rising
from spark_app.timeline.rising import Rise


def rise(*counts, earlier=40_000, later=10_000, turns=4) -> Rise:
    """Of (earlier, later) users, in a shop that did not grow."""
    before, now = (np.array(column, np.int64) for column in zip(*counts, strict=True))
    return rising.of(before, now, all_earlier=earlier, all_later=later, turns=turns)


def test_a_product_with_two_users_after_one_is_not_listed_and_one_of_many_new_users_is():
    found = rise((1, 2), (0, 40))
    assert found.is_rising.tolist() == [False, True] and found.score[1] > 25
    assert np.isnan(found.growth[1]) and found.growth[0] == 700.0


def test_growth_is_beside_the_mean_of_the_earlier_stretches():
    assert rise((400, 150)).growth.tolist() == [50.0]


def test_what_grows_as_the_shop_grows_does_not_rise():
    """A Saturday has twice the users of any other day: so has the product."""
    assert not rise((100, 50), earlier=40_000, later=20_000).is_rising[0]
    assert rise((100, 100), earlier=40_000, later=20_000).is_rising[0]


def test_the_same_growth_of_more_users_is_surer_and_says_more():
    found = rise((4, 4), (40, 40), (400, 400))
    assert (np.diff(found.score / [4, 40, 400]) > 0).all() and (found.score < [3, 30, 300]).all()


def test_a_score_is_never_more_than_there_are_users_nor_infinite():
    found = rise((0, 5), (0, 1_000_000), (10**9, 5), (0, 0), earlier=0, later=0)
    assert np.isfinite(found.score).all() and (found.score <= [5, 1_000_000, 5, 0]).all()


def test_in_a_shop_without_an_earlier_life_what_has_more_users_stands_first():
    found = rise((0, 9), (0, 12), (0, 200), earlier=0, later=221)
    assert found.is_rising.all() and (np.diff(found.score) > 0).all() and found.score[0] > 0


def test_ties_are_broken_by_key_also_where_not_all_are_listed():
    found = rise((0, 40), (0, 40), (0, 9), (0, 40))
    assert rising.best(found, ["d", "b", "a", "c"], 2).tolist() == [1, 3]
    assert rising.best(found, ["d", "b", "a", "c"], 9).tolist() == [1, 3, 0, 2]
