import sys

import numpy as np
import pytest
from builders import checkerboard, index

from spark_app import recommendations
from spark_app.blocks import Als, Explicit
from spark_app.models import NothingToFitError, als
from spark_app.models.implicit import NoLibraryError
from spark_app.numbers import equations

SMALL = Als(factors=6, regularization=0.05, alpha=10.0, iterations=12)


def vectors(table, key):
    return {row[key]: np.array(row["vector"], np.float32) for row in table.collect()}


@pytest.fixture(scope="module")
def fitted(spark):
    return als.fit_implicit(checkerboard(spark, 16), SMALL, seed=7)


def test_the_withheld_product_is_recommended_first(spark, fitted):
    users, products = index(spark, "user", 16), index(spark, "product", 16)
    catalogue = recommendations.catalogue(fitted, products)
    seen = checkerboard(spark, 16).select("userId", "productId")
    lists = recommendations.top_n(fitted, users, seen, catalogue, n=1)
    assert {row.userId: row.productId for row in lists.collect()} == {i: i for i in range(16)}


def test_the_same_rows_and_seed_give_the_same_factors_however_they_come(spark, fitted):
    again = als.fit_implicit(checkerboard(spark, 16).repartition(5, "strength"), SMALL, seed=7)
    for side, key in (("users", "userId"), ("products", "productId")):
        before, after = vectors(getattr(fitted, side), key), vectors(getattr(again, side), key)
        assert all(np.array_equal(before[name], after[name]) for name in before)


def test_another_seed_gives_other_factors(spark, fitted):
    other = vectors(als.fit_implicit(checkerboard(spark, 16), SMALL, seed=8).users, "userId")
    assert not np.array_equal(other[0], vectors(fitted.users, "userId")[0])


@pytest.mark.parametrize("engine", als.ENGINES)
def test_folding_in_a_training_user_gives_back_its_factors(spark, engine):
    fitted = als.fit_implicit(checkerboard(spark, 16), SMALL, 7, engine)
    users, products = vectors(fitted.users, "userId"), vectors(fitted.products, "productId")
    matrix = np.array([products[number] for number in sorted(products)])
    rows = fitted.strengths.filter("userId = 3").orderBy("productId").collect()
    folded = equations.fold_in(
        matrix, [row.productId for row in rows], [row.strength for row in rows], fitted.equations
    )
    np.testing.assert_allclose(folded, users[3], atol=1e-4)


@pytest.mark.parametrize("engine", als.ENGINES)
def test_a_negative_strength_solves_the_same_equations(spark, engine):
    rows = [(u, p, -2.0 if (u + p) % 5 == 0 else 1.0 + p % 3) for u in range(8) for p in range(8) if (u * p) % 3 != 1]
    table = spark.createDataFrame(rows, "userId INT, productId INT, strength DOUBLE")
    model = als.fit_implicit(table, Als(factors=4, regularization=0.1, alpha=2.0, iterations=5), 1, engine)
    users, products = vectors(model.users, "userId"), vectors(model.products, "productId")
    matrix = np.array([products[number] for number in sorted(products)])
    own = [(p, s) for u, p, s in rows if u == 5]
    folded = equations.fold_in(matrix, [p for p, _ in own], [s for _, s in own], model.equations)
    np.testing.assert_allclose(folded, users[5], atol=1e-4)


def test_implicit_and_mllib_agree_where_everybody_has_as_many_interactions(spark):
    """One regularisation for all is then that by count, and both find the same scores but for their tolerance."""
    table, settings = checkerboard(spark, 12), Als(factors=2, regularization=0.05, alpha=10.0, iterations=20)
    scores = []
    for engine in als.ENGINES:
        model = als.fit_implicit(table, settings, 7, engine)
        users, products = vectors(model.users, "userId"), vectors(model.products, "productId")
        scores.append(np.array([[users[u] @ products[p] for p in range(12)] for u in range(12)]))
    np.testing.assert_allclose(*scores, atol=0.01)


def test_a_library_that_cannot_be_loaded_is_said_in_words(spark, monkeypatch):
    monkeypatch.setitem(sys.modules, "implicit.cpu.als", None)
    with pytest.raises(NoLibraryError, match=r"cannot be loaded .* MILLSTREAM_ENGINE=mllib"):
        als.fit_implicit(checkerboard(spark, 4), SMALL, 7, "implicit")


def test_nothing_to_fit_is_said_in_words(spark):
    with pytest.raises(NothingToFitError, match="no user has shown interest"):
        als.fit_implicit(checkerboard(spark, 2).limit(0), SMALL, seed=7)


def ratings(spark):
    """User u rates product p: 5, plus what the user adds (u - 2), plus what the product adds (p - 2)."""
    rows = [(u, p, 5.0 + (u - 2) + (p - 2)) for u in range(5) for p in range(5) if (u, p) != (4, 4)]
    return spark.createDataFrame(rows, "userId INT, productId INT, rating DOUBLE")


def test_biases_without_shrinkage_find_what_users_and_products_add(spark):
    complete = ratings(spark).filter("userId < 4 AND productId < 4")
    found = als.biases(complete, shrinkage=0.0)
    products = {row.productId: row.product_bias for row in found.products.collect()}
    assert found.mean == pytest.approx(4.0)
    assert products == pytest.approx({0: -1.5, 1: -0.5, 2: 0.5, 3: 1.5})


def test_shrinkage_pulls_a_bias_towards_nothing(spark):
    found = {s: als.biases(ratings(spark), s).products.filter("productId = 0").first() for s in (0.0, 5.0)}
    assert abs(found[5.0].product_bias) < abs(found[0.0].product_bias)


def test_explicit_vectors_predict_the_rating_itself(spark):
    table = ratings(spark)
    model = als.fit_explicit(table, Explicit(factors=2, regularization=0.05, iterations=10, shrinkage=1.0), seed=7)
    errors = [abs(row.predicted - row.rating) for row in recommendations.predicted(model, table).collect()]
    assert np.mean(errors) < 0.4
    withheld = spark.createDataFrame([(4, 4)], "userId INT, productId INT")
    assert recommendations.predicted(model, withheld).first().predicted == pytest.approx(9.0, abs=1.2)


def test_a_pair_that_the_model_does_not_know_has_no_prediction(spark, fitted):
    pairs = spark.createDataFrame([(0, 999), (999, 0)], "userId INT, productId INT")
    assert [row.predicted for row in recommendations.predicted(fitted, pairs).collect()] == [None, None]
