"""What may be listed: pairs that met -> what stays out, and the shop's rules -> what is hidden, boosted or buried.

A cool-down is learnt from the shop's own customers: a category is due again after the median gap between two
purchases of one product by one user. Rules are joined as a table, however many there are.
"""

from datetime import datetime
from typing import Literal

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from spark_app.rules import MICROS_A_DAY
from spark_app.shop_rules import HIDE, KINDS, Rules

# Purchases closer than this are one visit.
VISIT_DAYS = 1 / 24
# A median of fewer gaps says nothing.
FEWEST_GAPS = 10

COOLDOWN = "category STRING, days DOUBLE, gaps BIGINT"
_RULE = "place INT, kind STRING, name STRING, hidden BOOLEAN, boost DOUBLE, rule STRING"


def excluded(
    pairs: DataFrame,
    cooldowns: DataFrame,
    details: DataFrame,
    *,
    seen: Literal["never", "always", "cooldown"],
    now: datetime | None = None,
) -> DataFrame:
    """(user, product) of the `pairs`, as schemas.INTERACTION, that may not be listed.

    never: every pair. always: those without strength, which were sent back or disliked. cooldown: those too, and
    pairs that last met less than the days of their category before `now`, by default the newest event of the pairs.
    """
    if seen == "never":
        return pairs.select("user", "product")
    unwanted = F.col("strength").isNull()
    if seen == "always":
        return pairs.filter(unwanted).select("user", "product")
    # Without days it is never due.
    due = F.coalesce(_days_since() >= F.col("days"), F.lit(False))
    return _with_days(_with_now(pairs, now), cooldowns, details).filter(unwanted | ~due).select("user", "product")


def cooldowns(events: DataFrame, details: DataFrame) -> DataFrame:
    """(category, days, gaps): the median gap between purchases of one product by one user, and of how many gaps.

    A row for each category of the `details`, as schemas.PRODUCT_DETAILS, and one for the whole shop, where category is
    null. Fewer than 10 gaps take the days of the shop; all days are null, for never again, when it has fewer itself.
    """
    gaps = details.select("product", "category").join(_gaps(events), "product", "full")
    # Each gap counts for its category, if it has one, and for the shop.
    groups = F.explode(F.array_distinct(F.array("category", F.lit(None)))).alias("category")
    counted = (
        gaps.select(groups, "gap").groupBy("category").agg(F.median("gap").alias("days"), F.count("gap").alias("gaps"))
    )
    own = F.when(F.col("gaps") >= FEWEST_GAPS, F.col("days"))
    of_all = F.max(F.when(F.col("category").isNull(), own)).over(Window.partitionBy(F.lit(0)))
    return counted.select("category", F.coalesce(own, of_all).alias("days"), "gaps")


def fixed_cooldown(spark: SparkSession, days: float) -> DataFrame:
    """The same days for the whole shop, in the shape of `cooldowns`."""
    return spark.createDataFrame([(None, float(days), None)], COOLDOWN)


def adjustments(details: DataFrame, rules: Rules) -> DataFrame:
    """(product, hidden, boost, rule) of each product of the `details` that a rule touches.

    `boost` counts standard deviations, below 0 for what is buried; what the rules of a product, its category and its
    brand say adds up. `hidden` wins over any boost. `rule` says in words which rules they were.
    """
    applied = F.sort_array(F.collect_list(F.struct("place", "hidden", "boost", "rule")))
    touched = _named(details).join(F.broadcast(_table(details.sparkSession, rules)), ["kind", "name"])
    return (
        touched.groupBy("product")
        .agg(applied.alias("rules"))
        .select(
            "product",
            F.array_contains("rules.hidden", True).alias("hidden"),
            # In the order of the rules, so that the sum is the same to the last bit.
            F.aggregate("rules.boost", F.lit(0.0), lambda total, boost: total + boost).alias("boost"),
            F.array_join("rules.rule", "; ").alias("rule"),
        )
    )


def unmatched(rules: Rules, details: DataFrame) -> list[str]:
    """Rules, in words, that name no product, category or brand of the `details`; most often a slip of the pen."""
    missing = _table(details.sparkSession, rules).join(_named(details), ["kind", "name"], "left_anti")
    return [row["rule"] for row in missing.orderBy("place").select("rule").collect()]


def _with_days(pairs: DataFrame, cooldowns: DataFrame, details: DataFrame) -> DataFrame:
    """The pairs with `days`: the category's, or else the shop's."""
    own = cooldowns.filter(F.col("category").isNotNull()).select("category", F.col("days").alias("own"))
    # An aggregate has one row, also when the table has none.
    of_all = cooldowns.filter(F.col("category").isNull()).agg(F.max("days").alias("of_all"))
    waits = details.select("product", "category").join(F.broadcast(own), "category", "left").drop("category")
    known = pairs.join(waits, "product", "left").crossJoin(F.broadcast(of_all))
    return known.withColumn("days", F.coalesce("own", "of_all"))


def _with_now(pairs: DataFrame, now: datetime | None) -> DataFrame:
    if now is not None:
        return pairs.withColumn("now", F.lit(now))
    return pairs.crossJoin(F.broadcast(pairs.agg(F.max("last_event_at").alias("now"))))


def _days_since() -> Column:
    return (F.unix_micros("now") - F.unix_micros("last_event_at")) / MICROS_A_DAY


def _gaps(events: DataFrame) -> DataFrame:
    """(product, gap): days between a purchase and the one before, of one product by one user, visits left out."""
    bought = (F.col("event_type") == "purchase") & (F.col("quantity") > 0) & F.col("product").isNotNull()
    before = F.lag("at").over(Window.partitionBy("user", "product").orderBy("at"))
    at = events.filter(bought).select("user", "product", F.unix_micros("occurred_at").alias("at"))
    gaps = at.select("product", ((F.col("at") - before) / MICROS_A_DAY).alias("gap"))
    return gaps.filter(F.col("gap") >= VISIT_DAYS)


def _named(details: DataFrame) -> DataFrame:
    """(product, kind, name): each product three times, by what a rule may call it; a name may be null."""
    names = F.array(*(F.struct(F.lit(kind).alias("kind"), F.col(kind).alias("name")) for kind in KINDS))
    return details.select("product", F.inline(names))


def _table(spark: SparkSession, rules: Rules) -> DataFrame:
    """The rules in their order."""
    rows = [
        (place, rule.kind, rule.name, rule.action == HIDE, rule.boost, rule.words)
        for place, rule in enumerate(rules.rows)
    ]
    return spark.createDataFrame(rows, _RULE)
