"""Interactions: three facts in, one strength out; ids that stay; the newest word on a product."""

import math
from datetime import datetime, timedelta, timezone

import pytest
from builders import START, events
from chispa import assert_df_equality
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from spark_app import schemas
from spark_app.interactions import (
    dated,
    from_events,
    liked,
    netted,
    product_details,
    product_index,
    ratings,
    strength_of,
    user_index,
)
from spark_app.schemas import EVENT_WEIGHTS


def strengths(interactions: DataFrame) -> dict[str, float | None]:
    """Product -> strength, of a table in which every product has one user."""
    return {row["product"]: row["strength"] for row in interactions.collect()}


def rated(spark, *facts: tuple) -> DataFrame:
    """Events from (user, product, rating, day=0)."""
    scores = F.array(*(F.lit(None if fact[2] is None else float(fact[2])) for fact in facts))
    rows = events(spark, *((fact[0], fact[1], "rate", 1, *fact[3:]) for fact in facts))
    return rows.withColumn("rating", F.get(scores, F.col("position").cast("int")).cast("double"))


def told(spark, *facts: tuple) -> DataFrame:
    """Events about one lamp from (product_data or None, the event's price, day)."""
    parts = [
        events(spark, ("ann", "lamp", "view", 1, day), product_data=data, price=price) for data, price, day in facts
    ]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.unionByName(part)
    return whole


def ids(index: DataFrame) -> dict[str, int]:
    return {row[0]: row[1] for row in index.collect()}


def assert_schema(table: DataFrame, ddl: str) -> None:
    columns = [(field.name, field.dataType) for field in table.schema]
    assert columns == [(field.name, field.dataType) for field in StructType.fromDDL(ddl)]


def test_a_purchase_counts_more_than_a_cart_and_a_cart_more_than_a_view(spark):
    seen = events(spark, ("ann", "lamp", "view"), ("ann", "sofa", "cart"), ("ann", "chair", "purchase"))
    assert strengths(from_events(seen, EVENT_WEIGHTS)) == {"lamp": 0.2, "sofa": 0.6, "chair": 1.0}


def test_what_a_user_did_with_a_product_adds_up(spark):
    seen = events(spark, ("ann", "lamp", "view"), ("ann", "lamp", "view"), ("ann", "lamp", "cart"), ("ann", "lamp"))
    assert strengths(from_events(seen, EVENT_WEIGHTS)) == {"lamp": pytest.approx(1.8)}


def test_two_users_of_one_product_are_two_interactions(spark):
    both = from_events(events(spark, ("ann", "lamp"), ("bob", "lamp"), ("bob", "lamp")), EVENT_WEIGHTS)
    found = {row["user"]: (row["strength"], row["event_count"]) for row in both.collect()}
    assert found == {"ann": (1.0, 1), "bob": (1.0, 2)}


def test_what_was_sent_back_was_only_seen(spark):
    seen = events(
        spark, ("ann", "lamp", "purchase", 2), ("ann", "lamp", "purchase", -2), ("ann", "sofa", "purchase", -1)
    )
    assert strengths(from_events(seen, EVENT_WEIGHTS)) == {"lamp": None, "sofa": None}


def test_what_was_sent_back_in_part_is_still_liked(spark):
    seen = events(spark, ("ann", "lamp", "purchase", 3), ("ann", "lamp", "purchase", -2))
    assert strengths(from_events(seen, EVENT_WEIGHTS)) == {"lamp": 1.0}


def test_fractions_that_add_up_to_nothing_leave_nothing(spark):
    weighed = [("ann", "rice", "purchase", quantity) for quantity in (0.1, 0.2, -0.3)]
    assert strengths(from_events(events(spark, *weighed), EVENT_WEIGHTS)) == {"rice": None}


def test_weights_that_add_up_to_nothing_leave_nothing(spark):
    weights = {"purchase": 0.7, "cart": 0.3, "view": -0.1, "remove_from_cart": -0.2}
    seen = events(spark, ("ann", "lamp", "cart"), ("ann", "lamp", "view"), ("ann", "lamp", "remove_from_cart"))
    assert strengths(from_events(seen, weights)) == {"lamp": None}


def test_the_return_of_one_type_leaves_the_others(spark):
    seen = events(spark, ("ann", "lamp", "view"), ("ann", "lamp"), ("ann", "lamp", "purchase", -1))
    assert strengths(from_events(seen, EVENT_WEIGHTS)) == {"lamp": 0.2}


def test_out_of_the_cart_takes_back_what_the_cart_gave(spark):
    seen = events(
        spark, ("ann", "lamp", "cart"), ("ann", "lamp", "remove_from_cart"), ("ann", "sofa", "remove_from_cart")
    )
    assert strengths(from_events(seen, EVENT_WEIGHTS)) == {"lamp": None, "sofa": None}


def test_a_purchase_outlives_a_removal_from_the_cart(spark):
    seen = events(spark, ("ann", "lamp", "remove_from_cart"), ("ann", "lamp"))
    assert strengths(from_events(seen, EVENT_WEIGHTS)) == {"lamp": pytest.approx(0.4)}


@pytest.mark.parametrize("weights", [EVENT_WEIGHTS, EVENT_WEIGHTS | {"dislike": 9.0}])
def test_a_dislike_takes_the_product_away_whatever_else_was_done(spark, weights):
    seen = events(spark, ("ann", "lamp", "dislike"), ("ann", "lamp", "purchase", 9, 1))
    assert strengths(from_events(seen, weights)) == {"lamp": None}


def test_only_what_has_strength_is_liked(spark):
    seen = events(spark, ("ann", "lamp"), ("ann", "sofa", "dislike"), ("ann", "desk", "purchase", -1))
    assert strengths(liked(from_events(seen, EVENT_WEIGHTS))) == {"lamp": 1.0}


def test_an_event_type_without_weight_is_seen_and_counted(spark):
    seen = from_events(events(spark, ("ann", "lamp", "wave"), ("ann", "lamp", "wave", 1, 2)), EVENT_WEIGHTS)
    assert seen.collect() == [("ann", "lamp", None, 2, START.replace(tzinfo=None) + timedelta(days=2))]


def test_a_type_of_the_shops_own_counts_as_the_settings_say(spark):
    seen = events(spark, ("ann", "lamp", "wish.list"), ("ann", "sofa", "Wish.List"))
    weights = EVENT_WEIGHTS | {"wish.list": 2.0, "Wish.List": 4.0}
    assert strengths(from_events(seen, weights)) == {"lamp": 0.4, "sofa": 0.8}


def test_posts_are_left_out(spark):
    seen = events(spark, ("ann", None, "post"), ("ann", "lamp"))
    assert strengths(from_events(seen, EVENT_WEIGHTS | {"post": 5.0})) == {"lamp": 1.0}


def test_the_log_of_the_net_quantity_counts_when_asked_for(spark):
    seen = events(spark, ("ann", "lamp", "purchase", 9), ("ann", "lamp", "purchase", -2), ("ann", "lamp", "view", 3))
    expected = math.log(1 + 7) + 0.2 * math.log(1 + 3)
    assert strengths(from_events(seen, EVENT_WEIGHTS, strength="log")) == {"lamp": pytest.approx(expected)}


def test_an_interaction_of_one_half_life_counts_half(spark):
    seen = events(
        spark, ("ann", "lamp", "purchase", 1, 0), ("ann", "sofa", "purchase", 1, 30), ("ann", "desk", "view", 1, 60)
    )
    found = strengths(from_events(seen, EVENT_WEIGHTS, half_life_days=30))
    assert found == {"lamp": pytest.approx(0.25), "sofa": pytest.approx(0.5), "desk": pytest.approx(0.2)}


def test_each_type_decays_from_its_own_newest_event(spark):
    seen = events(
        spark, *(("ann", "lamp", kind, 1, day) for kind, day in (("purchase", 0), ("purchase", 10), ("view", 20)))
    )
    found = strengths(from_events(seen, EVENT_WEIGHTS, half_life_days=10))
    assert found == {"lamp": pytest.approx(0.5 + 0.2)}


def test_age_counts_back_from_the_time_that_is_given(spark):
    seen = events(spark, ("ann", "lamp"))
    found = from_events(seen, EVENT_WEIGHTS, half_life_days=5, newest=START + timedelta(days=10))
    assert strengths(found) == {"lamp": pytest.approx(0.25)}


def test_a_very_old_interaction_is_weak_and_still_there(spark):
    seen = events(spark, ("ann", "lamp"), ("bob", "sofa", "view", 1, 3000))
    assert 0 < strengths(from_events(seen, EVENT_WEIGHTS, half_life_days=10))["lamp"] < 1e-80


def test_a_rating_counts_when_it_is_not_below_the_users_mean(spark):
    seen = rated(
        spark, ("ann", "lamp", 2), ("ann", "sofa", 3), ("ann", "desk", 4), ("bob", "vase", 1), ("ann", "rug", None)
    )
    expected = {"lamp": None, "sofa": 0.6, "desk": 0.6, "vase": 0.6, "rug": None}
    assert strengths(from_events(seen, EVENT_WEIGHTS)) == expected


def test_equal_ratings_are_never_below_their_mean(spark):
    seen = rated(spark, *(("ann", f"p{number}", 0.7) for number in range(7)))
    assert set(strengths(from_events(seen, EVENT_WEIGHTS)).values()) == {0.6}


def test_the_ratings_of_a_pair_count_by_their_mean(spark):
    seen = rated(spark, ("ann", "lamp", 5), ("ann", "lamp", 1), ("ann", "sofa", 4))
    assert strengths(from_events(seen, EVENT_WEIGHTS)) == {"lamp": None, "sofa": 0.6}


def test_without_a_weight_of_purchase_the_largest_weight_is_one(spark):
    seen = events(spark, ("ann", "lamp", "view"), ("ann", "sofa", "like"), ("ann", "desk", "purchase"))
    assert strengths(from_events(seen, {"view": 1.0, "like": 4.0})) == {"lamp": 0.25, "sofa": 1.0, "desk": None}
    assert strengths(from_events(seen, {"view": 1.0, "purchase": -1.0})) == {"lamp": 1.0, "sofa": None, "desk": None}


def test_weights_of_nothing_leave_everything_only_seen(spark):
    assert strengths(from_events(events(spark, ("ann", "lamp")), {"view": -1.0})) == {"lamp": None}


def test_a_flood_of_the_largest_quantity_does_not_overflow(spark):
    flood = [("ann", "lamp", "purchase", 1e9)] * 50
    found = strengths(from_events(events(spark, *flood), EVENT_WEIGHTS, strength="log"))
    assert found == {"lamp": pytest.approx(math.log(5e10))}


def test_the_cut_of_the_data_into_partitions_does_not_show(spark):
    facts = [(f"u{n % 7}", f"p{n % 5}", ("view", "cart", "purchase")[n % 3], n * 0.1, n) for n in range(300)]
    one = events(spark, *facts).coalesce(1)
    many = events(spark, *reversed(facts)).repartition(7)
    options = {"strength": "log", "half_life_days": 9.0}
    assert_df_equality(
        from_events(one, EVENT_WEIGHTS, **options), from_events(many, EVENT_WEIGHTS, **options), ignore_row_order=True
    )


@pytest.mark.parametrize("half_life_days", [None, 9.0])
def test_to_know_which_types_occur_changes_no_strength(spark, half_life_days):
    facts = [(f"u{n % 3}", f"p{n % 5}", ("view", "purchase", "dislike", "wave")[n % 4], n - 3, n) for n in range(40)]
    seen = events(spark, *facts).unionByName(rated(spark, ("u1", "p1", 4), ("u1", "p2", 2)))
    every, known = (
        from_events(seen, EVENT_WEIGHTS, half_life_days=half_life_days, kinds=kinds)
        for kinds in (None, ["view", "purchase", "dislike", "wave", "rate"])
    )
    assert_df_equality(every, known, ignore_row_order=True)


def test_types_that_do_not_occur_are_not_looked_for(spark):
    seen = events(spark, ("ann", "lamp"), ("ann", "sofa", "view"))
    every, known = (netted(seen, EVENT_WEIGHTS, kinds=kinds).columns for kinds in (None, {"purchase", "view"}))
    assert {"rating", "mean_rating"} <= set(every) and not {"rating", "mean_rating"} & set(known)
    assert len(every) - len(known) == 5 + 2 * 5
    assert strengths(from_events(seen, EVENT_WEIGHTS, kinds=["wave"])) == {"lamp": None, "sofa": None}
    assert strengths(from_events(seen, EVENT_WEIGHTS, kinds=["view"])) == {"lamp": None, "sofa": 0.2}


@pytest.mark.slow
def test_pairs_that_are_netted_once_serve_other_half_lives_and_weights(spark):
    seen = events(spark, *(("ann", f"p{day % 3}", ("view", "cart")[day % 2], day, day) for day in range(9)))
    pairs = dated(netted(seen, EVENT_WEIGHTS), seen)
    for weights in (EVENT_WEIGHTS, EVENT_WEIGHTS | {"view": 2.5}):
        for options in ({"strength": "log", "half_life_days": 3.0}, {"strength": "binary", "half_life_days": None}):
            ours = pairs.withColumn("strength", strength_of(pairs, weights, **options))
            assert strengths(ours) == strengths(from_events(seen, weights, **options))


def test_no_events_give_no_rows_of_the_same_columns(spark):
    none = events(spark)
    assert_schema(from_events(none, EVENT_WEIGHTS, half_life_days=3), schemas.INTERACTION)
    assert from_events(none, EVENT_WEIGHTS, half_life_days=3).collect() == []
    assert_schema(ratings(none), schemas.RATING)
    assert_schema(user_index(none), schemas.USER_INDEX)
    assert_schema(product_index(none, product_index(none)), schemas.PRODUCT_INDEX)
    assert_schema(product_details(none), schemas.PRODUCT_DETAILS)
    assert product_index(none, product_index(none)).collect() == []


def test_the_newest_rating_is_the_one_that_stands(spark):
    seen = rated(spark, ("ann", "lamp", 5, 2), ("ann", "lamp", 3, 9), ("ann", "lamp", 1, 4), ("bob", "lamp", None))
    assert ratings(seen).collect() == [("ann", "lamp", 3.0)]


def test_of_ratings_of_one_time_the_last_event_id_stands(spark):
    assert ratings(rated(spark, ("ann", "lamp", 5), ("ann", "lamp", 3))).collect() == [("ann", "lamp", 3.0)]


def test_ids_follow_the_names_in_order_from_zero(spark):
    seen = events(spark, ("bob", "z"), ("ann", "10"), ("Zoë", "9"), ("ann", None, "post"), ("ann", "é", "dislike"))
    assert ids(user_index(seen)) == {"Zoë": 0, "ann": 1, "bob": 2}
    assert ids(product_index(seen)) == {"10": 0, "9": 1, "z": 2, "é": 3}


def test_whoever_only_posts_is_a_user_too(spark):
    assert ids(user_index(events(spark, ("ann", None, "post")))) == {"ann": 0}


def test_an_id_once_given_stays_when_new_names_arrive(spark):
    known = user_index(events(spark, ("bob", "lamp"), ("dan", "lamp")))
    later = user_index(events(spark, ("ann", "lamp"), ("bob", "lamp"), ("cyd", "lamp")), known)
    assert ids(later) == {"bob": 0, "dan": 1, "ann": 2, "cyd": 3}


def test_the_newest_value_of_a_product_wins_field_by_field(spark):
    seen = told(
        spark,
        ({"name": "Lamp", "category": "light", "price": 5.0}, None, 1),
        ({"name": "Desk lamp", "brand": "Lux"}, None, 3),
        ({"name": "Lump", "category": "wrong"}, None, 0),
        (None, None, 9),
    )
    assert [tuple(row)[:6] for row in product_details(seen).collect()] == [
        ("lamp", "Desk lamp", "light", "Lux", 5.0, None)
    ]


def test_a_brand_has_the_time_beside_it_at_which_it_was_said(spark):
    seen = told(spark, ({"brand": "Lux"}, None, 3), ({"brand": "Old"}, None, 1), ({"name": "Lamp"}, None, 9))
    assert product_details(seen).select("brand", F.date_format("brand_at", "dd")).collect() == [("Lux", "04")]


def test_the_price_of_the_event_stands_in_for_that_of_the_product(spark):
    seen = told(spark, ({"price": 5.0}, 1.0, 1), ({"name": "Lamp"}, 4.5, 2), (None, None, 3))
    assert product_details(seen).collect() == [("lamp", "Lamp", None, None, 4.5, None, None)]


def test_of_what_is_said_of_a_product_at_one_time_the_last_in_order_stands(spark):
    seen = told(spark, ({"name": "Lamp", "price": 9.0}, None, 1), ({"name": "Desk"}, 10.0, 1), ({"name": "Z"}, 1.0, 0))
    assert product_details(seen).collect() == [("lamp", "Lamp", None, None, 10.0, None, None)]


def test_every_product_has_a_row_of_details(spark):
    seen = events(spark, ("ann", "lamp", "dislike"), ("ann", "sofa"), ("ann", None, "post"))
    assert {tuple(row) for row in product_details(seen).collect()} == {
        ("lamp", None, None, None, None, None, None),
        ("sofa", None, None, None, None, None, None),
    }


def test_the_columns_are_those_of_the_schemas(spark):
    seen = rated(spark, ("ann", "lamp", 5))
    assert_schema(from_events(seen, EVENT_WEIGHTS), schemas.INTERACTION)
    assert_schema(ratings(seen), schemas.RATING)
    assert_schema(user_index(seen, user_index(seen)), schemas.USER_INDEX)
    assert_schema(product_index(seen), schemas.PRODUCT_INDEX)
    assert_schema(product_details(seen), schemas.PRODUCT_DETAILS)


def test_the_time_that_is_given_is_read_with_its_zone(spark):
    newest = datetime(2026, 1, 3, 14, tzinfo=timezone(timedelta(hours=14)))
    found = from_events(events(spark, ("ann", "lamp")), EVENT_WEIGHTS, half_life_days=2, newest=newest)
    assert strengths(found) == {"lamp": pytest.approx(0.5)}
