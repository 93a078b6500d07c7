"""The contract that every model keeps: als, neighbours, popular, recently popular, and blends of them."""

import itertools
from datetime import timedelta

import numpy as np
import pytest
from builders import START, checkerboard, index
from pyspark.sql import functions as F

from spark_app import recommendations
from spark_app.blocks import Als, Neighbours
from spark_app.models import NothingToFitError, als, blend, neighbours, newcomers, popular
from spark_app.models.blend import Additions

SIZE = 16
SMALL = Als(factors=6, regularization=0.05, alpha=10.0, iterations=8)
PERSONAL = ("als", "als, by implicit", "bm25", "cosine", "blend", "blend of neighbours")
ALL = (*PERSONAL, "popular", "recent", "popular, boosted")


def liked(spark, strengths):
    """Interactions by name, the users of product p on day p."""
    products, users = index(spark, "product", SIZE), index(spark, "user", SIZE)
    at = (F.lit(START.timestamp()) + F.col("productId") * 86400).cast("timestamp")
    rows = strengths.join(products, "productId").join(users, "userId")
    return rows.select(
        "user", "product", "userId", "productId", "strength", at.alias("last_event_at"), F.lit(2).alias("event_count")
    )


def fit(spark, name, strengths, near=False):
    """A model by its name, from (userId, productId, strength)."""
    rows = liked(spark, strengths)
    users, products = index(spark, "user", SIZE), index(spark, "product", SIZE)
    popularity = popular.counts(rows, half_life_days=4.0).join(products, "product")
    if name in ("bm25", "cosine"):
        return neighbours.fit(strengths, name, Neighbours())
    if name == "popular":
        return popular.fit(popular.counts(rows), users, products)
    if name == "recent":
        return popular.fit(popularity.drop("productId"), users, products, popular.RECENT)
    if name == "popular, boosted":
        boosts = products.filter("productId = 3").select("productId", F.lit(1.5).alias("boost"))
        return blend.fit(popular.fit(popular.counts(rows), users, products), Additions(boosts=boosts))
    known = Additions(popularity=popularity, popularity_weight=0.1)
    if name == "blend of neighbours":
        return blend.fit(neighbours.fit(strengths, "cosine", Neighbours(), near=near), known, near=near)
    more = {"neighbours": neighbours.fit(strengths, "bm25", Neighbours(), near=near), "neighbours_weight": 0.5}
    base = als.fit_implicit(strengths, SMALL, 7, "implicit" if name == "als, by implicit" else "mllib")
    return blend.fit(base, known._replace(**more), near=near) if name == "blend" else base


@pytest.fixture(scope="module")
def strengths(spark):
    return checkerboard(spark, SIZE).persist()


@pytest.fixture(scope="module", params=ALL)
def fitted(request, spark, strengths):
    """(name, model, its whole lists with reasons)"""
    model = fit(spark, request.param, strengths)
    return request.param, model, lists_of(spark, model, strengths, n=SIZE, explain=True)


def lists_of(spark, model, seen, n=5, explain=False, products=SIZE, near=False, **known):
    catalogue = recommendations.catalogue(model, index(spark, "product", products), **known)
    users = index(spark, "user", SIZE + 1)
    lists = recommendations.top_n(model, users, seen, catalogue, n=n, explain=explain, near=near)
    return lists.orderBy("userId", "rank").collect()


def test_the_withheld_product_comes_first_where_tastes_are_looked_at(fitted):
    name, _, rows = fitted
    best = {row.userId: row.productId for row in rows if row["rank"] == 1}
    if name in PERSONAL:
        assert best == {user: user for user in range(SIZE)}


def test_no_list_holds_what_was_seen_and_scores_fall(strengths, fitted):
    seen, rows = {(row.userId, row.productId) for row in strengths.collect()}, fitted[2]
    assert rows and not seen & {(row.userId, row.productId) for row in rows}
    for before, after in itertools.pairwise(rows):
        assert before.userId != after.userId or (before.score, after["rank"]) >= (after.score, before["rank"] + 1)


def test_a_listed_score_is_the_predicted_one(spark, fitted):
    _, model, rows = fitted
    pairs = spark.createDataFrame([(row.userId, row.productId) for row in rows], "userId INT, productId INT")
    predicted = {(r.userId, r.productId): r.predicted for r in recommendations.predicted(model, pairs).collect()}
    expected = [predicted[row.userId, row.productId] for row in rows]
    np.testing.assert_allclose([row.score for row in rows], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.night
@pytest.mark.slow
def test_lists_and_scores_made_here_are_those_of_the_executors(spark, strengths, fitted):
    _, model, rows = fitted
    assert lists_of(spark, model, strengths, n=SIZE, explain=True, near=True) == rows
    pairs = spark.createDataFrame([(user, user % 5) for user in range(SIZE + 1)], "userId INT, productId INT")
    far, near = (
        recommendations.predicted(model, pairs, near=near).orderBy("userId", "productId").collect()
        for near in (False, True)
    )
    assert near == far and {row.userId for row in near if row.predicted is None} >= {SIZE}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["blend", "blend of neighbours"])
def test_what_is_fitted_here_is_what_executors_fit(spark, strengths, name):
    far, near = (fit(spark, name, strengths, near=near) for near in (False, True))
    assert lists_of(spark, near, strengths, n=SIZE) == lists_of(spark, far, strengths, n=SIZE)


def test_the_models_name_is_the_source_of_its_lists(fitted):
    assert {row.source for row in fitted[2]} == {fitted[0].split()[0].strip(",")}


def test_reasons_are_the_users_own_products(strengths, fitted):
    name, _, rows = fitted
    own = {(row.userId, f"p{row.productId:04d}") for row in strengths.collect()}
    best = [row for row in rows if row["rank"] == 1]
    if name not in PERSONAL:
        assert all(row.because is None for row in best)
        return
    assert all(1 <= len(row.because) <= 3 for row in best)
    assert {(row.userId, product) for row in best for product in row.because} <= own


@pytest.mark.night
@pytest.mark.slow
@pytest.mark.parametrize("name", ["als, by implicit", "cosine", "recent", "blend"])
def test_the_same_rows_in_another_order_give_the_same_lists(spark, strengths, name):
    shuffled = strengths.repartition(3, "strength", "productId")
    one, other = (lists_of(spark, fit(spark, name, rows), strengths) for rows in (strengths, shuffled))
    assert one == other


@pytest.mark.parametrize("name", ["popular", "bm25"])
def test_what_is_hidden_is_not_listed_and_the_rest_is_as_before(spark, strengths, name):
    model, hidden = fit(spark, name, strengths), spark.createDataFrame([(3,), (8,)], "productId INT")
    every = lists_of(spark, model, strengths, n=SIZE)
    expected = [(r.userId, r.productId, r.score) for r in every if r.productId not in (3, 8)]
    found = lists_of(spark, model, strengths, n=SIZE, hidden=hidden)
    assert [(r.userId, r.productId, r.score) for r in found] == expected


@pytest.mark.parametrize("name", ["als", "als, by implicit", "bm25", "cosine"])
def test_nothing_to_fit_is_said_in_words(spark, strengths, name):
    with pytest.raises(NothingToFitError, match="no user has shown interest"):
        fit(spark, name, strengths.limit(0))


def test_nothing_added_leaves_the_base_as_it_is(strengths):
    base = als.fit_implicit(strengths, SMALL, seed=7)
    assert blend.fit(base, Additions()) is base


def test_a_boost_of_one_is_a_standard_deviation_of_the_users_scores(spark, strengths):
    base = als.fit_implicit(strengths, SMALL, seed=7)
    boosts = spark.createDataFrame([(4, 1.0)], "productId INT, boost DOUBLE")
    pairs = index(spark, "user", SIZE).crossJoin(index(spark, "product", SIZE)).select("userId", "productId")

    def of(model):
        scored = recommendations.predicted(model, pairs).toPandas()
        return scored.pivot(index="userId", columns="productId", values="predicted")

    plain, boosted = of(base), of(blend.fit(base, Additions(boosts=boosts)))
    np.testing.assert_allclose(boosted[4] - plain[4], plain.std(axis=1, ddof=0), rtol=1e-4)
    np.testing.assert_allclose(boosted[5], plain[5], rtol=1e-6)


@pytest.mark.slow
def test_a_boost_of_neighbours_with_popularity_is_one_of_all_that_they_score(spark, strengths):
    base = fit(spark, "blend of neighbours", strengths)
    boosts = spark.createDataFrame([(4, 1.0)], "productId INT, boost DOUBLE")
    pairs = index(spark, "user", 1).crossJoin(index(spark, "product", SIZE)).select("userId", "productId")
    models = (base, blend.fit(base, Additions(boosts=boosts)))
    plain, boosted = (
        recommendations.predicted(one, pairs).toPandas().set_index("productId")["predicted"] for one in models
    )
    assert boosted[4] - plain[4] == pytest.approx(plain.std(ddof=0), rel=1e-4)


def test_a_product_bought_before_rises_where_repeats_are_welcome(spark, strengths):
    rows = liked(spark, strengths)
    model = blend.fit(als.fit_implicit(strengths, SMALL, seed=7), Additions(counts=rows, repeat_weight=4.0))
    own = {(row.userId, row.productId) for row in strengths.collect()}
    assert {(row.userId, row.productId) for row in lists_of(spark, model, None, n=3)} <= own


def test_recent_users_count_more_than_earlier_ones(spark):
    facts = [("a", "old", 0), ("b", "old", 0), ("c", "new", 8)]
    rows = spark.createDataFrame(
        [(u, p, float(START.timestamp() + d * 86400)) for u, p, d in facts], "user STRING, product STRING, at DOUBLE"
    )
    counted = popular.counts(rows.withColumn("last_event_at", F.col("at").cast("timestamp")), half_life_days=4.0)
    assert {row["product"]: row.users for row in counted.collect()} == {"old": 0.5, "new": 1.0}


def test_who_came_long_before_counts_next_to_nothing_and_still_counts(spark):
    facts = [("a", "old", 0), ("b", "older", -40), ("c", "new", 160)]
    rows = spark.createDataFrame(
        [(u, p, START + timedelta(days=d)) for u, p, d in facts], "user STRING, product STRING, last_event_at TIMESTAMP"
    )
    counted = {row["product"]: row.users for row in popular.counts(rows, half_life_days=4.0).collect()}
    assert counted == {"old": 0.5**40, "older": 0.5**50, "new": 1.0}


def newcomer(spark, model, category="even"):
    """The model of a checkerboard, and product 16, which nobody met, in the category of the even products."""
    rows = [(i, "even" if i % 2 == 0 else "odd", None) for i in range(SIZE)] + [(SIZE, category, None)]
    details = spark.createDataFrame(rows, "productId INT, category STRING, brand STRING")
    return newcomers.admit(model, details.filter(f"productId = {SIZE}"), details)


@pytest.mark.parametrize("name", [*(pytest.param(name, marks=pytest.mark.slow) for name in ("als", "blend")), "cosine"])
def test_a_product_without_history_is_listed_to_those_who_like_its_category(spark, strengths, name):
    model = newcomer(spark, fit(spark, name, strengths))
    catalogue = recommendations.catalogue(model, index(spark, "product", SIZE + 1))
    lists = recommendations.top_n(model, index(spark, "user", SIZE), strengths, catalogue, n=2, explain=True)
    reasons = {row.userId: row.because for row in lists.collect() if row.productId == SIZE}
    assert set(reasons) == set(range(0, SIZE, 2))
    assert all(reasons.values())


@pytest.mark.parametrize("category", [None, "a third"])
def test_without_kin_nobody_is_admitted(spark, strengths, category):
    model = newcomer(spark, fit(spark, "cosine", strengths), category)
    assert model.all_products().count() == SIZE


def test_a_newcomer_can_be_boosted(spark, strengths):
    model = newcomer(spark, fit(spark, "cosine", strengths))
    boosts = spark.createDataFrame([(SIZE, 50.0)], "productId INT, boost DOUBLE")
    lists = lists_of(spark, blend.fit(model, Additions(boosts=boosts)), strengths, n=1, products=SIZE + 1)
    assert {row.productId for row in lists} == {SIZE}
