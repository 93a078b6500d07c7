"""Judging and the refit's check, on a shop where even users buy even products and odd users odd ones."""

import pytest
from builders import events
from conftest import settings_for
from pyspark.sql import functions as F

from spark_app import decisive, evaluation, interactions
from spark_app.fitting import judging, training
from spark_app.fitting.training import Shop
from spark_app.models import als
from spark_app.shop_rules import Rules
from spark_app.tuning import choice

SIZE = 12
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sold(spark):
    """Each user buys the six products of their kind in turn; the last fifth is held out."""
    facts = [
        (f"u{user:02d}", f"p{2 * ((user // 2 + step) % 6) + user % 2:02d}", "purchase", 1, step * SIZE + user)
        for step in range(6)
        for user in range(SIZE)
    ]
    return events(spark, *facts).cache()


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    asked = settings_for(tmp_path_factory.mktemp("judging"), als={"factors": 4, "iterations": 6})
    return decisive.changed(choice.plain(asked), {"als.alpha": 10.0, "als.regularization": 0.01})


@pytest.fixture(scope="module")
def shop(sold):
    return training.index(sold, None), Shop(interactions.product_details(sold).cache())


@pytest.fixture(scope="module")
def at(sold, settings):
    return evaluation.cut(sold, settings.weights)


@pytest.fixture(scope="module")
def judged(sold, shop, settings, at):
    worse = decisive.changed(settings, {"algorithm": "popular"})
    return judging.judge(sold, *shop, settings, at=at, published=worse, first=False)


@pytest.fixture(scope="module")
def refit(sold, shop, settings):
    return training.learn(sold, *shop, settings)


def test_lists_by_taste_beat_popularity_and_the_worse_settings_before(judged):
    assert judged.metrics["ndcg_at_10"] > judged.baselines["popular"]["ndcg_at_10"]
    assert judged.verdict.publish and "better than the published settings" in judged.verdict.reason
    assert judged.baselines["published"]["ndcg_at_10"] == judged.baselines["popular"]["ndcg_at_10"]
    low, high = judged.baselines["published"]["difference_ci"]
    assert 0 < low <= judged.metrics["ndcg_at_10"] - judged.baselines["published"]["ndcg_at_10"] <= high


def test_what_would_be_worse_than_what_is_published_is_refused(sold, shop, settings, at):
    worse = decisive.changed(settings, {"als.factors": 1, "als.iterations": 1, "als.regularization": 10.0})
    found = judging.judge(sold, *shop, worse, at=at, published=settings, first=False)
    assert not found.verdict.publish
    assert found.verdict.reason.startswith(("worse than the published settings", "below popularity"))


def test_a_sound_refit_has_no_fault(refit, judged):
    assert judging.fault_of_refit(refit, judged) == ""


def test_a_refit_that_forgot_the_held_out_pairs_is_refused(refit, judged, settings):
    """The same pairs, with the users mixed up."""
    mixed = refit.predictor.strengths.withColumn("userId", (F.col("userId") + 1) % SIZE)
    broken = refit._replace(predictor=als.fit_implicit(mixed, settings.als, seed=7))
    assert judging.fault_of_refit(broken, judged).startswith("the refit is worse on the held-out pairs")


def test_a_refit_that_lacks_someone_is_refused(refit, judged):
    lacking = refit._replace(model=refit.model._replace(users=refit.model.users.filter("userId != 3")))
    assert judging.fault_of_refit(lacking, judged) == "the refit lacks users or products that it was trained on"


def test_a_refit_with_numbers_that_are_none_is_refused(refit, judged):
    unfit = refit.model.products.withColumn(
        "vector", F.transform("vector", lambda _: F.lit(float("nan")).cast("float"))
    )
    broken = refit._replace(model=refit.model._replace(products=unfit))
    assert judging.fault_of_refit(broken, judged) == "the refit holds numbers that are not finite"


def test_where_repeats_are_welcome_they_are_judged_too(sold, shop, settings, judged, at):
    always = decisive.changed(settings, {"seen": "always"})
    found = judging.judge(sold, *shop, always, at=at, published=None, first=True)
    assert found.metrics["users_judged"] >= judged.metrics["users_judged"]
    assert found.metrics["recall_at_10"] > 0


def test_a_boosted_product_rises_and_a_hidden_one_goes(sold, shop, settings):
    ids, bare = shop
    rules = Rules.from_dict({"hide": {"products": ["p00"]}, "boost": {"products": {"p03": 20.0}}})
    always = decisive.changed(settings, {"seen": "always"})
    learned = training.learn(sold, ids, bare._replace(rules=rules), always)
    rows = training.lists(learned, ids.users, ids, n=SIZE, explain=False).collect()
    assert {row["product"] for row in rows if row["rank"] == 1} == {"p03"}
    assert "p00" not in {row["product"] for row in rows}
