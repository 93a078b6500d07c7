"""What to do about segments, with their own numbers; and what the summary says of each."""

import json

from spark_app.segments import strategies, summaries
from spark_app.segments.profiles import Profile, Trait
from spark_app.segments.tops import Top

ONCE = Profile(
    "kmeans", 2, 30, 0.3, (Trait("orders", 1.0, 4.0, 0.25, -1.0), Trait("recency_days", 240.4, 90.0, 2.671, 1.5)), "x"
)
BEST = Profile(
    "kmeans", 1, 70, 0.7,
    (Trait("orders", 12.04, 4.0, 3.0, 1.0), Trait("money", 4000.0, 1900.0, 2.1, 1.2), Trait("returns", 0, 0, None, 0)),
    "y",
)  # fmt: skip


def rows(kind, *told, segment=2):
    """From (key, label, users, share, lift), by rank."""
    return [Top("kmeans", segment, kind, rank, *one) for rank, one in enumerate(told, start=1)]


PRODUCTS = rows("product", ("P1", "All buy it", 20, 0.6, 1.0), ("P2", "Lamp", 15, 0.5, 2.0), ("P3", "P3", 1, 0.03, 0.5))
DAYS = rows("weekday", ("4", "Thursday", 20, 0.6, 1.0), ("2", "Tuesday", 10, 0.3, 1.0), ("1", "Monday", 9, 0.3, 1.0))
HOURS = rows("hour", *((f"{hour:02}", f"{hour} h", 10, 0.3, 1.0) for hour in range(24)))


def test_one_order_long_ago_is_to_be_won_back_by_what_they_take_to_on_the_day_they_come():
    (found,) = strategies.of([ONCE], [*PRODUCTS, *DAYS, *HOURS])
    assert found.strategy == (
        "Win them back: one message with what is new and a reason to return. Their one order is 240 days ago; where it "
        "brings nothing, write no more. Show them Lamp and All buy it. Write on Thursday."
    )
    assert found.top_products == ["P2", "P1", "P3"]


def test_those_who_come_in_one_season_are_met_before_it():
    months = rows("month", ("11", "November", 20, 0.6, 2.0), ("05", "May", 5, 0.2, 0.4))
    (found,) = strategies.of([ONCE], months)
    assert found.strategy.endswith("They come in November: be there a few weeks before.")


def test_categories_are_shown_before_products_and_the_hour_is_said_where_it_stands_out():
    lighting = rows("category", ("Lighting", "Lighting", 20, 0.7, 2.0), ("Garden", "Garden", 10, 0.3, 0.5))
    noon = rows("hour", ("12", "12 h", 20, 0.7, 1.0), ("09", "9 h", 5, 0.2, 1.0))
    (found,) = strategies.of([ONCE], [*PRODUCTS, *lighting, *noon])
    assert found.strategy.endswith("Show them Lighting. Write around 12 h UTC.")


def test_regulars_are_rewarded_and_nothing_is_shown_where_nothing_is_known():
    (found,) = strategies.of([BEST], PRODUCTS)
    assert found.strategy == (
        "Reward them and keep them: a club, first access to what is new, thanks in person. They ordered 12.0 times "
        "each and spent 4,000."
    )
    assert found.top_products == []


def test_those_who_send_back_are_shown_nothing():
    back = BEST._replace(traits=(Trait("orders", 3, 3, 1, 0), Trait("returns", 0.42, 0.02, 21, 4)), segment=2)
    (found,) = strategies.of([back], [*PRODUCTS, *DAYS])
    assert found.strategy == (
        "Find out why: 42% of what they buy comes back. Say more of sizes, pictures and what others think."
    )


def test_a_segment_like_all_others_has_a_strategy_too():
    (found,) = strategies.of([ONCE._replace(traits=())], [])
    assert found.strategy == "Keep them coming: more of what they take to, at the time they come."


def test_the_summary_says_all_of_each_segment_in_order():
    turned = [*PRODUCTS, *DAYS, *rows("brand", ("Acme", "Acme", 9, 0.3, 1.0))]
    told = summaries.of([ONCE, BEST], turned, strategies.of([ONCE, BEST], turned))
    first, second = told["kmeans"]
    assert (first["segment"], first["label"], first["size"], first["share"]) == (1, "y", 70, 0.7)
    assert [one["feature"] for one in first["apart"]] == ["money", "orders"]
    assert second["top_products"][0] == {"product": "P2", "name": "Lamp"}
    assert (second["top_categories"], second["top_brands"], second["top_times"]) == ([], ["Acme"], ["Thursday"])
    assert second["apart"][0] == {"feature": "recency_days", "mean": 240.4, "overall_mean": 90.0, "lift": 2.671}
    json.dumps(told, allow_nan=False)
