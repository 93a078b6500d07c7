import json
from datetime import UTC, datetime

import pytest
from cases import CASES, NOW
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F

from spark_app import events, layouts, rules, schemas
from spark_app.schemas import EVENT_WEIGHTS

RECEIVED = datetime(2026, 6, 15, 12, tzinfo=UTC)


def judged(spark, values, header=None, layout=None):
    """Each value judged, in the order given."""
    rows = [(bytearray(value), header, "files", "test", place, RECEIVED) for place, value in enumerate(values)]
    raw = spark.createDataFrame(rows, schemas.RAW).coalesce(1)
    headers = {header: layout} if header else {}
    found = events.judge(raw, headers=headers, event_types=tuple(EVENT_WEIGHTS), now=datetime.fromisoformat(NOW))
    # Of a time that was refused Python may not hold what Spark can.
    time = F.when(F.col("reason").isNull(), F.col("occurred_at"))
    return found.withColumn("occurred_at", time).orderBy("position").collect()


def judged_csv(spark, header, *lines):
    return judged(spark, [line.encode() for line in lines], header, layouts.recognise(header, {}))


@pytest.fixture(scope="module")
def verdicts(spark):
    rows = judged(spark, [value for _, value, _ in CASES])
    return {name: row for (name, _, _), row in zip(CASES, rows, strict=True)}


@pytest.mark.parametrize(("name", "value", "reason"), CASES, ids=[name for name, *_ in CASES])
def test_each_value_is_accepted_or_rejected_with_the_first_reason(verdicts, name, value, reason):
    assert verdicts[name].reason == reason
    assert (verdicts[name].value is None) == (reason is None)
    if reason:
        assert bytes(verdicts[name].value) == value


def test_what_is_absent_has_its_default(verdicts):
    row = verdicts["the least there can be"]
    assert (row.quantity, row.event_type, row.event_id) == (1.0, "purchase", "files:test:0")
    assert row.occurred_at == RECEIVED.replace(tzinfo=None)
    assert (row.price, row.rating, row.product_data, row.customer_data) == (None, None, None, None)


def test_numbers_become_ids_as_they_are_written(verdicts):
    assert verdicts["user an integer"].user == "17850"
    assert verdicts["user a huge integer"].user == "12345678901234567890123"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (1_700_000_000, "2023-11-14T22:13:20"),
        (1_700_000_000_000, "2023-11-14T22:13:20"),
        ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20"),
        ("2023-11-14 22:13:20", "2023-11-14T22:13:20"),
        ("2023-11-14 22:13:20 UTC", "2023-11-14T22:13:20"),
        ("2023-11-15T00:13:20+02:00", "2023-11-14T22:13:20"),
        ("2023-11-15T00:13:20+0200", "2023-11-14T22:13:20"),
        ("2023-11-14T22:13", "2023-11-14T22:13:00"),
        ("2023-11-14", "2023-11-14T00:00:00"),
        ("2023-11-14T22:13:20.250Z", "2023-11-14T22:13:20.250000"),
    ],
)
def test_a_moment_is_read_in_all_its_forms(spark, given, expected):
    row = judged(spark, [json.dumps({"user": "ann", "product": "lamp", "timestamp": given}).encode()])[0]
    assert (row.reason, row.occurred_at.isoformat()) == (None, expected)


def test_everything_that_an_event_may_say_is_kept(spark):
    said = {
        "user": "ann", "product": "lamp", "quantity": 2.5, "event_type": "cart", "rating": 4, "event_id": "e1",
        "session_id": "s1", "price": 9.5, "total_price": 19, "text": "fine", "image": "x.png",
        "product_data": {"id": "l", "name": "Lamp", "category": "Home", "brand": "Oak", "price": 10, "in_stock": True},
        "customer_data": {"id": 7, "name": "Ann", "email": "ann@example.com", "location": "Oslo", "age": 44},
        "properties": {"colour": "red", "width": 3},
    }  # fmt: skip
    row = judged(spark, [json.dumps(said).encode()])[0]
    assert row.reason is None
    assert (row.event_id, row.quantity, row.rating, row.total_price) == ("e1", 2.5, 4.0, 19.0)
    assert row.product_data.asDict() == said["product_data"]
    assert row.customer_data.asDict() == said["customer_data"] | {"id": "7"}
    assert row.properties == {"colour": "red", "width": "3"}


def test_online_retail_drops_the_trailing_point_zero_and_misses_users(spark):
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    good, nobody, short = judged_csv(
        spark, header,
        '536365,85123A,"HOLDER, ""WHITE""",-6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom',
        "536414,22139,,56,2010-12-01 11:52:00,0.0,,United Kingdom",
        "536365,85123A,HOLDER",
    )  # fmt: skip
    assert (good.user, good.product, good.quantity, good.session_id) == ("17850", "85123A", -6.0, "536365")
    assert (good.product_data.name, good.customer_data.location) == ('HOLDER, "WHITE"', "United Kingdom")
    assert good.occurred_at.isoformat() == "2010-12-01T08:26:00"
    assert (nobody.reason, short.reason) == ("missing_user", "bad_row")


def test_each_layout_gives_the_event_it_stands_for(spark):
    rees46 = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
    cart = judged_csv(spark, rees46, "2019-10-01 00:00:00 UTC,cart,44,7,,acme,35.5,54,abc")[0]
    assert (cart.user, cart.product, cart.event_type, cart.price, cart.reason) == ("54", "44", "cart", 35.5, None)
    assert (cart.product_data.category, cart.product_data.brand) == ("7", "acme")
    rated = judged_csv(spark, "userId,movieId,rating,timestamp", "1,0104257,8,1364690142")[0]
    assert (rated.product, rated.event_type, rated.rating) == ("0104257", "rate", 8.0)
    plain = judged_csv(spark, "user,product,quantity,timestamp", "ann,lamp,3,1700000000", "ann,lamp,x,1700000000")
    assert (plain[0].quantity, plain[0].reason, plain[1].reason) == (3.0, None, "bad_quantity")
    post = judged_csv(spark, "user,post_text", 'ann,"hello, world"')[0]
    assert (post.event_type, post.text, post.product, post.reason) == ("post", "hello, world", None, None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(
    ["user", "product", "quantity", "timestamp", "event_type", "rating", "price", "event_id", "properties"]
)
made = st.dictionaries(fields | st.text(max_size=5), json_values, max_size=8)
objects = made.map(lambda thing: json.dumps(thing).encode())
values = st.lists(st.binary(max_size=60) | objects, min_size=80, max_size=160)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(values)
def test_whatever_comes_is_judged_once_and_never_breaks_the_stream(spark, given_values):
    rows = judged(spark, given_values)
    assert [row.position for row in rows] == list(range(len(given_values)))
    for row, value in zip(rows, given_values, strict=True):
        assert row.reason is None or (row.reason in rules.REASONS and bytes(row.value) == value)
        if row.reason is None:
            assert row.user and row.event_id and row.occurred_at and abs(row.quantity) <= rules.MAX_NUMBER
            assert isinstance(json.loads(value, parse_constant=pytest.fail), dict)
