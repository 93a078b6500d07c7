"""Fitting by settings: what occurs is looked for, newcomers get in, and who is not known gets the fallback."""

import pytest
from builders import events
from conftest import settings_for
from pyspark.sql import functions as F

from spark_app import decisive, interactions
from spark_app.fitting import training
from spark_app.fitting.training import Shop
from spark_app.schemas import EVENT_WEIGHTS
from spark_app.tuning import choice

SOLD = tuple((f"u{user}", f"p{product}") for user in range(6) for product in range(6) if (user + product) % 2)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    asked = settings_for(tmp_path_factory.mktemp("training"), als={"factors": 2, "iterations": 2})
    return decisive.changed(choice.plain(asked), {"engine": "implicit"})


def learnt(seen, settings, *, small):
    """(ids, what was learnt) of events whose kinds are known."""
    kinds = frozenset(row["event_type"] for row in seen.select("event_type").distinct().collect())
    ids = training.index(seen, None)._replace(small=small)
    return ids, training.learn(seen, ids, Shop(interactions.product_details(seen), kinds=kinds), settings)


def test_weights_of_types_that_do_not_occur_are_left_out(spark):
    details = interactions.product_details(events(spark))
    assert Shop(details).occurring(EVENT_WEIGHTS) == EVENT_WEIGHTS
    assert Shop(details, kinds=frozenset({"view", "wave"})).occurring(EVENT_WEIGHTS) == {"view": EVENT_WEIGHTS["view"]}


@pytest.mark.slow
def test_a_product_that_was_only_announced_gets_in_by_its_category(spark, settings):
    facts = [*SOLD, ("u0", "lamp", "announced")]
    seen = events(spark, *facts).withColumn(
        "product_data", F.struct(*(F.lit(name).alias(name) for name in ("id", "name", "category", "brand")),
                                 F.lit(1.0).alias("price"), F.lit(True).alias("in_stock"))
    )  # fmt: skip
    ids, learned = learnt(seen, settings, small=True)
    assert learned.model.newcomers.join(ids.products, "productId").select("product").collect() == [("lamp",)]
    _, without = learnt(events(spark, *SOLD), settings, small=True)
    assert without.model.newcomers is None


@pytest.mark.slow
@pytest.mark.parametrize("small", [True, False])
def test_who_showed_no_interest_gets_the_fallback(spark, settings, small):
    ids, learned = learnt(events(spark, *SOLD, ("eve", "p0", "purchase", -1)), settings, small=small)
    rows = training.lists(learned, ids.users, ids, n=2, explain=False).collect()
    assert {row.user: row.source for row in rows} == {f"u{user}": "als" for user in range(6)} | {"eve": "popular"}
    assert all(row.product != "p0" for row in rows if row.user == "eve")
