"""Trials on the driver: the same scores as the models, and NDCG as the evaluation has it."""

from datetime import timedelta

import numpy as np
import pytest
import scipy.sparse as sp
from builders import START, index

from spark_app import evaluation, recommendations
from spark_app.decisive import changed
from spark_app.models import blend, neighbours, popular
from spark_app.models.blend import Additions
from spark_app.settings import Settings
from spark_app.tuning import choice, trials
from spark_app.tuning.trials import Split, Trials

USERS, PRODUCTS = 30, 20
INTEREST = (
    "user STRING, product STRING, userId INT, productId INT, strength DOUBLE, event_count INT, last_event_at TIMESTAMP"
)


@pytest.fixture(scope="module")
def pairs():
    """(users, products) days since a product was met, more than 0; some pairs never met."""
    rng = np.random.default_rng(4)
    return sp.csr_matrix(np.where(rng.random((USERS, PRODUCTS)) < 0.3, rng.integers(1, 40, (USERS, PRODUCTS)), 0.0))


@pytest.fixture(scope="module")
def split(pairs):
    ones = (pairs > 0).astype(np.float32)
    rng = np.random.default_rng(5)
    relevant = sp.csr_matrix(((rng.random((USERS, PRODUCTS)) < 0.2) & (ones.toarray() == 0)).astype(float))
    judged = np.flatnonzero(relevant.sum(axis=1))
    return Split(ones, pairs, judged, ones[judged], relevant[judged], relevant[judged].getnnz(axis=1), 40.0)


def plain(**changes):
    return changed(choice.plain(Settings(_env_file=None)), changes)


def in_spark(spark, split):
    """The pairs as interactions with ids."""
    met = split.ages.tocoo()
    ages = zip(met.row.tolist(), met.col.tolist(), met.data.tolist(), strict=True)
    rows = [(f"u{u:04d}", f"p{p:04d}", u, p, 1.0, 1, START - timedelta(days=age)) for u, p, age in ages]
    return spark.createDataFrame(rows, INTEREST)


@pytest.mark.parametrize("base", ["bm25", pytest.param("cosine", marks=pytest.mark.slow)])
def test_a_blend_scores_on_the_driver_as_it_does_in_spark(spark, split, base):
    weights = {"blend.popularity_weight": 0.4, "popularity_half_life_days": 9.0, "blend.repeat_weight": 0.5}
    settings = plain(algorithm="blend", **weights, **{"blend.base": base})
    ours = Trials(split, lambda _: split.met).scores(settings)
    rows = in_spark(spark, split)
    counted = popular.counts(rows, 9.0, START).join(index(spark, "product", PRODUCTS), "product")
    added = Additions(popularity=counted, popularity_weight=0.4, counts=rows, repeat_weight=0.5)
    model = blend.fit(neighbours.fit(rows, base, settings.neighbours), added)
    every = index(spark, "user", USERS).crossJoin(index(spark, "product", PRODUCTS)).select("userId", "productId")
    scored = recommendations.predicted(model, every).toPandas()
    scored = scored.pivot(index="userId", columns="productId", values="predicted")
    np.testing.assert_allclose(ours, scored.to_numpy()[split.judged], rtol=1e-3, atol=1e-5)


def test_ndcg_is_that_of_the_evaluation(spark, split):
    lists = np.random.default_rng(6).permuted(np.tile(np.arange(PRODUCTS), (len(split.judged), 1)), axis=1)[:, :10]
    ours = trials.ndcg(lists.astype(np.int32), np.pad(split.relevant.toarray() > 0, ((0, 0), (0, 1))), split.wanted)
    rows = [
        (str(u), str(p), rank + 1) for u, row in zip(split.judged, lists, strict=True) for rank, p in enumerate(row)
    ]
    wanted = split.relevant.tocoo()
    pairs = [(str(split.judged[u]), str(p)) for u, p in zip(wanted.row, wanted.col, strict=True)]
    known = {"catalogue": PRODUCTS, "popularity": spark.createDataFrame([], "product STRING, users BIGINT")}
    found = evaluation.judge(
        spark.createDataFrame(rows, "user STRING, product STRING, rank INT"),
        spark.createDataFrame(pairs, "user STRING, product STRING"),
        users_before=USERS, seed=1, **known,
    )  # fmt: skip
    assert found.ndcg == pytest.approx(float(ours.mean()))


def test_no_list_is_worth_nothing():
    relevant = np.array([[True, False, False]])
    assert trials.ndcg(np.array([[-1, -1]], np.int32), relevant, np.array([1])).tolist() == [0.0]


def test_recently_popular_counts_what_is_old_by_half(split):
    found = Trials(split, lambda _: split.met).scores(plain(algorithm="recent", popularity_half_life_days=5.0))
    expected = np.where(split.ages.toarray() > 0, 0.5 ** (split.ages.toarray() / 5.0), 0.0).sum(axis=0)
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)


def test_factors_on_the_driver_find_what_is_withheld():
    """Checkerboard: the diagonal is withheld, so user i must get product i."""
    size = 16
    board = np.equal.outer(np.arange(size) % 2, np.arange(size) % 2) & ~np.eye(size, dtype=bool)
    settings = plain(**{"als.factors": 6, "als.alpha": 10.0, "als.regularization": 0.05})
    users, products = trials.alternate(sp.csr_matrix(board.astype(np.float32)), settings.als, seed=7)
    assert np.where(board, -np.inf, users @ products.T).argmax(axis=1).tolist() == list(range(size))


def test_a_fit_that_goes_on_is_that_of_one_go(split):
    short, whole = (plain(**{"als.factors": 6, "als.iterations": number}) for number in (2, 5))
    begun, fresh, backwards = (Trials(split, lambda _: split.met) for _ in range(3))
    begun.scores(short)
    np.testing.assert_array_equal(begun.scores(whole), fresh.scores(whole))
    backwards.scores(whole)
    np.testing.assert_array_equal(backwards.scores(short), Trials(split, lambda _: split.met).scores(short))
