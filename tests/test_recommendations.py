import numpy as np
import pytest
from builders import index
from pyspark.ml.recommendation import ALS

from spark_app import recommendations
from spark_app.blocks import Als
from spark_app.models import Model, als, popular
from spark_app.numbers.equations import Equations

VECTOR = "ARRAY<FLOAT>"


def model_of(spark, users, products):
    """A model from dictionaries id -> vector."""
    rows = [(key, [float(number) for number in vector]) for key, vector in users.items()]
    columns = [(key, [float(number) for number in vector]) for key, vector in products.items()]
    return Model(
        "test",
        spark.createDataFrame(rows, f"userId INT, vector {VECTOR}"),
        spark.createDataFrame(columns, f"productId INT, vector {VECTOR}"),
    )


def pairs(spark, *facts):
    return spark.createDataFrame(list(facts), "userId INT, productId INT")


def rows_of(model, users, seen, products, n):
    catalogue = recommendations.catalogue(model, products)
    rows = recommendations.top_n(model, users, seen, catalogue, n=n).orderBy("userId", "rank").collect()
    return [(row.user, row.product, row["rank"], round(row.score, 4)) for row in rows]


def test_the_best_products_come_first_and_what_was_seen_is_left_out(spark):
    model = model_of(spark, {0: [1, 0]}, {0: [3, 0], 1: [2, 0], 2: [1, 9]})
    found = rows_of(model, index(spark, "user", 1), pairs(spark, (0, 0)), index(spark, "product", 3), n=2)
    assert found == [("u0000", "p0001", 1, 2.0), ("u0000", "p0002", 2, 1.0)]


def test_ties_go_to_the_smaller_product_id_whatever_the_engine_id(spark):
    products = spark.createDataFrame([("b", 0), ("a", 1), ("c", 2)], "product STRING, productId INT")
    model = model_of(spark, {0: [1]}, {0: [1], 1: [1], 2: [1]})
    found = rows_of(model, index(spark, "user", 1), pairs(spark, (0, 9)), products, n=3)
    assert [product for _, product, *_ in found] == ["a", "b", "c"]


def test_a_list_is_shorter_where_fewer_products_are_left(spark):
    model = model_of(spark, {0: [1], 1: [1]}, {0: [2], 1: [1]})
    seen = pairs(spark, (0, 0), (1, 0), (1, 1))
    found = rows_of(model, index(spark, "user", 2), seen, index(spark, "product", 2), n=10)
    assert found == [("u0000", "p0001", 1, 1.0)]


def test_a_user_that_the_model_does_not_know_gets_no_list_from_it(spark):
    model = model_of(spark, {0: [1]}, {0: [2]})
    found = rows_of(model, index(spark, "user", 2), pairs(spark, (9, 0)), index(spark, "product", 1), n=1)
    assert [user for user, *_ in found] == ["u0000"]


def test_a_model_without_products_lists_nothing(spark):
    nothing = spark.createDataFrame([], f"productId INT, vector {VECTOR}")
    model = model_of(spark, {0: [1]}, {0: [1]})._replace(products=nothing)
    assert rows_of(model, index(spark, "user", 1), pairs(spark, (0, 0)), index(spark, "product", 1), n=3) == []


def test_popular_products_are_those_with_most_users(spark):
    liked = spark.createDataFrame(
        [("u0000", "p0001"), ("u0001", "p0001"), ("u0001", "p0000"), ("u0002", "p0002")], "user STRING, product STRING"
    )
    model = popular.fit(popular.counts(liked), index(spark, "user", 3), index(spark, "product", 3))
    found = rows_of(model, index(spark, "user", 3), pairs(spark, (1, 0), (1, 1)), index(spark, "product", 3), n=3)
    assert [(product, score) for user, product, _, score in found if user == "u0000"] == [
        ("p0001", 2.0), ("p0000", 1.0), ("p0002", 1.0),
    ]  # fmt: skip
    assert [product for user, product, *_ in found if user == "u0001"] == ["p0002"]


@pytest.fixture(scope="module")
def random_strengths(spark):
    rng = np.random.default_rng(3)
    users, products = rng.integers(0, 40, 500).tolist(), (rng.integers(0, 30, 500) ** 2 // 30).tolist()
    rows = [(u, p, float(1 + (u * p) % 3)) for u, p in sorted(set(zip(users, products, strict=True)))]
    return spark.createDataFrame(rows, "userId INT, productId INT, strength DOUBLE")


def test_lists_are_those_of_mllib_where_nothing_is_masked(spark, random_strengths):
    settings = Als(factors=5, iterations=4)
    model = als.fit_implicit(random_strengths, settings, seed=7)
    fitted = ALS(
        userCol="userId", itemCol="productId", ratingCol="strength", rank=5, maxIter=4, regParam=0.1,
        implicitPrefs=True, alpha=1.0, seed=7, numUserBlocks=2, numItemBlocks=2,
    ).fit(model.strengths)  # fmt: skip
    theirs = {row.userId: [r.rating for r in row.recommendations] for row in fitted.recommendForAllUsers(6).collect()}
    ours = rows_of(model, index(spark, "user", 40), pairs(spark, (99, 0)), index(spark, "product", 30), n=6)
    for user, scores in theirs.items():
        mine = [score for name, _, _, score in ours if name == f"u{user:04d}"]
        np.testing.assert_allclose(mine, scores, atol=2e-4)


def test_a_list_is_explained_by_the_product_that_caused_it(spark):
    """Ten users like 0 and 1, ten like 2 and 3, one likes 0 and 2: 1 is because of 0, 3 because of 2."""
    rows = [(u, p, 1.0) for u in range(10) for p in (0, 1)] + [(u, p, 1.0) for u in range(10, 20) for p in (2, 3)]
    rows += [(20, 0, 1.0), (20, 2, 1.0)]
    strengths = spark.createDataFrame(rows, "userId INT, productId INT, strength DOUBLE")
    model = als.fit_implicit(strengths, Als(factors=4, regularization=0.01, alpha=10.0, iterations=10), seed=7)
    catalogue = recommendations.catalogue(model, index(spark, "product", 4))
    users, seen = index(spark, "user", 21).filter("userId = 20"), strengths.select("userId", "productId")
    best = recommendations.top_n(model, users, seen, catalogue, n=2, explain=True)
    found = {row.product: row.because for row in best.collect()}
    assert (found["p0001"][0], found["p0003"][0]) == ("p0000", "p0002")


def test_every_reason_is_a_product_of_the_user_and_three_at_the_most(spark, random_strengths):
    model = als.fit_implicit(random_strengths, Als(factors=5, iterations=4), seed=7)
    catalogue = recommendations.catalogue(model, index(spark, "product", 30))
    seen = random_strengths.select("userId", "productId")
    rows = recommendations.top_n(model, index(spark, "user", 40), seen, catalogue, n=5, explain=True).collect()
    own = {(row.userId, f"p{row.productId:04d}") for row in random_strengths.collect()}
    assert rows and all(len(row.because) <= 3 for row in rows)
    assert all((row.userId, product) in own for row in rows for product in row.because)
    assert not [row for row in rows if (row.userId, row.product) in own]


def test_lists_are_the_same_when_what_was_seen_is_too_much_to_share(spark, random_strengths, monkeypatch):
    model = als.fit_implicit(random_strengths, Als(factors=5, iterations=4), seed=7)
    users, products = index(spark, "user", 42), index(spark, "product", 30)
    seen = random_strengths.filter("userId % 3 > 0 AND userId < 35").select("userId", "productId")
    shared = rows_of(model, users, seen, products, n=5)
    monkeypatch.setattr(recommendations, "PAIRS_SHARED", 0)
    assert len(shared) == 5 * 40 and rows_of(model, users, seen, products, n=5) == shared


def test_a_model_without_equations_explains_nothing(spark):
    model = model_of(spark, {0: [1]}, {0: [2]})
    catalogue = recommendations.catalogue(model, index(spark, "product", 1))
    best = recommendations.top_n(model, index(spark, "user", 1), pairs(spark, (9, 9)), catalogue, n=1, explain=True)
    assert best.first().because is None


def test_equations_are_refused_when_they_make_no_sense():
    with pytest.raises(ValueError, match="regularization"):
        Equations(regularization=-1.0)
