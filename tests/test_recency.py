"""What a user turned to last: the newest first, each product or brand once."""

from spark_app.schemas import EVENT_WEIGHTS
from spark_app.timeline.recency import Look, last, order, turning

LOOKS = sorted(
    [
        Look("chair", "Oak", 7), Look("lamp", "Lux", 9), Look("bulb", "Lux", 3), Look("nail", None, 8),
        Look("bed", "Oak", 7),
    ],
    key=order,
)  # fmt: skip


def test_products_are_told_the_newest_first_and_those_of_one_time_by_id():
    assert [look.product for look in last(LOOKS, "product")] == ["lamp", "nail", "bed", "chair", "bulb"]


def test_a_brand_stands_where_the_first_of_its_products_does_and_none_is_no_brand():
    assert last(LOOKS, "brand") == [Look("lamp", "Lux", 9), Look("bed", "Oak", 7)]


def test_no_more_than_asked_for_are_told():
    assert [look.product for look in last(LOOKS, "product", 2)] == ["lamp", "nail"]
    assert last([], "brand") == []


def test_what_takes_interest_away_or_has_no_weight_turns_nobody_to_a_product():
    weights = EVENT_WEIGHTS | {"listing": 0.0, "dislike": 1.0, "share": 0.5}
    assert turning(weights) == {"purchase", "cart", "like", "rate", "view", "share"}
