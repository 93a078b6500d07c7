"""The gate: metrics of a candidate, of what is published and of popularity in, published or refused and why out.

All three were judged on the same users. What is published is fitted anew on the same events before the cut, so that
only settings are compared and never the luck of a week.
"""

from typing import NamedTuple

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app.evaluation import Metrics, interval


class Verdict(NamedTuple):
    """Whether to publish, and why; `popular` when popularity's lists are to be published in place of the model's.

    `below_popularity` says that this is why it is refused. `difference` is the 95 % interval of candidate minus
    published; None where they were not compared.
    """

    publish: bool
    reason: str
    popular: bool = False
    below_popularity: bool = False
    difference: tuple[float, float] | None = None


def decide(candidate: Metrics, popular: Metrics, published: Metrics | None, *, first: bool, seed: int) -> Verdict:
    """Refuse what is clearly worse than what is published, and what is below popularity; the first is published.

    `published` is None when nothing is, or when it has the candidate's settings.
    """
    if candidate.ndcg is None or popular.ndcg is None:
        return Verdict(True, f"published unjudged: {candidate.reason}")
    below = candidate.ndcg < popular.ndcg
    numbers = f"NDCG@10 {candidate.ndcg:.4f}, popularity {popular.ndcg:.4f}"
    if first:
        because = f"popularity is better than the model, so its lists are published: {numbers}"
        return Verdict(True, because if below else f"the first generation: {numbers}", popular=below)
    if below:
        return Verdict(False, f"below popularity: {numbers}", below_popularity=True)
    if published is None:
        return Verdict(True, f"the same settings as before, not below popularity: {numbers}")
    return _compared(candidate, published, numbers, seed)


def overlap(lists: DataFrame, before: DataFrame, k: int = 10) -> float | None:
    """Share of the first k products of each user's list that were among the first k of the one before, the mean.

    Over users that have both lists; None when there is none.
    """
    ours, theirs = (rows.filter(F.col("rank") <= k).select("user", "product") for rows in (lists, before))
    shared = ours.join(theirs, ["user", "product"]).groupBy("user").agg(F.count("*").alias("shared"))
    lengths = ours.groupBy("user").agg(F.count("*").alias("length")).join(theirs.select("user").distinct(), "user")
    each = lengths.join(shared, "user", "left").select(
        (F.coalesce("shared", F.lit(0)) / F.col("length")).alias("share")
    )
    # Decimals add up to the same in any order.
    row = each.agg(F.sum(F.col("share").cast("decimal(28,12)")).alias("sum"), F.count("*").alias("users")).first()
    return float(row["sum"]) / row["users"] if row["users"] else None


def _compared(candidate: Metrics, published: Metrics, numbers: str, seed: int) -> Verdict:
    users = candidate.ndcg_by_user.index
    ours, theirs = candidate.ndcg_by_user.to_numpy(), published.ndcg_by_user.reindex(users).to_numpy()
    low, high = interval(np.asarray(ours - theirs), seed)
    words = f"{numbers}, published settings {published.ndcg:.4f}, difference {low:+.4f} to {high:+.4f}"
    if high < 0:
        return Verdict(False, f"worse than the published settings: {words}", difference=(low, high))
    verdict = "better than" if low > 0 else "not clearly different from"
    return Verdict(True, f"{verdict} the published settings: {words}", difference=(low, high))
