"""The last brands and products of each user: by Spark over the event table, and as the API tells them."""

import random
from datetime import timedelta

import pyarrow as pa
import pytest
from builders import START, events, generation
from chispa.schema_comparer import assert_schema_equality_ignore_nullable
from conftest import settings_for
from deltalake import DeltaTable, write_deltalake
from pyspark.sql.types import StructType
from sold import SCHEMA

from spark_app import interactions, recent, schemas
from spark_app.schemas import EVENT_WEIGHTS
from spark_app.serving import model, recents
from spark_app.serving.fresh import Event, Fresh
from spark_app.timeline import looked, recency
from spark_app.timeline.recency import TURNED
from spark_app.tuning import choice

USERS = [f"U{number:02d}" for number in range(8)]
KINDS = ("view", "view", "cart", "purchase", "dislike", "remove_from_cart", "listing")


def branded(spark, *facts):
    """Events of ann from (product, brand, day, event_type="view", quantity=1)."""
    rows = [_row(number, "ann", *fact) for number, fact in enumerate(facts)]
    return spark.createDataFrame(rows, schemas.EVENT)


def _row(number, user, product, brand, day, event_type="view", quantity=1.0):
    known = {"event_id": f"e{number:06d}", "user": user, "product": product, "event_type": event_type}
    known |= {"quantity": float(quantity), "occurred_at": START + timedelta(days=day)}
    if brand:
        known["product_data"] = {"brand": brand}
    return {name: known.get(name) for name in StructType.fromDDL(schemas.EVENT).names}


def told(seen, kind="brand", n=50):
    """User -> (rank, brand, product, day) in order of rank."""
    found = recent.last(recent.turned(seen, EVENT_WEIGHTS), interactions.product_details(seen), kind=kind, n=n)
    lists = {}
    for row in found.orderBy("user", "rank").collect():
        day = (row["last_event_at"] - START.replace(tzinfo=None)).days
        lists.setdefault(row["user"], []).append((row["rank"], row["brand"], row["product"], day))
    return lists


def test_a_brand_is_told_once_at_the_newest_of_its_products(spark):
    seen = branded(spark, ("lamp", "Lux", 1), ("bulb", "Lux", 3), ("bed", "Oak", 2), ("nail", None, 9))
    assert told(seen) == {"ann": [(1, "Lux", "bulb", 3), (2, "Oak", "bed", 2)]}
    assert told(seen, "product")["ann"][0] == (1, None, "nail", 9)


def test_a_return_and_a_dislike_turn_nobody_to_a_product_and_undo_nothing(spark):
    seen = branded(
        spark, ("lamp", "Lux", 1, "purchase"), ("lamp", "Lux", 5, "purchase", -1), ("lamp", "Lux", 6, "dislike"),
        ("bed", "Oak", 2), ("nail", "Iron", 7, "remove_from_cart"),
    )  # fmt: skip
    assert told(seen) == {"ann": [(1, "Oak", "bed", 2), (2, "Lux", "lamp", 1)]}


def test_a_product_has_the_brand_that_was_said_last_whoever_said_it_and_when_it_was_looked_at(spark):
    seen = branded(spark, ("lamp", "Old", 1), ("lamp", None, 2)).unionByName(
        spark.createDataFrame([_row(9, "bob", "lamp", "Lux", 8)], schemas.EVENT)
    )
    assert told(seen)["ann"] == [(1, "Lux", "lamp", 2)]


def test_no_more_are_told_than_asked_for_and_the_columns_are_those_of_the_schema(spark):
    seen = branded(spark, *((f"p{day:02d}", f"b{day % 20:02d}", day) for day in range(60)))
    assert [one[1] for one in told(seen, n=3)["ann"]] == ["b19", "b18", "b17"]
    assert len(told(seen, "product")["ann"]) == 50
    looks = recent.turned(seen, EVENT_WEIGHTS)
    found = recent.last(looks, interactions.product_details(seen), kind="brand")
    assert_schema_equality_ignore_nullable(found.schema, StructType.fromDDL(schemas.RECENT))


def test_pairs_that_are_netted_say_the_same(spark):
    seen = events(spark, ("ann", "lamp", "view", 1, 1), ("ann", "lamp", "purchase", -1, 3), ("bob", "lamp", "dislike"))
    pairs = interactions.netted(seen, EVENT_WEIGHTS).select("user", "product", TURNED)
    assert pairs.filter(f"{TURNED} IS NOT NULL").collect() == recent.turned(seen, EVENT_WEIGHTS).collect()


def shuffled(number: int, seed: int) -> list[dict]:
    """Rows of events in the order in which they come: late ones, many of one time, brands that change."""
    drawn = random.Random(seed)
    return [
        _row(
            place, drawn.choice(USERS), f"p{drawn.randrange(20):02d}",
            drawn.choice(["Lux", "Oak", "Iron", "Zinc", None, None, None]), drawn.randrange(12), drawn.choice(KINDS),
            drawn.choice([1, 1, 2, -1]),
        )
        for place in range(number)
    ]  # fmt: skip


def as_told(row: dict) -> Event:
    """The event as serving has it."""
    known = dict.fromkeys(Event._fields) | {name: row[name] for name in Event._fields if name in row}
    micros = (row["occurred_at"] - START) // timedelta(microseconds=1) + int(START.timestamp()) * 1_000_000
    return Event(**known | {"occurred_at": micros, "brand": (row["product_data"] or {}).get("brand")})


@pytest.mark.parametrize("kind", ["brand", "product"])
def test_without_spark_the_same_is_found_in_the_files_of_the_table(spark, tmp_path, kind):
    """Late events, many of one time, and brands that change, in three files."""
    rows = shuffled(400, seed=11)
    for part in (rows[:90], rows[90:310], rows[310:]):
        write_deltalake(tmp_path / "e", pa.Table.from_pylist(part, SCHEMA), mode="append")
    found = looked.last(looked.read(DeltaTable(tmp_path / "e"), recency.turning(EVENT_WEIGHTS)), kind, 4)
    lists = {}
    for row in found.to_pylist():
        day = (row["last_event_at"] - START).days
        lists.setdefault(row["user"], []).append((row["rank"], row["brand"], row["product"], day))
    assert lists == told(spark.createDataFrame(rows, schemas.EVENT), kind, 4)
    assert found.column_names == schemas.names(schemas.RECENT)


@pytest.mark.slow
def test_what_the_api_tells_is_what_spark_finds_in_all_events(spark, tmp_path):
    """Two generations know more and more of them; the rest come late, some twice, some are posted first."""
    rows = shuffled(260, seed=7)
    settings = choice.plain(settings_for(tmp_path, algorithm="popular"))
    whole, later, fresh = spark.createDataFrame(rows, schemas.EVENT), [as_told(row) for row in rows], Fresh()
    expected = {kind: told(whole, kind, 5) for kind in ("brand", "product")}
    fresh.rebase(3)
    fresh.posted(later[40::3] + later[:-60:-7])
    fresh.ingested(5, later[160:])
    fresh.ingested(4, later[40:160])
    fresh.ingested(6, later[60:180])
    for version, known in ((3, 40), (4, 160)):
        made = generation(settings, spark.createDataFrame(rows[:known], schemas.EVENT), version=version)
        fresh.rebase(version)
        served = model.opened(made, settings)
        for kind, lists in expected.items():
            assert {user: as_told_now(served, fresh, user, kind) for user in USERS} == lists


def as_told_now(served, fresh, user, kind):
    found = recents.told(served, fresh, user, kind, 5)["recent"]
    return [(one["rank"], one["brand"], one["product"], (one["last_event_at"] - START).days) for one in found]
