"""Events -> what is rising in a range of time, with its buckets: schemas.TRENDING and schemas.TRENDING_BUCKET.

One shuffle, by user: then each task knows all of its users, counts as `turnout` does, and the sums of what tasks
counted are exact. Ids travel as hashes of 64 bits. `trends` finds the same without Spark.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spark_app import schemas
from spark_app.frames import near, turns
from spark_app.timeline import rising, spans, turnout
from spark_app.timeline.rising import BRAND, CATEGORY, PRODUCT
from spark_app.timeline.spans import Range
from spark_app.timeline.turnout import Rows

# Of a key in all of the range (no bucket), or in one bucket.
_COUNTED = "kind STRING, id BIGINT, bucket INT, total BIGINT, users BIGINT, earlier BIGINT, later BIGINT"
_SUMS = ("total", "users", "earlier", "later")
_SHOP = ("all_earlier", "all_later")
_SCORED = ("kind", "id", *_SUMS, *_SHOP)
_RISING = (
    f"kind STRING, id BIGINT, {', '.join(f'{name} BIGINT' for name in (*_SUMS, *_SHOP))}, "
    "growth_percent DOUBLE, score DOUBLE"
)


def counted(
    events: DataFrame,
    details: DataFrame,
    range_: Range,
    kinds: Sequence[str],
    weights: Mapping[str, float],
    *,
    number: int = 0,
) -> DataFrame:
    """Events and users of each product, brand or category and bucket; `details` says what a product's are.

    To be kept, since both tables are made from it. A task holds its users' events at once: `number`, how many there
    are in the range at the most, keeps that within bounds.
    """
    first, behind = (F.lit(spans.moment(time)) for time in range_.read)
    within = (F.col("occurred_at") >= first) & (F.col("occurred_at") < behind)
    met = events.filter(within & turns.to_product(weights)).select(
        F.xxhash64("user").alias("user"), F.xxhash64(PRODUCT).alias(PRODUCT), F.unix_micros("occurred_at").alias("at")
    )
    if set(kinds) - {PRODUCT}:
        described = details.select(F.xxhash64(PRODUCT).alias(PRODUCT), *[_id(kind) for kind in (BRAND, CATEGORY)])
        met = met.join(F.broadcast(described), PRODUCT, "left")
    return (
        near.by_user(met.select("user", "at", *kinds), number).mapInArrow(_counting(range_, tuple(kinds)), _COUNTED)
        .groupBy("kind", "id", "bucket").agg(*[F.sum(name).alias(name) for name in _SUMS])
    )  # fmt: skip


def best(counted: DataFrame, details: DataFrame, range_: Range, kinds: Sequence[str], limit: int) -> DataFrame:
    """The first of each kind by score, ties by key, as schemas.TRENDING."""
    whole = counted.filter(F.col("bucket").isNull())
    shop = whole.groupBy("kind").agg(F.sum("earlier").alias("all_earlier"), F.sum("later").alias("all_later"))
    scored = whole.join(F.broadcast(shop), "kind").coalesce(1)
    rows = scored.select(*_SCORED).mapInArrow(_scoring(len(range_.earlier)), _RISING)
    order = Window.partitionBy("kind").orderBy(F.desc("score"), "key")
    named = rows.join(F.broadcast(_named(details, kinds)), ["kind", "id"])
    ranked = named.withColumn("rank", F.row_number().over(order))
    asked = [F.lit(spans.moment(time)).alias(name) for name, time in zip(("from", "to"), range_.asked, strict=True)]
    columns = [name for name in schemas.names(schemas.TRENDING) if name not in ("from", "to")]
    return ranked.filter(F.col("rank") <= limit).select(*columns, *asked)


def buckets(counted: DataFrame, best: DataFrame, range_: Range) -> DataFrame:
    """All buckets of the first ones, those without an event too, as schemas.TRENDING_BUCKET."""
    first = best.select("kind", "key", F.xxhash64("key").alias("id"))
    every = first.crossJoin(best.sparkSession.range(range_.buckets).select(F.col("id").cast("int").alias("bucket")))
    start = F.timestamp_micros(F.lit(range_.held.start) + F.col("bucket").cast("bigint") * F.lit(range_.bucket))
    numbers = [F.coalesce(name, F.lit(0)).cast("bigint").alias(name) for name in ("total", "users")]
    found = counted.filter(F.col("bucket").isNotNull()).join(F.broadcast(every), ["kind", "id", "bucket"], "right")
    return found.select("kind", "key", start.alias("bucket_start"), *numbers)


def _id(kind: str) -> Column:
    """The hash of a word; null of null, which xxhash64 would make a number of."""
    return F.when(F.col(kind).isNotNull(), F.xxhash64(kind)).alias(kind)


def _named(details: DataFrame, kinds: Sequence[str]) -> DataFrame:
    """(kind, id, key, label, brand, category) of all that could be listed."""
    nothing = F.lit(None).cast("string")
    label = F.coalesce("name", PRODUCT).alias("label")
    named = {PRODUCT: details.select(F.col(PRODUCT).alias("key"), label, BRAND, CATEGORY)}
    for kind in (BRAND, CATEGORY):
        words = details.select(F.col(kind).alias("key")).filter(F.col("key").isNotNull()).distinct()
        own = [F.col("key").alias(name) if name == kind else nothing.alias(name) for name in (BRAND, CATEGORY)]
        named[kind] = words.select("key", F.col("key").alias("label"), *own)
    found = [named[kind].select(F.lit(kind).alias("kind"), F.xxhash64("key").alias("id"), "*") for kind in kinds]
    whole = found[0]
    for other in found[1:]:
        whole = whole.unionByName(other)
    return whole


def _counting(range_: Range, kinds: Sequence[str]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Runs on the executors: hashes of all events of some users -> what each kind's keys had out."""

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        met = pa.Table.from_batches(list(batches))
        if not met.num_rows:
            return
        user, users = _codes(met["user"])
        rows = Rows(user, np.arange(len(user), dtype=np.int32), *turnout.placed(met["at"].to_numpy(), range_))
        rows = turnout.in_order(rows, range_.buckets)
        for kind in kinds:
            key, ids = _codes(met[kind])
            found = turnout.count(rows, key[rows.product], len(ids), len(users))
            yield from _counts(kind, ids, found)

    return count


def _counts(kind: str, ids: np.ndarray, found: turnout.Turnout) -> Iterator[pa.RecordBatch]:
    """The rows of a kind: one for each key, and one for each of its buckets."""
    of_key = (found.total, found.users, found.earlier, found.later)
    of_bucket = (found.bucket_total, found.bucket_users, *2 * [np.zeros(len(found.bucket), np.int64)])
    bucket = pa.concat_arrays([pa.nulls(len(ids), pa.int32()), pa.array(found.bucket)])
    numbers = [pa.array(np.concatenate(pair)) for pair in zip(of_key, of_bucket, strict=True)]
    keys = pa.array(np.concatenate([ids, ids[found.bucket_key]]))
    names = ["kind", "id", "bucket", *_SUMS]
    table = pa.table([pa.repeat(pa.scalar(kind), len(keys)), keys, bucket, *numbers], names)
    yield from table.to_batches()


def _scoring(turns: int) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Runs on the executors: adds growth and score, and leaves out what does not rise."""

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            earlier, later, *shop = (batch[name].to_numpy() for name in ("earlier", "later", *_SHOP))
            rise = rising.of(earlier, later, all_earlier=shop[0], all_later=shop[1], turns=turns)
            whole = batch.append_column("growth_percent", pa.array(rise.growth, from_pandas=True))
            whole = whole.append_column("score", pa.array(rise.score))
            yield whole.filter(pa.array(rise.is_rising))

    return score


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """(code of each, the value of each code); -1 where it is null."""
    encoded = column.combine_chunks().dictionary_encode()
    codes = encoded.indices.fill_null(-1) if encoded.null_count else encoded.indices
    return codes.to_numpy().astype(np.int32, copy=False), encoded.dictionary.to_numpy()
