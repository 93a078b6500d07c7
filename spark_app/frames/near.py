"""Work in Arrow batches, done on the executors, or in this program where it is small.

To start Python on the executors, to hand rows over and to join what comes back costs seconds, however little there is
to do: a shop of some thousand users is done sooner here. What is done is the same function, so its result is too.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from spark_app.frames.held import hold

# Scores, users times products, up to which a shop is small.
SMALL = 60_000_000

# Rows that one task holds at once, where it has to have all of some users; users differ, so it may be more.
HELD_BY_A_TASK = 2_000_000

Work = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]


class Shared(NamedTuple):
    """What work needs beside its rows, where it is done here."""

    value: Any


def is_small(users: int, products: int) -> bool:
    """Whether all lists of a shop are sooner made here than on executors."""
    return users * products <= SMALL


def shared(spark: SparkSession, value: Any, *, near: bool) -> Any:
    """What has the value as `.value` wherever the work is done."""
    return Shared(value) if near else spark.sparkContext.broadcast(value)


def settled(table: DataFrame, *, near: bool) -> DataFrame:
    """The table; when `near` it is worked out now, and its plan does not tell any more how it came about."""
    return table.sparkSession.createDataFrame(table.toArrow(), table.schema) if near else table


def kept(table: DataFrame, *, near: bool) -> DataFrame:
    """The table, for several uses: worked out now when `near`, else held after its first."""
    return settled(table, near=True) if near else hold(table)


def empty(schema: str | StructType) -> pa.Table:
    """No rows, of this schema."""
    return to_arrow_schema(_columns(schema)).empty_table()


def mapped(rows: DataFrame, work: Work, schema: str | StructType, *, near: bool) -> DataFrame:
    """The rows that the work makes of batches of `rows`, with this schema; done here, and at once, when `near`."""
    if not near:
        return rows.mapInArrow(work, schema)
    found = list(work(iter(rows.toArrow().combine_chunks().to_batches())))
    table = pa.Table.from_batches(found) if found else empty(schema)
    return rows.sparkSession.createDataFrame(table, _columns(schema))


def by_user(rows: DataFrame, number: int) -> DataFrame:
    """The rows of a user in one task; of `number` rows, 0 where it is not known, none gets many more than it holds.

    What is asked for by number is not put together again, so with few rows the session's own number stands.
    """
    tasks = -(-number // HELD_BY_A_TASK)
    usual = int(rows.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
    return rows.repartition(tasks, "user") if tasks > usual else rows.repartition("user")


def _columns(schema: str | StructType) -> StructType:
    return StructType.fromDDL(schema) if isinstance(schema, str) else schema
