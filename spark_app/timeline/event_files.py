"""The files of the event table by Arrow, without Spark: what the log says of them, and their rows, a million at a time.

Files are read side by side; text comes as codes. Who reads keeps little of a row, so memory is bounded.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from spark_app.storage.tables import DamagedError
from spark_app.timeline import coded, spans
from spark_app.timeline.spans import Stretch

# What says who turned to what.
MET = ("user", "product", "event_type", "quantity", "occurred_at")
# Up to so many events one process counts by itself: Spark takes longer to begin, and from here on has more to give.
ALONE = 30_000_000
# The API has no Spark: beyond this it says so.
MOST_SERVED = 2 * ALONE
_NUMBERS = {"quantity", "occurred_at"}
_ROWS_AT_ONCE = 1 << 20
_MOST_THREADS = 4
Made = TypeVar("Made")


class Met(NamedTuple):
    """The rows of a batch that turn a user to a product: their places, and who, what and when."""

    places: npt.NDArray[np.int64]
    user: pa.DictionaryArray
    product: pa.DictionaryArray
    at: npt.NDArray[np.int64]


def extent(table: DeltaTable) -> Stretch | None:
    """From the oldest event to a second behind the newest, by the statistics of the files; None when it is empty."""
    parts = _added(table)
    known = {"min.occurred_at", "max.occurred_at"} <= set(parts.column_names)
    if not known or parts["min.occurred_at"].null_count or parts["max.occurred_at"].null_count:
        found = pc.min_max(table.to_pyarrow_dataset().to_table(columns=["occurred_at"])["occurred_at"]).as_py()
    else:
        found = {name: getattr(pc, name)(parts[f"{name}.occurred_at"]).as_py() for name in ("min", "max")}
    if found["min"] is None:
        return None
    # Statistics are of whole milliseconds, so seconds are what can be told.
    oldest, newest = (spans.micros(found[name]) // spans.SECOND * spans.SECOND for name in ("min", "max"))
    return Stretch(oldest, newest + spans.SECOND)


def number(table: DeltaTable, wanted: Stretch) -> int:
    """How many events there are at the most in a stretch, by the statistics of the files, or by those without any.

    DamagedError names a file that cannot be read.
    """
    told = {file: part["num_records"] for file, part in _files(table).items() if meet(_held(part), wanted)}
    return sum(_rows(file) if rows is None else rows for file, rows in told.items())


def held(table: DeltaTable) -> dict[str, Stretch | None]:
    """File -> from its oldest event to behind its newest, where the table knows."""
    return {file: _held(part) for file, part in _files(table).items()}


def meet(held: Stretch | None, wanted: Stretch) -> bool:
    """Whether what a file holds may be wanted."""
    return held is None or (held.start < wanted.end and wanted.start < held.end)


def read(files: Mapping[str, Sequence[str]], work: Callable[[pa.RecordBatch], Made]) -> dict[str, list[Made]]:
    """What `work` makes of the rows of each file, from the columns named with it; a million rows at a time, in order.

    DamagedError names a file that cannot be read.
    """
    made: dict[str, list[Made]] = {file: [] for file in files}
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS)) as threads:
        tasks = [(file, group, columns) for file, columns in files.items() for group in range(_groups(file))]
        found = threads.map(lambda task: [work(rows) for rows in _batches(*task)], tasks)
        for (file, *_), parts in zip(tasks, found, strict=True):
            made[file].extend(parts)
    return made


def turned(rows: pa.RecordBatch, turning: Collection[str], within: Stretch | None = None) -> Met:
    """The rows whose type is one of these, as recency.py has it, in a stretch of time where one is named."""
    at, product, kind = times(rows), coded.encoded(rows["product"]), coded.encoded(rows["event_type"])
    quantity = pc.fill_null(rows["quantity"], 0.0).to_numpy(zero_copy_only=False)
    turns = np.append(np.isin(kind.dictionary.to_pylist(), sorted(turning)), False)
    counts = (quantity > 0) & turns[coded.codes(kind)] & (coded.codes(product) >= 0)
    if within:
        counts &= (at >= within.start) & (at < within.end)
    places = np.flatnonzero(counts)
    return Met(places, coded.some(coded.encoded(rows["user"]), places), coded.some(product, places), at[places])


def only(met: Met, users: pa.Array) -> Met:
    """Those of some users."""
    wanted = pc.is_in(met.user.dictionary, value_set=users).to_numpy(zero_copy_only=False)
    places = np.flatnonzero(np.append(wanted, False)[coded.codes(met.user)])
    return Met(met.places[places], coded.some(met.user, places), coded.some(met.product, places), met.at[places])


def times(rows: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """When each event happened, in microseconds since 1970."""
    micros = rows["occurred_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return np.asarray(micros.to_numpy(zero_copy_only=False))


def _added(table: DeltaTable) -> pa.Table:
    """What the log says of each file."""
    return pa.table(table.get_add_actions(flatten=True))


def _files(table: DeltaTable) -> dict[str, dict[str, Any]]:
    """The same, file by file."""
    folder = Path(unquote(str(table.table_uri).removeprefix("file://")))
    return {str(folder / unquote(part["path"])): part for part in _added(table).to_pylist()}


def _held(part: dict[str, Any]) -> Stretch | None:
    oldest, newest = part.get("min.occurred_at"), part.get("max.occurred_at")
    if oldest is None or newest is None:
        return None
    return Stretch(spans.micros(oldest), spans.micros(newest) + spans.SECOND)


def _rows(file: str) -> int:
    with _opened(file) as part:
        return int(part.metadata.num_rows)


def _groups(file: str) -> int:
    with _opened(file) as part:
        return int(part.num_row_groups)


def _batches(file: str, group: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """A row group, so many rows at a time."""
    with _opened(file, columns) as part:
        yield from part.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=[*columns], use_threads=False)


@contextmanager
def _opened(file: str, columns: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
    """With these columns, or DamagedError."""
    texts = [name for name in columns if name not in _NUMBERS]
    try:
        told = pq.read_metadata(file, memory_map=True)
        there = {told.schema.column(place).path for place in range(told.num_columns)}
        if missing := [name for name in columns if name not in there]:
            raise ValueError(f"it has no column {missing[0]}")
        # Spark may have written times as INT96, which are of nanoseconds otherwise.
        with pq.ParquetFile(
            file, metadata=told, read_dictionary=texts, coerce_int96_timestamp_unit="us", memory_map=True
        ) as part:
            yield part
    except (OSError, ValueError) as error:
        raise DamagedError(f"{file} cannot be read: {error}: put it back from a copy") from error
