"""Recents and rising products -> trending for you, for all users, as matches.py defines it."""

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_app import schemas
from spark_app.frames import near
from spark_app.numbers.strengths import NET
from spark_app.timeline import matches
from spark_app.timeline.matches import Riser


def barred(pairs: DataFrame) -> DataFrame:
    """(user, product) of what is not to be told: bought, or turned down, from pairs with what was netted."""
    nets = [F.col(name) > 0 for kind in matches.BOUGHT if (name := f"{NET}{kind.encode().hex()}") in pairs.columns]
    out: Column = F.col("strength").isNull()
    for net in nets:
        out |= F.coalesce(net, F.lit(False))
    return pairs.filter(out).select("user", "product")


def for_users(
    brands: DataFrame, barred: DataFrame, risers: Sequence[Riser], *, n: int, is_near: bool = False
) -> DataFrame:
    """The first `n` of each user who has any, as schemas.TRENDING_RECOMMENDATION.

    From the last brands of each (schemas.RECENT), and (user, product) that are not to be told. What rises is so little
    that each task has all of it, and a user's list is found by itself: no pair of a user and a product is made in vain.
    """
    looked = brands.filter(F.col("brand").isin(sorted({one.brand for one in risers})))
    entries = F.collect_list(F.struct("brand", F.unix_micros("last_event_at")))
    rows = looked.groupBy("user").agg(F.map_from_entries(entries).alias("brands"))
    out = barred.filter(F.col("product").isin(sorted({one.product for one in risers})))
    out = out.groupBy("user").agg(F.collect_set("product").alias("barred"))
    asked = rows.join(out, "user", "left").select("user", "brands", "barred")
    return near.mapped(asked, _matching(list(risers), n), schemas.TRENDING_RECOMMENDATION, near=is_near)


def _matching(risers: list[Riser], n: int) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Runs on the executors: (user, brands, barred) -> lists."""
    schema = near.empty(schemas.TRENDING_RECOMMENDATION).schema

    def match(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            lists = [
                (user, place, one)
                for user, brands, out in zip(*(column.to_pylist() for column in batch.columns), strict=True)
                for place, one in enumerate(matches.of(risers, dict(brands), set(out or ()), n), 1)
            ]
            rows = [
                {
                    "user": user, "product": one.riser.product, "rank": rank, "score": one.riser.score,
                    "brand": one.riser.brand, "because": one.because,
                }
                for user, rank, one in lists
            ]  # fmt: skip
            yield pa.RecordBatch.from_pylist(rows, schema)

    return match
