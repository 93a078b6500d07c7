"""What a user may be shown again, how long a category cools down, and what the shop hides, boosts or buries."""

import random
import statistics
from datetime import datetime, timedelta, timezone

import pytest
from builders import START, events
from chispa import assert_df_equality
from pyspark.sql import DataFrame

from spark_app import schemas
from spark_app.interactions import from_events
from spark_app.policy import adjustments, cooldowns, excluded, fixed_cooldown, unmatched
from spark_app.schemas import EVENT_WEIGHTS
from spark_app.shop_rules import Rule, Rules

HOUR = 1 / 24


def shop(spark, *products: tuple) -> DataFrame:
    """Details from (product, category=None, brand=None)."""
    rows = [(name, None, *((*rest, None, None)[:2]), None, None, None) for name, *rest in products]
    return spark.createDataFrame(rows, schemas.PRODUCT_DETAILS)


def met(spark, *facts: tuple) -> DataFrame:
    """Pairs of ann from (product, day, strength=1.0)."""
    rows = [("ann", product, *(rest or [1.0]), 1, START + timedelta(days=day)) for product, day, *rest in facts]
    return spark.createDataFrame(rows, schemas.INTERACTION)


def waits(spark, *rows: tuple) -> DataFrame:
    """Cool-downs from (category, days)."""
    return spark.createDataFrame([(*row, None) for row in rows], "category STRING, days DOUBLE, gaps BIGINT")


def learnt(table: DataFrame) -> dict[str | None, tuple[float | None, int]]:
    return {row["category"]: (row["days"], row["gaps"]) for row in table.collect()}


def names(table: DataFrame) -> set[str]:
    return {row["product"] for row in table.collect()}


def adjusted(table: DataFrame) -> dict[str, tuple[bool, float, str]]:
    return {row["product"]: (row["hidden"], row["boost"], row["rule"]) for row in table.collect()}


def every(days: float, product: str, times: int) -> list[tuple]:
    """Purchases of ann, `times` gaps of so many days."""
    return [("ann", product, "purchase", 1, days * number) for number in range(times + 1)]


# What may not be listed.


def test_what_was_met_is_never_listed_again(spark):
    pairs = met(spark, ("lamp", 0), ("sofa", 9, None))
    found = excluded(pairs, waits(spark, (None, 1.0)), shop(spark), seen="never")
    assert {tuple(row) for row in found.collect()} == {("ann", "lamp"), ("ann", "sofa")}


def test_what_was_met_is_listed_again_but_for_what_was_sent_back_or_disliked(spark):
    seen = events(spark, ("ann", "lamp"), ("ann", "desk"), ("ann", "desk", "purchase", -1), ("ann", "rug", "dislike"))
    pairs = from_events(seen, EVENT_WEIGHTS)
    assert names(excluded(pairs, waits(spark), shop(spark), seen="always")) == {"desk", "rug"}


def test_what_was_met_is_listed_again_when_its_category_has_cooled_down(spark):
    pairs = met(spark, ("milk", 93), ("cream", 92.9), ("lamp", 10), ("sofa", 11))
    details = shop(spark, ("milk", "dairy"), ("cream", "dairy"), ("lamp", "home"), ("sofa", "home"))
    table = waits(spark, (None, 50.0), ("dairy", 7.0), ("home", 90.0))
    found = excluded(pairs, table, details, seen="cooldown", now=START + timedelta(days=100))
    assert names(found) == {"sofa"}


def test_the_cool_down_is_over_to_the_moment_in_any_zone(spark):
    now = datetime(2026, 1, 8, 14, tzinfo=timezone(timedelta(hours=14)))
    pairs = met(spark, ("lamp", 0), ("sofa", 0.001))
    assert names(excluded(pairs, fixed_cooldown(spark, 7), shop(spark), seen="cooldown", now=now)) == {"sofa"}


def test_without_a_category_of_its_own_a_product_waits_as_long_as_the_shop(spark):
    pairs = met(spark, ("bare", 95), ("unknown", 95), ("new", 95), ("old", 80))
    details = shop(spark, ("bare",), ("new", "toys"), ("old", "toys"))
    table = waits(spark, (None, 10.0), ("dairy", 1.0))
    found = excluded(pairs, table, details, seen="cooldown", now=START + timedelta(days=100))
    assert names(found) == {"bare", "unknown", "new"}


def test_what_was_sent_back_is_not_listed_after_any_cool_down(spark):
    pairs = met(spark, ("lamp", 0, None), ("sofa", 0), ("milk", 999))
    assert names(excluded(pairs, fixed_cooldown(spark, 1), shop(spark), seen="cooldown")) == {"lamp", "milk"}


@pytest.mark.parametrize("rows", [(), ((None, None), ("home", None))])
def test_without_a_cool_down_what_was_met_never_comes_again(spark, rows):
    pairs, details = met(spark, ("lamp", 0), ("milk", 999)), shop(spark, ("lamp", "home"))
    assert names(excluded(pairs, waits(spark, *rows), details, seen="cooldown")) == {"lamp", "milk"}


def test_what_is_met_after_now_has_not_cooled_down(spark):
    pairs = met(spark, ("lamp", 5))
    assert names(excluded(pairs, fixed_cooldown(spark, 1), shop(spark), seen="cooldown", now=START)) == {"lamp"}


@pytest.mark.parametrize("seen", ["never", "always", "cooldown"])
def test_nothing_met_excludes_nothing(spark, seen):
    found = excluded(met(spark), fixed_cooldown(spark, 1), shop(spark), seen=seen)
    assert (found.columns, found.collect()) == (["user", "product"], [])


# How long a category cools down.


def test_a_category_cools_down_for_the_median_gap_between_purchases_of_one_product(spark):
    bought = events(spark, *every(7, "milk", 11), *every(90, "lamp", 10))
    found = learnt(cooldowns(bought, shop(spark, ("milk", "dairy"), ("lamp", "home"))))
    assert found == {"dairy": (7.0, 11), "home": (90.0, 10), None: (7.0, 21)}


def test_an_even_number_of_gaps_has_its_median_between_two(spark):
    bought = events(spark, *every(2, "milk", 5), *every(3, "soap", 5))
    assert learnt(cooldowns(bought, shop(spark))) == {None: (2.5, 10)}


def test_a_category_of_few_gaps_takes_the_shops_median(spark):
    bought = events(spark, *every(7, "milk", 11), *every(90, "lamp", 9))
    details = shop(spark, ("milk", "dairy"), ("lamp", "home"), ("car", "cars"))
    assert learnt(cooldowns(bought, details)) == {
        "dairy": (7.0, 11), "home": (7.0, 9), "cars": (7.0, 0), None: (7.0, 20),
    }  # fmt: skip


def test_a_shop_of_few_gaps_has_no_cool_down(spark):
    bought = events(spark, *every(7, "milk", 9))
    assert learnt(cooldowns(bought, shop(spark, ("milk", "dairy")))) == {"dairy": (None, 9), None: (None, 9)}


def test_a_shop_that_sold_nothing_has_no_cool_down(spark):
    assert learnt(cooldowns(events(spark), shop(spark, ("milk", "dairy")))) == {"dairy": (None, 0), None: (None, 0)}


def test_purchases_of_one_visit_are_no_gap(spark):
    visits = [("ann", "milk", "purchase", 1, day) for n in range(11) for day in (n * 5, n * 5 + 0.99 * HOUR)]
    hourly = [("ann", "tea", "purchase", 1, n * HOUR) for n in range(11)]
    found = learnt(cooldowns(events(spark, *visits, *hourly), shop(spark, ("milk", "food"), ("tea", "drink"))))
    assert found["food"] == (pytest.approx(5 - 0.99 * HOUR), 10)
    assert found["drink"] == (pytest.approx(HOUR), 10)


def test_only_purchases_of_the_same_product_by_the_same_user_make_a_gap(spark):
    others = [
        (f"u{n}", f"p{n % 3}", kind, amount, n)
        for n in range(40)
        for kind, amount in (("view", 1), ("purchase", -1), ("cart", 1), ("purchase", 1), ("purchase", 0))
    ]
    others += [("bob", f"q{n}", "purchase", 1, n) for n in range(40)]
    others += [("bob", None, "purchase", 1, n) for n in range(40)]
    assert learnt(cooldowns(events(spark, *others), shop(spark, ("p1",)))) == {None: (None, 0)}


def test_the_median_gap_is_that_of_plain_python(spark):
    dice = random.Random(7)
    facts = [
        (f"u{dice.randrange(6)}", f"p{dice.randrange(9)}", "purchase", dice.choice([-1, 1, 2]), dice.random() * 50)
        for _ in range(800)
    ]
    categories = {f"p{number}": ("even", "odd", None)[number % 3] for number in range(9)}
    table = cooldowns(events(spark, *facts).repartition(5), shop(spark, *categories.items()))
    assert learnt(table) == {
        name: (pytest.approx(statistics.median(gaps), abs=1e-9), len(gaps))
        for name, gaps in plain_gaps(facts, categories).items()
    }


def plain_gaps(facts, categories):
    """Category -> its gaps in days; None -> all of the shop's."""
    days = {}
    for user, product, _, quantity, day in facts:
        if quantity > 0:
            days.setdefault((user, product), []).append(day)
    gaps = {"even": [], "odd": [], None: []}
    for (_, product), bought in days.items():
        found = [b - a for a, b in zip(sorted(bought), sorted(bought)[1:], strict=False) if b - a >= HOUR]
        for name in {categories[product], None}:
            gaps[name] += found
    return gaps


def test_a_fixed_cool_down_is_the_whole_shops(spark):
    fixed = fixed_cooldown(spark, 14)
    assert fixed.collect() == [(None, 14.0, None)]
    assert fixed.dtypes == cooldowns(events(spark), shop(spark)).dtypes


# What the shop hides, boosts or buries.


def test_a_rule_touches_the_products_it_names_and_no_other(spark):
    details = shop(spark, ("P1", "toys", "Acme"), ("P2", "toys", "Acme"), ("P3", "cards"), ("P4",))
    rules = Rules((Rule("boost", "product", "P1", 0.5), Rule("hide", "category", "cards")))
    assert adjusted(adjustments(details, rules)) == {
        "P1": (False, 0.5, "boost product P1 by 0.5"),
        "P3": (True, 0.0, "hide category cards"),
    }


def test_rules_of_product_category_and_brand_add_up(spark):
    details = shop(spark, ("P1", "sale", "Acme"), ("P2", "sale"), ("P3", None, "Acme"), ("P4", None, "Acme"))
    rules = Rules.from_dict(
        {
            "boost": {"products": {"P1": 0.5}, "brands": {"Acme": 1}},
            "bury": {"products": {"P4": 1}, "categories": {"sale": 2}},
        }
    )
    assert adjusted(adjustments(details, rules)) == {
        "P1": (False, -0.5, "boost product P1 by 0.5; bury category sale by 2; boost brand Acme by 1"),
        "P2": (False, -2.0, "bury category sale by 2"),
        "P3": (False, 1.0, "boost brand Acme by 1"),
        "P4": (False, 0.0, "bury product P4 by 1; boost brand Acme by 1"),
    }


def test_what_is_hidden_is_not_boosted_into_sight(spark):
    rules = Rules.from_dict({"hide": {"brands": ["Acme"]}, "boost": {"brands": {"Acme": 1.0}, "products": {"P2": 1.0}}})
    details = shop(spark, ("P1", None, "Acme"), ("P2", None, "Acme"))
    assert adjusted(adjustments(details, rules)) == {
        "P1": (True, 1.0, "hide brand Acme; boost brand Acme by 1"),
        "P2": (True, 2.0, "boost product P2 by 1; hide brand Acme; boost brand Acme by 1"),
    }


def test_names_are_taken_letter_for_letter_and_by_their_kind(spark):
    rules = Rules.from_dict({"hide": {"products": ["acme"], "brands": ["ACME"], "categories": ["Acme"]}})
    assert adjusted(adjustments(shop(spark, ("P1", "acme", "Acme")), rules)) == {}


def test_no_rules_touch_nothing(spark):
    found = adjustments(shop(spark, ("P1", "toys", "Acme")), Rules())
    assert found.collect() == []
    assert found.dtypes == [("product", "string"), ("hidden", "boolean"), ("boost", "double"), ("rule", "string")]


def test_what_no_product_category_or_brand_is_called_is_reported(spark):
    rules = Rules.from_dict(
        {
            "hide": {"products": ["P1", "P9"], "brands": ["toys", "Acme"]},
            "bury": {"categories": {"Acme": 1, "toys": 2}},
        }
    )
    found = unmatched(rules, shop(spark, ("P1", "toys", "Acme"), ("P2",)))
    assert found == ["hide product P9", "bury category Acme by 1", "hide brand toys"]


def test_rules_that_all_match_are_not_reported(spark):
    assert unmatched(Rules((Rule("hide", "brand", "Acme"),)), shop(spark, ("P1", None, "Acme"))) == []


def test_ten_thousand_rules_are_a_table_and_not_an_expression(spark):
    rules = Rules(tuple(Rule("boost", "product", f"P{number}", 1.0) for number in range(10_000)))
    details = spark.range(20_000).selectExpr(
        "concat('P', id * 2) AS product", "'n' AS name", "'c' AS category", "'b' AS brand", "1.0D AS price"
    )
    assert adjustments(details, rules).count() == 5_000
    assert len(unmatched(rules, details)) == 5_000


def test_the_cut_of_the_shop_into_partitions_does_not_show(spark):
    products = [(f"P{number}", f"c{number % 3}", f"b{number % 5}") for number in range(50)]
    rules = Rules.from_dict(
        {"boost": {"brands": {"b1": 0.1}, "products": {"P1": 0.2}}, "bury": {"categories": {"c1": 0.3}}}
    )
    one, many = shop(spark, *products).coalesce(1), shop(spark, *reversed(products)).repartition(7)
    assert_df_equality(adjustments(one, rules), adjustments(many, rules), ignore_row_order=True)
