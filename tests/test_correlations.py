"""Which columns say the same."""

import numpy as np
import pytest

from spark_app.segments import correlations, moments


def test_v_of_a_two_by_two_table_is_as_worked_out_by_hand():
    """n = 100, chi2 = 36, phi2 = 0.36; corrected 0.36 - 1/99 = 0.3499, and both sizes 2 - 1/99 = 1.9899."""
    assert correlations.cramers_v([[40, 10], [10, 40]]) == pytest.approx(np.sqrt((0.36 - 1 / 99) / (1 - 1 / 99)))


def test_what_determines_the_other_has_a_v_of_one():
    assert correlations.cramers_v(np.diag([3, 5, 9])) == pytest.approx(1)


def test_independent_columns_have_a_v_of_zero():
    assert correlations.cramers_v(np.outer([10, 20, 30], [5, 7])) == 0


def test_many_rare_values_make_no_correlation_by_chance():
    chance = np.random.default_rng(7)
    table = np.zeros((30, 30))
    np.add.at(table, (chance.integers(30, size=400), chance.integers(30, size=400)), 1)
    assert correlations.cramers_v(table) < 0.15


@pytest.mark.parametrize("table", [[[]], [[5]], [[5, 3]], [[0, 0], [0, 0]], [[1, 0], [0, 0]]])
def test_a_column_that_says_nothing_has_a_v_of_zero(table):
    assert correlations.cramers_v(table) == 0


def test_the_earlier_of_two_that_say_the_same_is_kept_and_none_is_dropped_twice():
    matrix = np.array([[1, 0.95, -0.99, 0.1], [0.95, 1, 0.99, 0.2], [-0.99, 0.99, 1, 0.3], [0.1, 0.2, 0.3, 1]])
    assert correlations.merged("abcd", matrix, 0.9) == [("a", "b", 0.95), ("a", "c", -0.99)]


def columns_of(users):
    steps = np.arange(float(users))
    return np.column_stack([steps, -2 * steps, steps % 2, np.ones(users)])


def test_pearson_is_what_numpy_says():
    matrix = columns_of(40)[:, :3]
    found = correlations.of_numbers("abc", moments.of(matrix), ["", "", ""])
    assert np.allclose(found.matrix, np.corrcoef(matrix.T))
    assert found.merged == [("a", "b", pytest.approx(-1))]


def test_columns_of_two_kinds_are_never_the_same():
    assert correlations.of_numbers("ab", moments.of(columns_of(40)[:, :2]), ["part", "category"]).merged == []


def test_few_users_are_no_reason_to_drop_a_column():
    assert correlations.of_numbers("ab", moments.of(columns_of(29)[:, :2]), ["", ""]).merged == []


def test_what_is_the_same_for_all_goes_with_nothing():
    found = correlations.of_numbers("ad", moments.of(columns_of(40)[:, [0, 3]]), ["", ""])
    assert found.matrix == [[1, 0], [0, 1]]


def test_moments_of_parts_are_those_of_the_whole():
    matrix = np.random.default_rng(7).normal(1e6, 1, (50, 3))
    parts = moments.together(moments.of(matrix[:20]), moments.of(matrix[20:]))
    whole = moments.of(matrix)
    assert parts.users == 50
    assert all(np.allclose(one, other) for one, other in zip(parts[1:], whole[1:], strict=True))
    assert moments.together(moments.nothing(3), whole)[0] == 50


def test_the_last_digit_of_a_sum_is_no_difference():
    assert moments.of(np.array([[0.1 + 0.2, 1.0], [0.3, 2.0]])).varies.tolist() == [False, True]


def test_v_of_columns_of_words_leaves_out_what_is_missing_pair_by_pair(spark):
    rows = [("n", "N", "x", 30), ("s", "S", "x", 20), ("n", None, "y", 5), (None, "S", "y", 7)]
    counted = spark.createDataFrame(rows, "category STRING, tag STRING, other STRING, count BIGINT")
    found = correlations.of_words(counted, ["category", "tag", "other"])
    assert np.allclose(found.matrix, np.transpose(found.matrix))
    assert np.diagonal(found.matrix).tolist() == [1, 1, 1]
    assert found.matrix[0][2] == pytest.approx(correlations.cramers_v([[30, 5], [20, 0]]))
    assert found.merged == [("category", "tag", pytest.approx(1))]
