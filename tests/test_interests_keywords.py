"""Words that tell a group from the others."""

from math import log

import pytest

from spark_app.interests import keywords


def test_the_weight_is_that_of_class_tf_idf():
    # Groups of 4 and 2 words, 3 on average.
    found = keywords.of([{"lamp": 3, "the": 1}, {"seed": 1, "the": 1}])
    lamp, seed = 3 / 4 * log(1 + 3 / 3), 1 / 2 * log(1 + 3 / 1)
    assert found[0] == [("lamp", pytest.approx(lamp))]
    # "the" is a half of what the second group says, no more than twice the quarter of the first.
    assert found[1] == [("seed", pytest.approx(seed))]


def test_equals_are_in_the_order_of_their_names():
    assert [word for word, _ in keywords.of([{"b": 1, "a": 1}, {"c": 2}])[0]] == ["a", "b"]


def test_one_group_has_the_words_that_it_says_most():
    assert [word for word, _ in keywords.of([{"rose": 3, "moon": 1}], 1)[0]] == ["rose"]


def test_no_words_are_no_keywords():
    assert keywords.of([{}, {}]) == [[], []]
    assert keywords.of([{"rose": 2}, {}])[1] == []


def test_counts_of_parts_add_up():
    one = keywords.counted([["rose", "moon"], ["rose"]], [1, 2])
    other = keywords.counted([["rose"]], [1])
    assert one[1] + other[1] == {"rose": 2, "moon": 1}
    assert keywords.counted([["rose", "moon"]], [1], known={"moon"}) == {1: {"moon": 1}}
