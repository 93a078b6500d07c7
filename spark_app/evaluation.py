"""Judging: the split in time, the users that can be judged, and the metrics of lists and of predictions.

Events, lists and predictions come in; a moment, tables of pairs, `Metrics` and `Rmse` go out. Nothing is random
without a seed, and no sum depends on how Spark happened to cut the data.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app import rules, scoring
from spark_app.frames import near as near_
from spark_app.frames import turns
from spark_app.timeline import recency

RATE = "rate"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Microseconds in an hour, in a second, and one.
WIDTHS = (3_600_000_000, 1_000_000, 1)
RESAMPLES = 1000
CELLS_AT_ONCE = 4_000_000
# More users would narrow the interval by nothing that matters: it is about 0.001 wide then.
MOST_JUDGED = 1_000_000
MEANS = ("ndcg", "recall", "precision", "average_precision", "hit_rate")

NO_CUT = "no positive event lies before the one that stands at 80 % of them in time"
NOBODY_JUDGED = (
    "no user known before the cut has a positive held-out product that is new to them and was known before it"
)
NOTHING_LISTED = "no judged user has a list"
NO_PAIRS = "nothing was held out"
ALL_COLD = "every held-out pair is cold"
NOT_FINITE = "a prediction is not a finite number"


@dataclass(frozen=True)
class Rmse:
    """Root of the mean squared error over the warm pairs, or the reason why there is none."""

    value: float | None
    cold_share: float | None = None
    reason: str | None = None

    def __str__(self) -> str:
        """The line of rmse.txt."""
        if self.value is None:
            return f"RMSE: undefined, because {self.reason}"
        return f"RMSE: {round(self.value, 4)}"


@dataclass(frozen=True, eq=False)
class Metrics:
    """What lists are worth to the judged users: means over them. A None has its `reason`."""

    ndcg_by_user: pd.Series
    k: int = 10
    recall: float | None = None
    precision: float | None = None
    average_precision: float | None = None
    hit_rate: float | None = None
    ndcg: float | None = None
    ndcg_ci: tuple[float, float] | None = None
    coverage: float | None = None
    novelty: float | None = None
    reason: str | None = None

    @property
    def users_judged(self) -> int:
        """Users that the means are over."""
        return len(self.ndcg_by_user)

    def as_dict(self, rmse: Rmse | None = None) -> dict[str, Any]:
        """The block `metrics` of metrics.json; beside the contract's keys the cold share, and reasons for nulls."""
        rmse = rmse or Rmse(None)
        reasons = {"lists": self.reason, "rmse": rmse.reason}
        return {
            "rmse": rmse.value,
            f"ndcg_at_{self.k}": self.ndcg,
            f"recall_at_{self.k}": self.recall,
            f"precision_at_{self.k}": self.precision,
            f"map_at_{self.k}": self.average_precision,
            f"hit_rate_at_{self.k}": self.hit_rate,
            "coverage": self.coverage,
            "novelty": self.novelty,
            "users_judged": self.users_judged,
            f"ndcg_at_{self.k}_ci": list(self.ndcg_ci) if self.ndcg_ci else None,
            "cold_share": rmse.cold_share,
            "reasons": {name: reason for name, reason in reasons.items() if reason},
        }


def positive(events: DataFrame, weights: Mapping[str, float]) -> DataFrame:
    """The events that show interest, each for itself: weight and quantity above 0. Ratings of any height are in."""
    return events.filter(turns.to_product(weights))


def cut(events: DataFrame, weights: Mapping[str, float]) -> datetime | None:
    """The time, in UTC, of the positive event at floor(0.8 n) in order of time; None, for NO_CUT, if none lies before.

    Exact, and never a list of all events: it counts per hour, then per second in one hour, then inside that second.
    """
    moments = positive(events, weights).select(F.unix_micros("occurred_at").alias("at"))
    start, before, rank = 0, 0, -1
    for width in WIDTHS:
        starts, counts = _counted(moments, width)
        if not counts.size:
            return None
        rank = int(counts.sum()) * 4 // 5 if rank < 0 else rank
        ends = counts.cumsum()
        found = int(np.searchsorted(ends, rank, side="right"))
        start, earlier = int(starts[found]), int(ends[found] - counts[found])
        before, rank = before + earlier, rank - earlier
        moments = moments.filter((F.col("at") >= start) & (F.col("at") < start + width))
    return EPOCH + timedelta(microseconds=start) if before else None


def split(events: DataFrame, at: datetime) -> tuple[DataFrame, DataFrame]:
    """(before the cut, held out): equal times stay together."""
    return events.filter(F.col("occurred_at") < F.lit(at)), events.filter(F.col("occurred_at") >= F.lit(at))


def positive_pairs(before: DataFrame, held_out: DataFrame, weights: Mapping[str, float]) -> DataFrame:
    """(user, product) of the positive held-out events; a rating only if not below what the user gave on average before.

    Who rated nothing before the cut is held against the mean of all; with no rating at all before it, all count.
    """
    shown = positive(held_out, weights)
    if RATE not in recency.turning(weights):
        return shown.select("user", "product").distinct()
    rated = before.filter(F.col("product").isNotNull() & F.col("rating").isNotNull())
    of_user = rated.groupBy("user").agg(F.avg("rating").alias("of_user"))
    of_all = rated.agg(F.avg("rating").alias("of_all"))
    ratings = shown.filter(F.col("event_type") == RATE).join(of_user, "user", "left").crossJoin(F.broadcast(of_all))
    mean = F.coalesce(F.col("of_user"), F.col("of_all"), F.col("rating"))
    liked = ratings.filter(F.round(F.col("rating") - mean, 9) >= 0)
    others = shown.filter(F.col("event_type") != RATE)
    return others.select("user", "product").unionByName(liked.select("user", "product")).distinct()


def relevant(
    before: DataFrame, held_out: DataFrame, weights: Mapping[str, float], excluded: DataFrame | None = None
) -> DataFrame:
    """(user, product) that a list should have named; its users are the judged ones.

    Positive and held out, and both user and product known before the cut. None of the `excluded` (user, product), which
    may not be listed; by default every pair that met before.
    """
    met = before.filter(F.col("product").isNotNull())
    excluded = met if excluded is None else excluded
    return (
        positive_pairs(before, held_out, weights)
        .join(before.select("user").distinct(), "user", "left_semi")
        .join(met.select("product").distinct(), "product", "left_semi")
        .join(excluded.select("user", "product").distinct(), ["user", "product"], "left_anti")
        .select("user", "product")
    )


def sampled(relevant: DataFrame, seed: int, most: int = MOST_JUDGED) -> DataFrame:
    """All pairs of about `most` users, drawn by their ids, where there are more; each is a row of the driver."""
    users = relevant.agg(F.approx_count_distinct("user")).first()[0]
    if users <= most:
        return relevant
    return relevant.filter(F.pmod(F.xxhash64("user", F.lit(seed)), F.lit(users)) < most)


def judge(lists: DataFrame, relevant: DataFrame, **known: Any) -> Metrics:
    """`judge_each` for one set of lists."""
    return judge_each({"": lists}, relevant, **known)[""]


def judge_each(
    lists: Mapping[str, DataFrame],
    relevant: DataFrame,
    *,
    catalogue: int,
    popularity: DataFrame,
    users_before: int,
    seed: int,
    k: int = 10,
) -> dict[str, Metrics]:
    """The metrics of several sets of lists (user, product, rank from 1) on the same judged users, by name.

    `catalogue`: products with an event before the cut; `popularity` (product, users): how many users had it then,
    of `users_before`. A judged user without a list counts 0. Three Spark queries, however many sets.
    """
    judged = relevant.groupBy("user").agg(F.count("*").alias("wanted"))
    listed = _listed(lists, k).join(judged.select("user"), "user", "left_semi").persist()
    try:
        users = judged.toPandas().sort_values("user", ignore_index=True)
        if users.empty:
            nobody = pd.Series(dtype="float64")
            return {name: Metrics(nobody, k, reason=NOBODY_JUDGED) for name in lists}
        hits = listed.join(relevant, ["user", "product"]).select("name", "user", "rank").toPandas()
        breadth = _breadth(listed, popularity)
    finally:
        listed.unpersist()
    found = {}
    for name in lists:
        scores, broad = _scores(hits[hits["name"] == name], users, k), breadth[breadth["name"] == name]
        found[name] = _metrics(scores, broad, catalogue, users_before, k, seed)
    return found


def interval(values: np.ndarray, seed: int) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean; of the differences of two models for a paired comparison.

    Users with the same value are drawn together by a multinomial, which is the same as drawing them one by one.
    """
    rng = np.random.default_rng(seed)
    distinct, counts = np.unique(np.asarray(values, dtype=np.float64), return_counts=True)
    users = int(counts.sum())
    at_once = max(1, CELLS_AT_ONCE // distinct.size)
    means = [
        rng.multinomial(users, counts / users, size=min(at_once, RESAMPLES - done)) @ distinct / users
        for done in range(0, RESAMPLES, at_once)
    ]
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return float(low), float(high)


def rmse(predicted: DataFrame, cold_share: float | None = None) -> Rmse:
    """The error of (expected, predicted). Pairs without a prediction are cold: their share, if no other is given."""
    error = F.col("expected").cast("double") - F.col("predicted").cast("double")
    sane = F.abs(error) <= 2 * rules.MAX_NUMBER
    # Decimals add up to the same in any order.
    squared = F.when(sane, error * error).cast("decimal(31,12)")
    counts = [F.count("*").alias("pairs"), F.count(error).alias("warm"), F.count_if(sane).alias("sane")]
    row = predicted.agg(*counts, F.sum(squared).alias("sum")).first()
    pairs, warm = int(row["pairs"]), int(row["warm"])
    cold = (pairs - warm) / pairs if cold_share is None and pairs else cold_share
    if not warm:
        return Rmse(None, cold, ALL_COLD if cold else NO_PAIRS)
    if row["sane"] < warm:
        return Rmse(None, cold, NOT_FINITE)
    return Rmse(math.sqrt(float(row["sum"]) / warm), cold)


def cold_share(pairs: DataFrame, users: DataFrame, products: DataFrame) -> float | None:
    """Share of the pairs whose user or product is not known; None without pairs."""
    for known, name in ((users, "user"), (products, "product")):
        pairs = pairs.join(known.select(name, F.lit(1).alias(f"known_{name}")), name, "left")
    everything, warm = pairs.agg(F.count("*"), F.count(F.col("known_user") + F.col("known_product"))).first()
    return (everything - warm) / everything if everything else None


def preference_pairs(
    held_out_pairs: DataFrame, met: DataFrame, users: DataFrame, products: DataFrame, *, seed: int, near: bool = False
) -> DataFrame:
    """(user, product, expected): 1 for the held-out positive pairs, 0 for as many of the same user's unmet products.

    All by the shop's own ids, of known users and products only. `met` holds every pair that met, before or in the
    hold-out, once or more often. Each user walks the shuffled products from a place of their own, as many steps as they
    have met and need: so what is needed is found wherever it exists. With `near`, they walk here and at once.
    """
    spark = users.sparkSession
    shuffled = products.select("product").distinct().orderBy(F.xxhash64("product", F.lit(seed)), "product")
    names = shuffled.toArrow()["product"].combine_chunks()
    numbers = pa.table({"product": names, "number": pa.array(range(len(names)), pa.int32())})
    numbered = spark.createDataFrame(numbers, "product STRING, number INT")
    walkers = users.select("user").join(held_out_pairs.select("user"), "user", "left_semi")
    of_user = (
        met.select("user", "product", F.lit(False).alias("one"))
        .unionByName(held_out_pairs.select("user", "product", F.lit(True).alias("one")))
        .join(walkers, "user", "left_semi")
        .join(F.broadcast(numbered), "product")
        .groupBy("user")
        .agg(F.collect_list("number").alias("met"), F.collect_list(F.when(F.col("one"), F.col("number"))).alias("ones"))
        .withColumn("start", F.pmod(F.xxhash64("user", F.lit(seed)), F.lit(max(len(names), 1))))
    )
    shared = near_.shared(spark, names, near=near)

    def sample(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield _preferences(batch, shared.value)

    return near_.mapped(of_user, sample, "user STRING, product STRING, expected DOUBLE", near=near)


def _preferences(batch: pa.RecordBatch, names: pa.StringArray) -> pa.RecordBatch:
    """From users with the numbers of what they met and of their ones, (user, product, expected)."""
    stride, is_met = _stride(len(names)), np.zeros(len(names), bool)
    users, numbers, expected = [np.empty(0, int)], [np.empty(0, int)], [np.empty(0)]
    lists = (batch.column(name).to_numpy(zero_copy_only=False) for name in ("met", "ones", "start"))
    for user, (met, ones, start) in enumerate(zip(*lists, strict=True)):
        met, ones = np.unique(met), np.unique(ones).astype(int)
        walk = (start + np.arange(min(len(names), len(met) + len(ones))) * stride) % len(names)
        is_met[met] = True
        zeros = walk[~is_met[walk]][: len(ones)]
        is_met[met] = False
        numbers += [ones, zeros]
        expected += [np.ones(len(ones)), np.zeros(len(zeros))]
        users.append(np.full(len(ones) + len(zeros), user))
    columns = [
        batch.column("user").take(pa.array(np.concatenate(users))),
        names.take(pa.array(np.concatenate(numbers))),
        pa.array(np.concatenate(expected)),
    ]
    return pa.RecordBatch.from_arrays(columns, ["user", "product", "expected"])


def _stride(size: int) -> int:
    """About a golden section long, and without a divisor in common with `size`: steps of it meet everything once."""
    return next(long for long in range(max(1, int(size * 0.618)), size + 2) if math.gcd(long, size) == 1)


def _counted(moments: DataFrame, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(start in microseconds, count) of each stretch of time that holds something, in order."""
    start = F.col("at") - F.pmod("at", F.lit(width))
    counts = moments.groupBy(start.alias("start")).agg(F.count("*").alias("count")).toPandas().sort_values("start")
    return counts["start"].to_numpy(), counts["count"].to_numpy()


def _listed(lists: Mapping[str, DataFrame], k: int) -> DataFrame:
    """(name, user, product, rank) of the first k of every list."""
    named = [rows.select(F.lit(name).alias("name"), "user", "product", "rank") for name, rows in lists.items()]
    return reduce(DataFrame.unionByName, named).filter(F.col("rank").between(1, k))


def _scores(hits: pd.DataFrame, judged: pd.DataFrame, k: int) -> pd.DataFrame:
    """(user, ndcg, recall, precision, average_precision, hit_rate) of each judged user, in order of the users.

    From (user, rank) of what was found, and (user, wanted) of whom is judged.
    """
    users, wanted = judged["user"], judged["wanted"].to_numpy()
    of_user, ranks = pd.Index(users).get_indexer(hits["user"]), hits["rank"].to_numpy()
    order = np.lexsort((ranks, of_user))
    of_user, ranks = of_user[order], ranks[order]
    found = np.bincount(of_user, minlength=len(users))
    nth = np.arange(1, len(ranks) + 1) - (np.cumsum(found) - found)[of_user]
    discounts = scoring.discounts(k)
    findable = np.minimum(wanted, k)
    # Sums over sorted ranks: the same to the last bit in every run.
    gained, precisions = (np.bincount(of_user, part, len(users)) for part in (discounts[ranks - 1], nth / ranks))
    return pd.DataFrame(
        {
            "user": users,
            "ndcg": gained / np.cumsum(discounts)[findable - 1],
            "recall": found / wanted,
            "precision": found / k,
            "average_precision": precisions / findable,
            "hit_rate": (found > 0).astype(float),
        }
    )


def _breadth(listed: DataFrame, popularity: DataFrame) -> pd.DataFrame:
    """(name, users, products, rows): how many products that so many users had are in the lists, in how many rows."""
    users = F.greatest(F.coalesce("users", F.lit(0)), F.lit(1)).alias("users")
    counted = listed.groupBy("name", "product").agg(F.count("*").alias("rows"))
    return (
        counted.join(popularity.select("product", "users"), "product", "left")
        .groupBy("name", users)
        .agg(F.count("*").alias("products"), F.sum("rows").alias("rows"))
        .toPandas()
    )


def _metrics(scores: pd.DataFrame, breadth: pd.DataFrame, catalogue: int, users: int, k: int, seed: int) -> Metrics:
    by_user = scores.set_index("user")["ndcg"].sort_index()
    means = {name: math.fsum(scores[name]) / len(scores) for name in MEANS}
    rows = int(breadth["rows"].sum())
    bits = math.fsum(breadth["rows"] * np.log2(users / breadth["users"]))
    return Metrics(
        by_user,
        k,
        **means,
        ndcg_ci=interval(by_user.to_numpy(), seed),
        coverage=int(breadth["products"].sum()) / catalogue,
        novelty=bits / rows if rows else None,
        reason=None if rows else NOTHING_LISTED,
    )
