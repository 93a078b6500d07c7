"""What sets segments apart: means, lifts and distances by hand, and the same from the tasks of Spark."""

import math

import numpy as np
import pytest

from spark_app import schemas
from spark_app.segmentation import Column
from spark_app.segments import profiles
from spark_app.segments.wide import Wide

MONEY = (Column("money", "money"), Column("balance", "money"))
SHOP = {"a": (1, -2), "b": (3, 0), "c": (7, 1), "d": (9, 3)}
SEGMENTS = {"a": 1, "b": 1, "c": 2, "d": 2}


def wide(spark, rows, columns=MONEY):
    table = [(user, list(map(float, values))) for user, values in rows.items()]
    return Wide(spark.createDataFrame(table, schemas.WIDE), columns)


def assigned(spark, segments, *methods):
    rows = [(user, method, segment) for method in methods or ("kmeans",) for user, segment in segments.items()]
    return spark.createDataFrame(rows, "user STRING, method STRING, segment INT")


def test_means_lift_and_distance_from_the_other_users(spark):
    """Within both segments money deviates by 1 from its mean, 2 and 8; balance by 1, from -1 and 2."""
    first, second = profiles.of(wide(spark, SHOP), assigned(spark, SEGMENTS))
    money, balance = second.traits
    assert (second.method, second.segment, second.size, second.share) == ("kmeans", 2, 2, 0.5)
    assert money == ("money", 8, 5, 1.6, pytest.approx(6))
    assert balance == ("balance", 2, 0.5, None, pytest.approx(3))
    assert [trait.apart for trait in first.traits] == pytest.approx([-6, -3])


def test_each_method_is_measured_on_its_own_and_executors_say_the_same(spark, monkeypatch):
    table, segments = wide(spark, SHOP), assigned(spark, SEGMENTS, "kmeans", "agglomerative").repartition(2)
    here = profiles.of(table, segments)
    monkeypatch.setattr(profiles, "SMALL", 0)
    there = profiles.of(table, segments)
    assert [one[:4] for one in here] == [one[:4] for one in there]
    assert [one[:2] for one in here][:3] == [("agglomerative", 1), ("agglomerative", 2), ("kmeans", 1)]
    assert [trait[1:3] for one in there for trait in one.traits] == [trait[1:3] for one in here for trait in one.traits]


def test_the_table_has_a_row_for_each_segment_and_column(spark):
    found = profiles.of(wide(spark, SHOP), assigned(spark, SEGMENTS))
    table = profiles.table(spark, [one._replace(label="some") for one in found])
    assert ["features", *table.columns] == schemas.names(schemas.SEGMENT_PROFILE)
    assert sorted(map(tuple, table.collect()))[1] == ("kmeans", 1, "some", 2, 0.5, "money", 2.0, 5.0, 0.4)


def test_a_column_of_magnitudes_is_compared_by_them_and_told_as_it_is():
    group = profiles.group_of(np.array([[0.0], [math.e - 1], [1 - math.e]]), np.array([True]))
    assert (group.mean[0], group.at[0]) == pytest.approx((0, 0))
    assert (group.size[0], group.spread[0]) == pytest.approx((2 * (math.e - 1) / 3, 2))


def test_groups_put_together_are_as_if_they_had_been_one():
    values = np.random.default_rng(7).normal(1e6, 1, (50, 3))
    one, other = profiles.group_of(values[:13], np.zeros(3, bool)), profiles.group_of(values[13:], np.zeros(3, bool))
    whole = profiles.group_of(values, np.zeros(3, bool))
    for found, expected in zip(profiles.together(one, other), whole, strict=True):
        assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("segments", [{"a": 1}, {"a": 1, "b": 1}])
def test_users_who_are_all_in_one_segment_are_not_apart(spark, segments):
    (only,) = profiles.of(wide(spark, dict.fromkeys(segments, (0, 5))), assigned(spark, segments))
    assert only.traits == (("money", 0, 0, None, 0), ("balance", 5, 5, 1, 0))
    assert only.share == 1


def test_segments_without_any_difference_inside_are_apart_by_a_finite_distance():
    zero, one = (profiles.group_of(np.full((2, 1), value), np.array([False])) for value in (0.0, 1.0))
    _, high = profiles._profiles([Column("orders", "orders")], "kmeans", {1: zero, 2: one})
    assert high.traits[0].apart == pytest.approx(200)
