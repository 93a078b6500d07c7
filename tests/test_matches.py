"""Trending for you: what rises of the brands that a user turned to, and not what they bought."""

from builders import START
from chispa.schema_comparer import assert_schema_equality_ignore_nullable
from pyspark.sql.types import StructType
from test_recent import branded, shuffled

from spark_app import interactions, matching, recent, schemas
from spark_app.schemas import EVENT_WEIGHTS
from spark_app.timeline import matches

DAY = 86_400_000_000
WEEK = 7 * DAY
RISING = matches.risers(
    [("bulb", "Lux", 1.5, 240.0), ("lamp", "Lux", 1.5, None), ("bed", "Oak", 2.0, 12.4), ("nail", None, 9.0, 1.0)], WEEK
)


def test_what_rises_is_told_the_best_first_ties_by_id_and_not_without_a_brand():
    assert [one.product for one in RISING] == ["bed", "bulb", "lamp"]


def test_a_user_is_told_what_rises_of_their_brands_and_is_not_barred():
    found = matches.of(RISING, {"Lux": 3 * DAY, "Iron": 0}, {"bulb"}, 10)
    assert [(one.riser.product, one.because) for one in found] == [
        ("lamp", "new and rising in 7 days; you looked at Lux on 1970-01-04")
    ]
    assert [one.riser.product for one in matches.of(RISING, {"Lux": 0, "Oak": 0}, (), 2)] == ["bed", "bulb"]
    assert matches.of(RISING, {}, (), 2) == []


def test_how_much_it_rises_is_said_in_words():
    assert matches.in_words(240.2, WEEK) == "rising 240 % in 7 days"
    assert matches.in_words(-3.0, 36 * 3_600_000_000) == "rising against the shop in 36 hours (-3 %)"


def test_spark_finds_the_same_for_all_users(spark):
    rows = shuffled(200, seed=3)
    seen = spark.createDataFrame(rows, schemas.EVENT)
    details = interactions.product_details(seen)
    brands = recent.last(recent.turned(seen, EVENT_WEIGHTS), details, kind="brand", n=3)
    pairs = interactions.from_events(seen, EVENT_WEIGHTS, nets=True)
    rising = matches.risers(
        [(row["product"], row["brand"], float(int(row["product"][1:]) % 7), 10.0) for row in details.collect()], WEEK
    )
    found = matching.for_users(brands, matching.barred(pairs), rising, n=4)
    assert_schema_equality_ignore_nullable(found.schema, StructType.fromDDL(schemas.TRENDING_RECOMMENDATION))
    looked, out = {}, {}
    for row in brands.collect():
        at = (row["last_event_at"] - START.replace(tzinfo=None)).days * DAY + int(START.timestamp() * 1_000_000)
        looked.setdefault(row["user"], {})[row["brand"]] = at
    for user, product in matching.barred(pairs).collect():
        out.setdefault(user, set()).add(product)
    expected = {
        (user, place, one.riser.product, one.because)
        for user, known in looked.items()
        for place, one in enumerate(matches.of(rising, known, out.get(user, set()), 4), 1)
    }
    assert {(row["user"], row["rank"], row["product"], row["because"]) for row in found.collect()} == expected
    assert len(expected) > 10


def test_what_was_bought_or_turned_down_is_barred_and_what_came_back_too(spark):
    seen = branded(
        spark, ("bulb", "Lux", 1, "purchase"), ("lamp", "Lux", 1, "view"), ("bed", "Oak", 2, "dislike"),
        ("sofa", "Oak", 2, "purchase"), ("sofa", "Oak", 3, "purchase", -1),
    )  # fmt: skip
    pairs = interactions.from_events(seen, EVENT_WEIGHTS, nets=True)
    assert {row["product"] for row in matching.barred(pairs).collect()} == {"bulb", "bed", "sofa"}


def test_where_nothing_rises_there_is_no_row(spark):
    seen = branded(spark, ("lamp", "Lux", 1))
    brands = recent.last(recent.turned(seen, EVENT_WEIGHTS), interactions.product_details(seen), kind="brand")
    assert matching.for_users(brands, seen.select("user", "product"), [], n=3).collect() == []
