"""Errors of predicted ratings, and the pairs that stand for no interest, beside what was worked out by hand."""

import math
import random

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame
from test_evaluation import ONCE, as_set, pairs

from spark_app.evaluation import (
    ALL_COLD,
    NO_PAIRS,
    NOT_FINITE,
    Rmse,
    cold_share,
    preference_pairs,
    rmse,
)


def predicted(spark, *rows: tuple) -> DataFrame:
    return spark.createDataFrame(list(rows), "expected DOUBLE, predicted FLOAT")


def test_the_error_is_the_root_of_the_mean_square(spark):
    found = rmse(predicted(spark, (1.0, 0.5), (0.0, 0.5), (4.0, 3.0), (2.0, 2.0)))
    assert (found.value, found.cold_share) == (pytest.approx(math.sqrt(1.5 / 4)), 0.0)


def test_cold_pairs_are_passed_over_and_their_share_is_told(spark):
    found = rmse(predicted(spark, (1.0, None), (0.0, 0.5), (4.0, None), (2.0, None)))
    assert found == Rmse(0.5, 0.75)


def test_the_share_of_cold_pairs_that_is_given_stands(spark):
    assert rmse(predicted(spark, (1.0, 0.0)), 0.3) == Rmse(1.0, 0.3)


@pytest.mark.parametrize(
    ("rows", "share", "reason"),
    [
        ([], None, NO_PAIRS),
        ([], 1.0, ALL_COLD),
        ([(1.0, None)], None, ALL_COLD),
        ([(1.0, float("nan")), (1.0, 1.0)], None, NOT_FINITE),
        ([(1.0, float("inf")), (1.0, 1.0)], None, NOT_FINITE),
        ([(1.0, -3e38)], None, NOT_FINITE),
    ],
)
def test_an_error_that_cannot_be_had_has_a_reason(spark, rows, share, reason):
    found = rmse(predicted(spark, *rows), share)
    assert (found.value, found.reason) == (None, reason)


def test_the_line_of_rmse_txt():
    assert [str(Rmse(value)) for value in (0.93, 1.48312, 2.0)] == ["RMSE: 0.93", "RMSE: 1.4831", "RMSE: 2.0"]
    assert str(Rmse(None, 1.0, ALL_COLD)) == "RMSE: undefined, because every held-out pair is cold"


def test_a_pair_is_cold_when_its_user_or_its_product_is_unknown(spark):
    held_out = pairs(spark, ("ann", "lamp"), ("eve", "lamp"), ("ann", "vase"), ("eve", "vase"))
    users, products = pairs(spark, *ONCE).select("user").distinct(), pairs(spark, *ONCE).select("product").distinct()
    assert cold_share(held_out, users, products) == 0.75
    assert cold_share(held_out.limit(0), users, products) is None


def preferred(spark, ones: set[tuple], met: set[tuple], products: int, seed: int = 7) -> tuple[set, set]:
    """(pairs expected to be 1, pairs expected to be 0), of users u0.. and products p0.."""
    users = spark.createDataFrame([(f"u{number}",) for number in range(8)], "user STRING")
    catalogue = spark.createDataFrame([(f"p{number}",) for number in range(products)], "product STRING")
    found = preference_pairs(pairs(spark, *sorted(ones)), pairs(spark, *met), users, catalogue, seed=seed).repartition(
        3
    )
    rows = as_set(found)
    return {row[:2] for row in rows if row[2] == 1}, {row[:2] for row in rows if row[2] == 0}


def test_each_held_out_pair_gets_one_that_never_met(spark):
    met = {(f"u{user}", f"p{product}") for user in range(6) for product in range(user, 30, 6 - user)}
    ones = {pair for number, pair in enumerate(sorted(met)) if number % 3 == 0}
    found, zeros = preferred(spark, ones, met, products=60)
    assert found == ones
    assert not zeros & met
    assert sorted(user for user, _ in zeros) == sorted(user for user, _ in ones)
    assert all(int(product[1:]) < 60 for _, product in zeros)


def test_another_seed_gives_another_sample(spark):
    ones = {(f"u{number % 8}", f"p{number}") for number in range(40)}
    assert preferred(spark, ones, ones, products=90)[1] != preferred(spark, ones, ones, products=90, seed=8)[1]


def test_cold_pairs_are_neither_kept_nor_matched(spark):
    found, zeros = preferred(spark, {("u0", "p0"), ("u0", "p99"), ("eve", "p0")}, set(), products=3)
    assert found == {("u0", "p0")}
    assert zeros < {("u0", "p1"), ("u0", "p2")}


def test_who_has_met_everything_gets_no_zeros_and_who_lacks_one_gets_that(spark):
    met = {("u0", f"p{number}") for number in range(9)} | {("u1", f"p{number}") for number in range(8)}
    assert preferred(spark, {("u0", "p1"), ("u1", "p1"), ("u1", "p2")}, met, products=9)[1] == {("u1", "p8")}


@pytest.mark.parametrize("products", [0, 1])
def test_without_products_to_choose_from_there_are_no_zeros(spark, products):
    ones = {("u0", "p0")} if products else set()
    assert preferred(spark, {("u0", "p0")}, set(), products=products) == (ones, set())


def test_the_cut_of_the_data_into_partitions_does_not_show(spark):
    rng = random.Random(2)
    rows = [(rng.random(), rng.random()) for _ in range(300)]
    table = spark.createDataFrame(rows, "expected DOUBLE, predicted DOUBLE")
    assert rmse(table.coalesce(1)) == rmse(table.orderBy("predicted").repartition(7))
    ones = pairs(spark, *{(f"u{rng.randrange(9)}", f"p{rng.randrange(50)}") for _ in range(80)})
    everyone, everything = ones.select("user"), ones.select("product")
    one, many = (preference_pairs(ones.repartition(parts), ones, everyone, everything, seed=7) for parts in (1, 5))
    assert_df_equality(one, many, ignore_row_order=True)


# Real sales
