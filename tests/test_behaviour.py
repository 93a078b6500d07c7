"""What a user did, as numbers, worked out by hand; and that planted groups differ."""

from datetime import timedelta

import numpy as np
import pytest
from builders import events

from kafka_producer import activity, simulate
from kafka_producer.activity import Activity
from spark_app import interactions, schemas
from spark_app.intake import checks
from spark_app.segments import behaviour

LAMP = {"name": "Lamp", "category": "Light", "brand": "Umbra"}


def wide(happened, **options):
    details = interactions.product_details(happened)
    return behaviour.wide(happened, details, schemas.EVENT_WEIGHTS, **options)


def told(found):
    """{user: {column: value}}."""
    names = [column.name for column in found.columns]
    return {row["user"]: dict(zip(names, row["values"], strict=True)) for row in found.table.collect()}


@pytest.fixture(scope="module")
def shop(spark):
    """Ann buys two lamps twice, sends one back, and looks at a chair; Bob puts a chair in his cart; Cem only posts."""
    lamp = events(
        spark,
        ("ann", "lamp", "purchase", 2, 1.3), ("ann", "lamp", "purchase", 2, 4.3), ("ann", "lamp", "purchase", -1, 5.8),
        price=10.0, product_data=LAMP,
    )  # fmt: skip
    chair = events(
        spark,
        ("ann", "chair", "view", 1, 4.3 + 10 / 1440), ("bob", "chair", "cart", 1, 9.0), ("cem", None, "post", 1, 11.0),
        price=30.0,
    )  # fmt: skip
    return told(wide(lamp.unionByName(chair)))


def test_who_only_posted_did_nothing(shop):
    assert set(shop) == {"ann", "bob"}


def test_times_count_back_from_the_newest_event_of_all(shop):
    assert (shop["ann"]["recency_days"], shop["ann"]["tenure_days"]) == (pytest.approx(5.2), pytest.approx(9.7))
    assert (shop["bob"]["recency_days"], shop["ann"]["active_days"]) == (pytest.approx(2.0), 3)


def test_money_is_net_of_returns_and_a_basket_is_not(shop):
    """2 x 10 + 2 x 10 - 10; two orders of 20, each of two lamps; one of three purchases is a return."""
    ann, names = shop["ann"], ("orders", "money", "basket", "basket_units", "returns")
    assert [ann[name] for name in names] == [2, 30, 20, 2, pytest.approx(1 / 3)]
    assert [shop["bob"][name] for name in names] == [0, 0, 0, 0, 0]


def test_a_shop_without_sessions_counts_orders_and_leaves_out_days(spark):
    facts = [(f"u{user:02}", "lamp", "purchase", 1, day + 0.5) for user in range(30) for day in range(1 + user % 7)]
    names = [column.name for column in wide(events(spark, *facts)).columns]
    assert "orders" in names and "active_days" not in names


def test_sessions_end_with_half_an_hour_without_an_event(shop):
    """Days 1.3, 4.3 with ten minutes until the view, 5.8."""
    names = ("sessions", "session_minutes", "session_events", "products")
    assert [shop["ann"][name] for name in names] == [3, pytest.approx(10 / 3), pytest.approx(4 / 3), 2]


def test_shares_are_of_events(shop):
    ann = shop["ann"]
    assert (ann["event:purchase"], ann["event:view"], ann["event:cart"]) == (0.75, 0.25, 0)
    assert (ann["part:night"], ann["part:morning"], ann["part:evening"]) == (0, 0.75, 0.25)
    assert (ann["weekday:Friday"], ann["weekday:Monday"], ann["weekday:Tuesday"]) == (0.25, 0.5, 0.25)


def test_what_is_the_same_for_all_or_unknown_has_no_column(shop):
    assert "category:Light" in shop["ann"]
    assert not {"category:(other)", "part:afternoon", "weekday:Sunday"} & shop["ann"].keys()


def test_a_total_and_a_session_that_are_told_count_before_what_could_be_guessed(spark):
    bought = events(
        spark,
        ("ann", "lamp", "purchase", 2, 0.1), ("ann", "pot", "purchase", 1, 3), ("ann", "lamp", "purchase", -2, 4),
        session_id="s1", total_price=7.0, price=10.0,
    )  # fmt: skip
    ann = told(wide(bought.unionByName(events(spark, ("bob", "pot", "view")))))["ann"]
    assert (ann["orders"], ann["money"], ann["basket"]) == (1, 7, 14)
    assert ann["session_minutes"] == pytest.approx(3.9 * 24 * 60)


def test_the_top_words_have_columns_and_the_rest_has_one(spark):
    sold = [
        events(spark, (user, product), product_data={"category": category})
        for user, product, category in (("a", "p", "X"), ("b", "p", "X"), ("c", "q", "Y"), ("a", "r", "Z"))
    ]
    found = told(wide(sold[0].unionByName(sold[1]).unionByName(sold[2]).unionByName(sold[3]), top=1))
    assert {user: (row["category:X"], row["category:(other)"]) for user, row in found.items()} == {
        "a": (0.5, 0.5), "b": (1, 0), "c": (0, 1),
    }  # fmt: skip


def test_one_user_and_none_are_told_of_without_a_fault(spark):
    one = events(spark, ("bob", "pot", "view"))
    assert told(wide(one))["bob"]["sessions"] == 1
    assert told(wide(one.filter("false"))) == {}


def test_planted_groups_are_further_apart_than_their_members(spark):
    planted = Activity(posts=20)
    later = planted.until + timedelta(days=1)
    rows = [
        checks.judge(simulate.encode(one).encode(), event_types=schemas.EVENT_WEIGHTS, now=later, received_at=later)
        for one in activity.events(planted)
    ]
    found = wide(spark.createDataFrame([row.event for row in rows], schemas.EVENT))
    assert apart(found, dict(activity.members(planted))) > 2
    assert found.correlations.measure == "pearson"
    assert {dropped for _, dropped, _ in found.correlations.merged}.isdisjoint(column.name for column in found.columns)


def apart(found, groups):
    """The least distance between centres of groups, by the mean distance of a user from its own."""
    rows = found.table.collect()
    values, log = np.array([row["values"] for row in rows]), [column.scale == "log" for column in found.columns]
    values = np.where(log, np.sign(values) * np.log1p(np.abs(values)), values)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    group = np.array([groups[row["user"]] for row in rows])
    centres = {name: values[group == name].mean(axis=0) for name in set(groups.values())}
    within = np.mean([np.linalg.norm(one - centres[name]) for one, name in zip(values, group, strict=True)])
    between = [np.linalg.norm(a - b) for m, a in centres.items() for n, b in centres.items() if m < n]
    return min(between) / within
