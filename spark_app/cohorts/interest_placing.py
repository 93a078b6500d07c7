"""What users have posted and a model of interests -> the group of each, and how often each group says each word.

Executors read a text once for both. Of the words those are counted that several users of the sample say, so that the
counts are as many as these times the groups, whatever the number of users.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyspark import Broadcast
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app import schemas
from spark_app.frames.held import hold
from spark_app.interests import cleaning, keywords
from spark_app.interests.model import Model, Placed

# Users who are placed at once.
_AT_ONCE = 1_000
_ROWS = f"{schemas.INTEREST}, word STRING, count BIGINT"
_SCHEMA = pa.schema([
    ("user", pa.string()), ("group", pa.int32()), ("nearest", pa.int32()), ("confidence", pa.float64()),
    ("x", pa.float64()), ("y", pa.float64()), ("posts", pa.int64()), ("word", pa.string()), ("count", pa.int64()),
])  # fmt: skip

Work = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]


class Everyone(NamedTuple):
    """`users` is schemas.INTEREST; `words` (group, word, count) what the users of each group say."""

    users: DataFrame
    words: DataFrame


def everyone(spark: SparkSession, posted: DataFrame, model: Model, known: Collection[str]) -> Everyone:
    """The users of schemas.POSTED, placed, and their words; both are made in one go, which is held."""
    shared = spark.sparkContext.broadcast((model, frozenset(known)))
    found = hold(posted.select("user", "text", "posts").mapInArrow(_placing(shared), _ROWS))
    words = found.filter("word IS NOT NULL").groupBy("group", "word").agg(F.sum("count").alias("count"))
    return Everyone(found.filter("word IS NULL").select(*schemas.names(schemas.INTEREST)), words)


def _placing(shared: "Broadcast[tuple[Model, frozenset[str]]]") -> Work:
    """Rows of users as they come; at the end of a part those of the words."""

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        model, counting = shared.value
        counts: dict[int, Counter[str]] = {}
        for batch in batches:
            for first in range(0, len(batch), _AT_ONCE):
                some = batch.slice(first, _AT_ONCE)
                texts = [cleaning.read(text or "") for text in some["text"].to_pylist()]
                found = model.placed_words(texts)
                for group, own in keywords.counted(texts, found.group, counting).items():
                    counts.setdefault(group, Counter()).update(own)
                yield _users(some, found)
        yield _words(counts)

    return work


def _users(batch: pa.RecordBatch, found: Placed) -> pa.RecordBatch:
    none = found.group == 0
    return _rows({
        "user": batch["user"], "group": pa.array(found.group.astype(np.int32), mask=none),
        "nearest": pa.array(found.nearest.astype(np.int32)), "confidence": pa.array(found.confidence),
        "x": pa.array(found.x), "y": pa.array(found.y), "posts": batch["posts"],
    }, len(batch))  # fmt: skip


def _words(counts: dict[int, Counter[str]]) -> pa.RecordBatch:
    """Of users in no group nothing is told."""
    rows = [(group, word, count) for group, own in sorted(counts.items()) if group for word, count in own.items()]
    return _rows({
        "group": pa.array([group for group, _, _ in rows], pa.int32()),
        "word": pa.array([word for _, word, _ in rows], pa.string()),
        "count": pa.array([count for _, _, count in rows], pa.int64()),
    }, len(rows))  # fmt: skip


def _rows(columns: dict[str, pa.Array], length: int) -> pa.RecordBatch:
    """Rows of _ROWS, null in all other columns."""
    whole = [columns.get(field.name, pa.nulls(length, field.type)) for field in _SCHEMA]
    return pa.RecordBatch.from_arrays(whole, schema=_SCHEMA)
