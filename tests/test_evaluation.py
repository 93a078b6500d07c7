"""Judging: the cut, who is judged, and every metric beside the same metric in plain Python."""

import json
import math
import random
from datetime import timedelta

import numpy as np
import pytest
from builders import START, events
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from spark_app import evaluation
from spark_app.evaluation import (
    NO_PAIRS,
    NOBODY_JUDGED,
    NOTHING_LISTED,
    Metrics,
    Rmse,
    cut,
    interval,
    judge,
    judge_each,
    positive_pairs,
    relevant,
    split,
)
from spark_app.schemas import EVENT_WEIGHTS

PAIR = "user STRING, product STRING"
ONCE = (("ann", "lamp"), ("ann", "sofa"), ("bob", "lamp"), ("bob", "desk"))


def day(number: float) -> object:
    return START + timedelta(days=number)


def rated(spark, *facts: tuple) -> DataFrame:
    """Events from (user, product, rating, day)."""
    scores = F.array(*(F.lit(None if score is None else float(score)) for _, _, score, _ in facts))
    rows = events(spark, *((user, product, "rate", 1, when) for user, product, _, when in facts))
    return rows.withColumn("rating", F.get(scores, F.col("position").cast("int")).cast("double"))


def pairs(spark, *found: tuple[str, str]) -> DataFrame:
    return spark.createDataFrame(list(found), PAIR)


def as_set(found: DataFrame) -> set[tuple]:
    rows = [tuple(row) for row in found.collect()]
    assert len(rows) == len(set(rows))
    return set(rows)


def ranked(spark, lists: dict[str, list[str]]) -> DataFrame:
    """(user, product, rank) from each user's products, best first."""
    rows = [(user, product, rank) for user, best in lists.items() for rank, product in enumerate(best, 1)]
    return spark.createDataFrame(rows, f"{PAIR}, rank INT")


def judged(spark, lists: dict[str, list[str]], wanted: dict[str, set[str]], **known: object) -> Metrics:
    found = pairs(spark, *((user, product) for user, products in wanted.items() for product in sorted(products)))
    popularity = spark.createDataFrame(list(known.pop("popularity", {}).items()), "product STRING, users BIGINT")
    known = {"catalogue": 20, "users_before": 8, "seed": 7} | known
    return judge(ranked(spark, lists), found, popularity=popularity, **known)


def ndcg_of(best: list[str], wanted: set[str], k: int = 10) -> float:
    gained = sum(1 / math.log2(rank + 1) for rank, product in enumerate(best[:k], 1) if product in wanted)
    return gained / sum(1 / math.log2(rank + 1) for rank in range(1, min(len(wanted), k) + 1))


def average_precision_of(best: list[str], wanted: set[str], k: int = 10) -> float:
    hits = [rank for rank, product in enumerate(best[:k], 1) if product in wanted]
    return sum(number / rank for number, rank in enumerate(hits, 1)) / min(len(wanted), k)


# The cut


def test_the_cut_is_the_time_of_the_event_at_four_fifths(spark):
    assert cut(events(spark, *(("ann", "lamp", "view", 1, number) for number in range(10))), EVENT_WEIGHTS) == day(8)


def test_the_cut_is_exact_to_the_microsecond(spark):
    moments = [1 + number * 1e-6 / 86_400 for number in range(7)] + [0.5]
    found = cut(events(spark, *(("ann", "lamp", "cart", 1, moment) for moment in moments)), EVENT_WEIGHTS)
    assert found == day(1) + timedelta(microseconds=5)


def test_returns_dislikes_posts_and_types_without_weight_do_not_move_the_cut(spark):
    others = [
        ("ann", "lamp", "purchase", -1),
        ("ann", "lamp", "dislike"),
        ("ann", None, "post"),
        ("ann", "lamp", "wave"),
    ]
    noise = [(*fact, 1, 0) if len(fact) == 3 else (*fact, 0) for fact in others for _ in range(9)]
    found = cut(events(spark, *noise, *(("ann", "lamp", "like", 1, number) for number in range(1, 6))), EVENT_WEIGHTS)
    assert found == day(5)


def test_a_rating_of_any_height_moves_the_cut(spark):
    assert cut(rated(spark, ("ann", "a", 5, 1), ("ann", "b", 1, 2), ("bob", "c", 1, 3)), EVENT_WEIGHTS) == day(3)


def test_equal_times_stay_together_after_the_cut(spark):
    times = [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    table = events(spark, *(("ann", f"p{number}", "view", 1, when) for number, when in enumerate(times)))
    before, held_out = split(table, cut(table, EVENT_WEIGHTS))
    assert (before.count(), held_out.count()) == (1, 9)


@pytest.mark.parametrize("times", [(), (3,), (3, 3, 3, 3), (0, 0, 0, 0, 0, 1)])
def test_there_is_no_cut_when_nothing_lies_before_it(spark, times):
    assert cut(events(spark, *(("ann", "lamp", "view", 1, when) for when in times)), EVENT_WEIGHTS) is None


def test_the_cut_agrees_with_sorting_everything(spark):
    rng = random.Random(5)
    times = sorted(rng.choice([rng.uniform(0, 0.01), rng.uniform(0, 400), 7.5]) for _ in range(501))
    table = events(spark, *(("ann", "lamp", "view", 1, when) for when in times)).repartition(3)
    assert cut(table, EVENT_WEIGHTS) == day(times[400])


def test_everything_is_before_the_cut_or_held_out(spark):
    table = events(spark, ("ann", "lamp", "dislike", 1, 1), ("ann", None, "post", 1, 2), ("bob", "lamp", "view", -1, 3))
    before, held_out = split(table, day(2))
    assert [row["user"] for row in before.collect()] == ["ann"]
    assert [row["event_type"] for row in held_out.collect()] == ["post", "view"]


# Who is judged, and by what


def judged_by(spark, before: list[tuple], held_out: list[tuple]) -> set[tuple]:
    return as_set(relevant(events(spark, *before), events(spark, *held_out), EVENT_WEIGHTS))


def test_what_is_new_to_a_known_user_and_known_itself_is_relevant(spark):
    held_out = [("ann", "desk"), ("ann", "desk", "view"), ("ann", "lamp"), ("ann", "vase"), ("cyd", "lamp")]
    assert judged_by(spark, [*ONCE], held_out) == {("ann", "desk")}


def test_what_was_met_in_any_way_is_not_new(spark):
    ways = [("dislike", 1), ("wave", 1), ("view", 1), ("remove_from_cart", 1), ("purchase", -1)]
    met = [("ann", f"p{number}", *way) for number, way in enumerate(ways)]
    others = [("bob", f"p{number}") for number in range(5)]
    assert judged_by(spark, [*ONCE, *met, *others], [("ann", f"p{number}") for number in range(5)]) == set()


def test_what_is_not_positive_is_not_relevant(spark):
    ways = [("dislike", 1), ("wave", 1), ("remove_from_cart", 1), ("purchase", -1), ("view", 0)]
    known = [("bob", f"p{number}") for number in range(5)]
    held_out = [("ann", f"p{number}", *way) for number, way in enumerate(ways)]
    assert judged_by(spark, [*ONCE, *known], held_out) == set()


def test_a_user_known_by_posts_alone_is_judged(spark):
    assert judged_by(spark, [*ONCE, ("eve", None, "post")], [("eve", "lamp")]) == {("eve", "lamp")}


def test_a_held_out_rating_is_held_against_the_users_mean_before_the_cut(spark):
    before = rated(spark, ("ann", "a", 2, 0), ("ann", "b", 4, 0), ("bob", "c", 5, 0), ("bob", "d", 5, 0))
    held_out = rated(spark, ("ann", "c", 3, 9), ("ann", "d", 2, 9), ("bob", "a", 4, 9), ("bob", "b", None, 9))
    assert as_set(relevant(before, held_out, EVENT_WEIGHTS)) == {("ann", "c")}


def test_who_rated_nothing_before_is_held_against_the_mean_of_all(spark):
    before = rated(spark, ("ann", "a", 2, 0), ("ann", "b", 4, 0)).unionByName(events(spark, ("bob", "a", "view")))
    held_out = rated(spark, ("bob", "b", 3, 9), ("cyd", "a", 2.9, 9))
    assert as_set(positive_pairs(before, held_out, EVENT_WEIGHTS)) == {("bob", "b")}


def test_without_ratings_before_the_cut_every_rating_counts(spark):
    held_out = rated(spark, ("ann", "desk", 1, 9), ("ann", "vase", None, 9))
    assert as_set(positive_pairs(events(spark, *ONCE), held_out, EVENT_WEIGHTS)) == {("ann", "desk")}


def test_the_judged_agree_with_plain_python(spark):
    rng = random.Random(11)
    kinds = [*EVENT_WEIGHTS, "dislike", "wave"]
    kinds.remove("rate")
    facts = [
        (f"u{rng.randrange(30)}", f"p{rng.randrange(40)}", rng.choice(kinds), rng.choice([1, 2, -1]), rng.uniform(0, 9))
        for _ in range(400)
    ]
    table = events(spark, *facts)
    at = cut(table, EVENT_WEIGHTS)
    good = [fact for fact in facts if EVENT_WEIGHTS.get(fact[2], 0) > 0 and fact[3] > 0]
    moment = sorted(fact[4] for fact in good)[int(0.8 * len(good))]
    past = [fact for fact in facts if fact[4] < moment]
    users, products, met = {f[0] for f in past}, {f[1] for f in past}, {f[:2] for f in past}
    new = {f[:2] for f in good if f[4] >= moment and f[:2] not in met and f[0] in users and f[1] in products}
    assert at == day(moment)
    assert as_set(relevant(*split(table, at), EVENT_WEIGHTS)) == new


# Lists


def test_one_hit_at_rank_two_of_one_wanted(spark):
    found = judged(spark, {"ann": ["a", "b", "c"]}, {"ann": {"b"}})
    assert found.ndcg == pytest.approx(1 / math.log2(3))
    assert (found.recall, found.precision, found.average_precision, found.hit_rate) == (1.0, 0.1, 0.5, 1.0)


def test_the_perfect_list_is_worth_exactly_one(spark):
    products = [f"p{number:02d}" for number in range(13)]
    found = judged(spark, {"ann": products, "bob": products[:3]}, {"ann": set(products), "bob": set(products[:3])})
    assert (found.ndcg, found.average_precision, found.ndcg_ci) == (1.0, 1.0, (1.0, 1.0))
    assert found.recall == pytest.approx((10 / 13 + 1) / 2)


def test_what_stands_below_the_tenth_place_is_not_in_the_list(spark):
    products = [f"p{number:02d}" for number in range(13)]
    found = judged(spark, {"ann": products}, {"ann": {"p10", "p11"}}, catalogue=10)
    assert (found.ndcg, found.hit_rate, found.coverage) == (0.0, 0.0, 1.0)


def test_a_judged_user_without_a_list_counts_nothing(spark):
    found = judged(spark, {"ann": ["a"]}, {"ann": {"a"}, "bob": {"b"}})
    assert (found.users_judged, found.ndcg, found.hit_rate) == (2, 0.5, 0.5)
    assert dict(found.ndcg_by_user) == {"ann": 1.0, "bob": 0.0}


def test_only_the_lists_of_judged_users_are_looked_at(spark):
    found = judged(spark, {"ann": ["a", "b"], "eve": ["c", "d"]}, {"ann": {"a"}}, catalogue=4, popularity={"a": 2})
    assert (found.users_judged, found.coverage) == (1, 0.5)


def test_coverage_and_novelty_of_lists(spark):
    lists = {"ann": ["a", "b"], "bob": ["a", "c"]}
    found = judged(spark, lists, {"ann": {"z"}, "bob": {"z"}}, popularity={"a": 8, "b": 2, "c": 4})
    assert found.coverage == 3 / 20
    assert found.novelty == (0 + 2 + 0 + 1) / 4


def test_a_product_that_nobody_had_is_as_novel_as_one_that_one_user_had(spark):
    assert judged(spark, {"ann": ["a"]}, {"ann": {"z"}}, popularity={}).novelty == 3.0


def test_the_metrics_agree_with_plain_python(spark):
    rng = random.Random(3)
    products = [f"p{number}" for number in range(25)]
    users = [f"u{number}" for number in range(30)]
    lists = {user: rng.sample(products, rng.randint(1, 15)) for user in users[:27]}
    wanted = {user: set(rng.sample(products, rng.randint(1, 14))) for user in users[2:]}
    had = {product: rng.randint(1, 8) for product in products}
    found = judged(spark, lists, wanted, popularity=had, catalogue=25)

    def mean(of: object) -> float:
        return pytest.approx(sum(of(lists.get(user, []), wanted[user]) for user in wanted) / len(wanted), rel=1e-12)

    def hits(best: list[str], sought: set[str]) -> int:
        return len(set(best[:10]) & sought)

    shown = [product for user in wanted for product in lists.get(user, [])[:10]]
    assert found.ndcg == mean(ndcg_of)
    assert found.average_precision == mean(average_precision_of)
    assert found.recall == mean(lambda best, sought: hits(best, sought) / len(sought))
    assert found.precision == mean(lambda best, sought: hits(best, sought) / 10)
    assert found.hit_rate == mean(lambda best, sought: float(hits(best, sought) > 0))
    assert found.coverage == len(set(shown)) / 25
    assert found.novelty == pytest.approx(sum(-math.log2(had[product] / 8) for product in shown) / len(shown))
    assert found.ndcg_ci[0] < found.ndcg < found.ndcg_ci[1]


def test_of_too_many_users_whole_ones_are_drawn(spark):
    pairs = spark.range(400).selectExpr("cast(id % 200 AS STRING) AS user", "cast(id AS STRING) AS product")
    drawn = evaluation.sampled(pairs, seed=7, most=50).groupBy("user").count().collect()
    assert 25 <= len(drawn) <= 75 and {row["count"] for row in drawn} == {2}
    assert evaluation.sampled(pairs, seed=7, most=300) is pairs


def test_several_sets_of_lists_are_judged_on_the_same_users(spark):
    wanted = pairs(spark, ("ann", "a"), ("bob", "b"))
    sets = {"good": ranked(spark, {"ann": ["a"], "bob": ["b"]}), "none": ranked(spark, {})}
    nobody_had = spark.createDataFrame([], "product STRING, users BIGINT")
    found = judge_each(sets, wanted, catalogue=4, popularity=nobody_had, users_before=2, seed=7)
    assert (found["good"].ndcg, found["none"].ndcg) == (1.0, 0.0)
    assert (found["none"].coverage, found["none"].novelty, found["none"].reason) == (0.0, None, NOTHING_LISTED)
    assert list(found["good"].ndcg_by_user - found["none"].ndcg_by_user) == [1.0, 1.0]


def test_nobody_to_judge_is_said_in_words(spark):
    found = judged(spark, {"ann": ["a"]}, {})
    assert (found.users_judged, found.ndcg, found.ndcg_ci, found.reason) == (0, None, None, NOBODY_JUDGED)


def test_the_metrics_are_json_with_the_keys_of_the_contract(spark):
    keys = [
        "rmse",
        "ndcg_at_10",
        "recall_at_10",
        "precision_at_10",
        "map_at_10",
        "hit_rate_at_10",
        "coverage",
        "novelty",
    ]
    keys += ["users_judged", "ndcg_at_10_ci"]
    some = judged(spark, {"ann": ["a", "b"]}, {"ann": {"a"}}).as_dict(Rmse(0.5, 0.1))
    none = judged(spark, {}, {}).as_dict(Rmse(None, None, NO_PAIRS))
    for block in (some, none):
        assert list(json.loads(json.dumps(block, allow_nan=False)))[:10] == keys
    assert (some["rmse"], some["cold_share"], some["ndcg_at_10_ci"], some["reasons"]) == (0.5, 0.1, [1.0, 1.0], {})
    assert none["reasons"] == {"lists": NOBODY_JUDGED, "rmse": NO_PAIRS}


# The interval


def test_the_interval_is_that_of_drawing_users_one_by_one():
    values = np.random.default_rng(1).choice([0.0, 0.0, 0.3, 0.63, 1.0], size=400)
    draws = np.random.default_rng(2).choice(values, size=(4000, 400)).mean(axis=1)
    assert interval(values, seed=7) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.006)


def test_the_interval_repeats_in_any_order_of_users():
    values = np.random.default_rng(1).random(50)
    assert interval(values, seed=7) == interval(values[::-1], seed=7) != interval(values, seed=8)


def test_a_million_users_fit():
    values = np.random.default_rng(1).choice(np.linspace(0, 1, 500), size=1_000_000)
    low, high = interval(values, seed=7)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 1000, rel=0.1)


def test_one_user_has_an_interval_of_no_width():
    assert interval(np.array([0.25]), seed=7) == (0.25, 0.25)


# Predictions


@pytest.fixture(scope="module")
def online_retail(spark, shared_data):
    """Events of the customers, read as plain CSV; a line's id is its place."""
    lines = spark.read.csv(str(shared_data / "online_retail" / "*.csv.gz"), header=True).filter(
        "CustomerID IS NOT NULL"
    )
    table = lines.select(
        F.monotonically_increasing_id().cast("string").alias("event_id"),
        F.regexp_replace("CustomerID", r"\.0$", "").alias("user"),
        F.col("StockCode").alias("product"),
        F.lit("purchase").alias("event_type"),
        F.col("Quantity").cast("double").alias("quantity"),
        F.lit(None).cast("double").alias("rating"),
        F.to_timestamp("InvoiceDate").alias("occurred_at"),
    )
    table = table.coalesce(4).persist()
    yield table
    table.unpersist()


@pytest.mark.slow
def test_the_most_popular_products_of_online_retail_are_worth_what_they_were(online_retail):
    at = cut(online_retail, EVENT_WEIGHTS)
    assert at.isoformat() == "2011-11-02T12:20:00+00:00"
    before, held_out = split(online_retail, at)
    wanted = relevant(before, held_out, EVENT_WEIGHTS).persist()
    met = before.groupBy("user", "product").agg(F.sum("quantity").alias("net")).persist()
    popularity = met.filter("net > 0").groupBy("product").agg(F.count("*").alias("users"))
    place = F.row_number().over(Window.orderBy(F.desc("users"), "product"))
    best = popularity.withColumn("place", place).filter("place <= 2000")
    unseen = wanted.select("user").distinct().crossJoin(F.broadcast(best)).join(met, ["user", "product"], "left_anti")
    rank = F.row_number().over(Window.partitionBy("user").orderBy("place"))
    found = judge(
        unseen.withColumn("rank", rank).filter("rank <= 10"),
        wanted,
        catalogue=met.select("product").distinct().count(),
        popularity=popularity,
        users_before=met.select("user").distinct().count(),
        seed=7,
    )
    assert 1415 <= found.users_judged <= 1440
    assert 0.037 <= found.ndcg <= 0.039
    assert found.ndcg_ci[0] < found.ndcg < found.ndcg_ci[1]
