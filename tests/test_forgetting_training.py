"""After a user is forgotten training goes on without that user, who may come back as a new one."""

import json
import math

import pytest
from conftest import settings_for
from test_pipeline import refreshed, rows, simulate

from spark_app import generations, ingestion
from spark_app.forgetting import run
from spark_app.storage import forgotten, ledger

USER = "U00001"


@pytest.fixture
def shop(spark, tmp_path):
    """A small shop, trained and exported."""
    settings = settings_for(tmp_path, als={"factors": 8, "iterations": 3})
    simulate(settings.data_dir / "inbox", events=1500, users=60, products=40)
    take(spark, settings)
    refreshed(spark, settings)
    return settings


def take(spark, settings):
    return ingestion.take_files(spark, settings, settings.data_dir / "inbox")


def ids(settings):
    """User -> engine id, in the results."""
    return {row["user"]: int(row["userId"]) for row in rows(settings.results_dir / "user_mappings.csv")}


def numbers(said):
    """All numbers of a document."""
    if isinstance(said, dict | list):
        return [one for inner in (said.values() if isinstance(said, dict) else said) for one in numbers(inner)]
    return [said] if isinstance(said, int | float) else []


@pytest.mark.slow
def test_the_next_generation_knows_nothing_of_the_user_who_comes_back_as_a_new_one(spark, shop):
    before, first = ids(shop), generations.published(shop)
    run.forget(shop, USER)
    made = refreshed(spark, shop)
    assert generations.published(shop) == made and made.metrics["published"] and made.id != first.id
    assert ids(shop) == {user: number for user, number in before.items() if user != USER}
    assert USER not in (shop.results_dir / "recommendations.csv").read_text()
    assert made.metrics["users"] == len(before) - 1 and made.metrics["metrics"]["users_judged"] > 10
    assert all(map(math.isfinite, numbers(made.metrics))) and made.metrics["metrics"]["ndcg_at_10"] > 0
    generations.ensure_rebuildable(made)

    said = {"user": USER, "product": "P0001"}
    old = json.dumps(said | {"timestamp": "2020-01-01"})
    (shop.data_dir / "inbox" / "back.jsonl").write_text(f"{old}\n{json.dumps(said)}\n")
    taken = take(spark, shop)
    assert (taken.read, taken.accepted, taken.duplicates) == (2, 1, 1)
    refreshed(spark, shop)
    assert ids(shop)[USER] >= forgotten.read(shop).least_user_id > max(before.values())
    assert {user: number for user, number in ids(shop).items() if user != USER}.items() < before.items()
    counts = ledger.counts(shop)
    assert counts.read == counts.accepted + counts.duplicates + sum(counts.rejected.values())
