"""What rises as lists: trending for you, and rising products for everyone, beside popularity and what is learnt.

    python -m benchmarks.rising [--data FOLDER] [--only NAME ...]

Each is made from the events before the cut alone, of the last week before it, and judged on the same users as all lists
are (docs/model.md). `for you, then ours` fills short lists up with ours; `two places` gives two of ten places away.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from benchmarks import beside
from benchmarks.quality import NOBODY, shops
from spark_app import evaluation, ingestion, interactions, lately, matching, store
from spark_app import recent as recent_
from spark_app.decisive import changed
from spark_app.fitting import making, training
from spark_app.fitting.training import Shop
from spark_app.frames import held
from spark_app.models import popular
from spark_app.settings import Settings
from spark_app.shop_rules import Rules
from spark_app.storage import tables
from spark_app.timeline import matches, rising, spans
from spark_app.timeline.matches import Riser
from spark_app.timeline.trends import Trend
from spark_app.tuning import choice

EVERYONE = "everyone"
N = 10


def main() -> None:
    """Judge all of them on each shop, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parent.parent.parent / "shared" / "data")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="data sets; default: all that are there")
    asked = parser.parse_args()
    with beside.at_work("rising") as (spark, settings):
        beside.machine()
        for name, files in shops(settings.data_dir.parent, asked.data):
            if asked.only and name not in asked.only:
                continue
            own = settings.model_copy(update={"data_dir": settings.data_dir.parent / name.replace(" ", "_")})
            ingestion.take_files(spark, own, files())
            for line in _judged(spark, own, name):
                print(line, flush=True)


def _judged(spark: SparkSession, settings: Settings, name: str) -> Iterator[str]:
    with held.released():
        chosen, _ = making.judged(spark, settings, tables.version(settings), NOBODY)
        events = store.read(spark, settings, tables.EVENTS).transform(held.hold)
        kinds = frozenset(row["event_type"] for row in events.select("event_type").distinct().collect())
        shop = Shop(interactions.product_details(events), Rules(), kinds)
        weights = shop.occurring(settings.weights)
        at = evaluation.cut(events, weights)
        if at is None:
            raise ValueError(f"{name} has no cut")
        before, held_out = evaluation.split(events, at)
        ids = training.index(events, None)._replace(small=True)
        learned = training.learn(before, ids, shop, chosen.settings)
        excluded = learned.excluded.select("user", "product")
        relevant = evaluation.relevant(before, held_out, weights, excluded).transform(held.hold)
        users = relevant.select("user").distinct().join(ids.users, "user").transform(held.hold)
        ours = training.lists(learned, users, ids, n=N, explain=False).select("user", "product", "rank")
        fading = training.learn(before, ids, shop, changed(choice.plain(settings), {"algorithm": "recent"}))
        risers = _risers(before, settings)
        for_you = _for_you(before, settings, users, excluded, risers).transform(held.hold)
        lists = {
            "popular": training.listed(learned.popular, learned, users, ids, n=N),
            "recently popular, 14 days": training.lists(fading, users, ids, n=N, explain=False),
            "rising, for everyone": _for_everyone(users, excluded, risers),
            "rising, for you": for_you,
            "for you, then ours": _joined(for_you, ours, first=N),
            "two places for you, then ours": _joined(for_you, ours, first=2),
            "ours": ours,
        }
        known, products = before.agg(F.count_distinct("user"), F.count_distinct("product")).first()
        judged = evaluation.judge_each(
            lists, relevant, catalogue=products, popularity=popular.counts(learned.liked), users_before=known,
            seed=settings.seed, k=N,
        )  # fmt: skip
        told = for_you.select("user").distinct().count()
        yield f"{name}: ours is {choice.in_words(chosen)}; {len(risers):,} rising, lists for you for {told:,} users"
        for label, metrics in judged.items():
            low, high = metrics.ndcg_ci or (0.0, 0.0)
            yield f"| {name} | {label} | {metrics.ndcg:.4f} | {low:.4f} to {high:.4f} | {metrics.users_judged:,} |"


def _risers(before: DataFrame, settings: Settings) -> list[Trend]:
    """What rose in the last week of these events."""
    first, last = before.agg(F.unix_micros(F.min("occurred_at")), F.unix_micros(F.max("occurred_at"))).first()
    range_ = spans.asked(None, None, None, spans.Stretch(first, last + 1))
    return lately.by_spark(before, range_, (rising.PRODUCT,), matches.MOST, settings.weights)


def _for_you(
    before: DataFrame, settings: Settings, users: DataFrame, excluded: DataFrame, found: list[Trend]
) -> DataFrame:
    looks = recent_.turned(before.join(users, "user", "left_semi"), settings.weights)
    brands = recent_.last(looks, interactions.product_details(before), kind="brand")
    risers = matches.risers([(one.key, one.brand, one.score, one.growth_percent) for one in found], spans.WEEK)
    return matching.for_users(brands, excluded, risers, n=N).select("user", "product", "rank")


def _for_everyone(users: DataFrame, excluded: DataFrame, found: list[Trend]) -> DataFrame:
    """As if all were of one brand, at which everyone looked."""
    risers = [Riser(one.key, EVERYONE, one.score, "") for one in found]
    looked = users.select("user", F.lit(EVERYONE).alias("brand"), F.current_timestamp().alias("last_event_at"))
    return matching.for_users(looked, excluded, risers, n=N).select("user", "product", "rank")


def _joined(for_you: DataFrame, ours: DataFrame, *, first: int) -> DataFrame:
    """Some of the first places, then ours without those."""
    given = for_you.filter(F.col("rank") <= first)
    rest = ours.join(given.select("user", "product"), ["user", "product"], "left_anti")
    rows = given.withColumn("part", F.lit(0)).unionByName(rest.withColumn("part", F.lit(1)))
    place = F.row_number().over(Window.partitionBy("user").orderBy("part", "rank", "product"))
    return rows.withColumn("rank", place).filter(F.col("rank") <= N).select("user", "product", "rank")


if __name__ == "__main__":
    main()
