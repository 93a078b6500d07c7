"""Rows of events -> one row of numbers per user, as schemas.WIDE.

Spark brings the rows of a user together, in order; they pass by in chunks of whole users, so that a task never holds
more than one chunk, or the rows of its most active user, as Arrow has them.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from spark_app import schemas
from spark_app.frames.near import mapped

# Rows that are counted at once.
CHUNK = 100_000
# Rows up to which a table is sooner counted in this program than on executors.
SMALL = 300_000


class Chunk(NamedTuple):
    """Rows of whole users: `user` is the place of each row's user among so many, beside it the other columns."""

    user: npt.NDArray[np.int64]
    users: int
    columns: Mapping[str, npt.NDArray]


Count = Callable[[Chunk], npt.NDArray[np.float64]]


def is_small(rows: int) -> bool:
    """Whether so many rows are counted in this program."""
    return rows <= SMALL


def of(rows: DataFrame, count: Count, *, near: bool) -> DataFrame:
    """What `count` says of each user: (users, numbers) for a chunk. The rows have `user`, and no null.

    Their order within a user is that of all columns, from left to right, so that sums repeat to the last digit.
    """
    ordered = rows.repartition("user").sortWithinPartitions(*rows.columns)
    return mapped(ordered, _counting(count), schemas.WIDE, near=near)


def _counting(count: Count) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Runs on the executors."""

    def counting(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for table in whole_users(batches):
            chunk, names = _chunk(table)
            numbers = count(chunk)
            ends = np.arange(chunk.users + 1, dtype=np.int32) * numbers.shape[1]
            values = pa.ListArray.from_arrays(pa.array(ends), pa.array(numbers.ravel()))
            yield pa.record_batch([names, values], names=["user", "values"])

    return counting


def whole_users(batches: Iterator[pa.RecordBatch], size: int = CHUNK) -> Iterator[pa.Table]:
    """Batches in order of user, cut anew: tables of about so many rows, none of which has only a part of a user."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        if not batch.num_rows:
            continue
        if held and sum(one.num_rows for one in held) >= size:
            begin = _begin_of_last(held[-1], batch)
            if begin is not None:
                yield pa.Table.from_batches([*held, batch.slice(0, begin)])
                held, batch = [], batch.slice(begin)
        held.append(batch)
    if held:
        yield pa.Table.from_batches(held)


def _begin_of_last(before: pa.RecordBatch, batch: pa.RecordBatch) -> int | None:
    """Where the last user of a batch begins; None when that was in the batch before, or earlier."""
    last = batch["user"][-1]
    begin = pc.index(batch["user"], last).as_py()
    return None if begin == 0 and before["user"][-1] == last else begin


def _chunk(table: pa.Table) -> tuple[Chunk, pa.Array]:
    """The rows, and the users' ids."""
    whole = table.combine_chunks()
    ids = whole["user"].combine_chunks()
    first = np.ones(len(ids), dtype=bool)
    first[1:] = pc.not_equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False)
    user = np.cumsum(first) - 1
    columns = {name: whole[name].to_numpy() for name in whole.column_names if name != "user"}
    return Chunk(user, int(user[-1]) + 1, columns), ids.filter(pa.array(first))
