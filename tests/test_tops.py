"""What segments turn to: users counted once, lifts by hand, weekdays and hours by their names."""

from builders import events

from spark_app import interactions, schemas
from spark_app.segments import strategies, tops

# START of the builders is a Thursday.
NAMED = {"id": "lamp", "name": "A lamp", "category": "Light", "brand": " ", "price": None, "in_stock": None}


def found(spark, met, segments, *, n=10):
    rows = [(user, "kmeans", segment) for user, segment in segments.items()]
    assigned = spark.createDataFrame(rows, "user STRING, method STRING, segment INT")
    return tops.rows(tops.of(met, interactions.product_details(met), assigned, schemas.EVENT_WEIGHTS, n))


def test_different_users_are_counted_and_the_lift_is_beside_all_users(spark):
    facts = [("ann", "lamp"), ("ann", "lamp"), ("bob", "lamp"), ("bob", "desk"), ("cem", "desk"), ("dan", "desk")]
    met = events(spark, *facts, ("eve", "rug"), ("dan", "mug", "purchase", -1))
    rows = found(spark, met, {"ann": 1, "bob": 1, "cem": 2, "dan": 2})
    products = [row for row in rows if row.kind == "product"]
    assert products == [
        ("kmeans", 1, "product", 1, "lamp", "lamp", 2, 1.0, 2.0),
        ("kmeans", 1, "product", 2, "desk", "desk", 1, 0.5, 0.5 / 0.75),
        ("kmeans", 2, "product", 1, "desk", "desk", 2, 1.0, 1.0 / 0.75),
    ]


def test_products_have_their_names_and_times_are_told_in_words(spark):
    met = events(spark, ("ann", "lamp", "purchase", 1, 1.5), ("bob", "desk", "view", 1, 0.375), product_data=NAMED)
    rows = found(spark, met, {"ann": 1, "bob": 1}, n=1)
    assert [(row.kind, row.key, row.label, row.users) for row in rows] == [
        ("category", "Light", "Light", 2),
        ("hour", "09", "9 h", 1),
        ("hour", "12", "12 h", 1),
        ("month", "01", "January", 2),
        ("product", "desk", "A lamp", 1),
        ("weekday", "4", "Thursday", 1),
        ("weekday", "5", "Friday", 1),
    ]


def test_all_hours_are_told_so_that_one_of_a_flat_day_does_not_stand_out(spark):
    met = events(spark, *[("ann", "lamp", "view", 1, hour / 24) for hour in range(24)])
    rows = found(spark, met, {"ann": 1}, n=3)
    assert len([row for row in rows if row.kind == "hour"]) == 24
    assert [row.kind for row in strategies.times(rows)] == ["weekday"]


def test_those_who_do_little_take_to_what_they_do_not_less_than_everything_else():
    """Everything is turned to half as often as elsewhere, but the lamp."""
    rows = [
        tops.Top("kmeans", 1, "product", rank, key, key, 10, share, lift)
        for rank, (key, share, lift) in enumerate([("desk", 0.2, 0.5), ("lamp", 0.2, 1.0), ("rug", 0.1, 0.5)], start=1)
    ]
    assert [row.key for row in tops.taken(rows, "product")] == ["lamp"]
    assert [row.key for row in tops.leading(rows, "product")] == ["lamp", "desk", "rug"]
