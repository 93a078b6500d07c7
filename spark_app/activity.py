"""The event table by Arrow, without Spark: who turned to which product in a range of time, as codes.

Files are read side by side, a million rows at a time and of eight columns; what stays of an event are 13 bytes. What
files say of products is remembered, for a file never changes.
"""
# mypy: allow-untyped-defs, no-check-untyped-defs

import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from spark_app import spans, turnout
from spark_app.arrays import kernel
from spark_app.spans import Range, Stretch
from spark_app.tables import DamagedError
from spark_app.turnout import Codes, Rows

DETAILS = ("name", "brand", "category")
_SAID = [f"product_data.{name}" for name in DETAILS]
_FLAT = ["user", "product", "event_type", "quantity", "occurred_at"]
_TEXTS = ["user", "product", "event_type", *_SAID]
_ROWS_AT_ONCE = 1 << 20
_MOST_THREADS = 4
_TEXT = pa.dictionary(pa.int32(), pa.string())
_EVER_BEFORE = -(1 << 62)


class Words(NamedTuple):
    """Codes with the word of each; -1 is none."""

    codes: Codes
    words: list[str]


class Activity(NamedTuple):
    """Events of a range in order of bucket, how many users there are, and of each product its id and what is said."""

    rows: Rows
    users: int
    products: list[str]
    details: dict[str, Words]


class _Said(NamedTuple):
    """What a part of a file says of products in one field, the newest of each."""

    product: pa.DictionaryArray
    at: np.ndarray
    value: pa.DictionaryArray


class _Part(NamedTuple):
    """Of a part of a file: the events that count, and what is said of products by field."""

    user: pa.DictionaryArray
    product: pa.DictionaryArray
    bucket: Codes
    parts: np.ndarray
    said: dict[str, _Said]


# File -> what its parts say.
Memory = dict[str, list[dict[str, _Said]]]


def extent(table: DeltaTable) -> Stretch | None:
    """From the oldest event to a second behind the newest, by the statistics of the files; None when it is empty."""
    parts = _added(table)
    known = {"min.occurred_at", "max.occurred_at"} <= set(parts.column_names)
    if not parts.num_rows or not pc.sum(parts["num_records"]).as_py():
        return None
    if not known or parts["min.occurred_at"].null_count or parts["max.occurred_at"].null_count:
        found = pc.min_max(table.to_pyarrow_dataset().to_table(columns=["occurred_at"])["occurred_at"]).as_py()
    else:
        found = {name: getattr(pc, name)(parts[f"{name}.occurred_at"]).as_py() for name in ("min", "max")}
    # Statistics are of whole milliseconds, so seconds are what can be told.
    oldest, newest = (spans.micros(found[name]) // spans.SECOND * spans.SECOND for name in ("min", "max"))
    return Stretch(oldest, newest + spans.SECOND)


def number(table: DeltaTable, wanted: Stretch) -> int:
    """How many events there are at the most in a stretch, by the statistics of the files."""
    parts = _added(table).to_pylist()
    return sum(part["num_records"] or 0 for part in parts if _meet(_held(part), wanted))


def read(table: DeltaTable, range_: Range, turning: Collection[str], memory: Memory | None = None) -> Activity:
    """Who turned to what in a range, by events of these types. DamagedError names a file that cannot be read."""
    memory = {} if memory is None else memory
    files = _files(table)
    for gone in memory.keys() - files.keys():
        del memory[gone]
    wanted = [file for file, held in files.items() if file not in memory or _meet(held, range_.read)]
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS)) as threads:
        tasks = [(file, group, file not in memory) for file in wanted for group in range(_groups(file))]
        found = list(threads.map(lambda task: list(_parts(task[0], task[1], task[2], range_, turning)), tasks))
    for (file, _, is_new), parts in zip(tasks, found, strict=True):
        if is_new:
            memory.setdefault(file, []).extend(part.said for part in parts)
    said = [some for parts in memory.values() for some in parts]
    return _joined([part for parts in found for part in parts], said, range_.buckets)


def _added(table: DeltaTable) -> pa.Table:
    """What the log says of each file."""
    return pa.table(table.get_add_actions(flatten=True))


def _files(table: DeltaTable) -> dict[str, Stretch | None]:
    """File -> from its oldest event to behind its newest, where the table knows."""
    folder = Path(unquote(str(table.table_uri).removeprefix("file://")))
    parts = _added(table).to_pylist()
    return {str(folder / unquote(part["path"])): _held(part) for part in parts}


def _held(part: dict[str, Any]) -> Stretch | None:
    oldest, newest = part.get("min.occurred_at"), part.get("max.occurred_at")
    if oldest is None or newest is None:
        return None
    return Stretch(spans.micros(oldest), spans.micros(newest) + spans.SECOND)


def _meet(held: Stretch | None, wanted: Stretch) -> bool:
    return held is None or (held.start < wanted.end and wanted.start < held.end)


def _groups(file: str) -> int:
    with _opened(file) as part:
        return int(part.num_row_groups)


def _parts(file: str, group: int, describes: bool, range_: Range, turning: Collection[str]) -> Iterator[_Part]:
    """A row group, so many rows at a time."""
    columns = _FLAT + _SAID * describes
    with _opened(file) as part:
        for rows in part.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=columns, use_threads=False):
            yield _part(rows, range_, turning, describes)


@contextmanager
def _opened(file: str) -> Iterator[pq.ParquetFile]:
    try:
        # Spark may have written times as INT96, which are of nanoseconds otherwise.
        with pq.ParquetFile(file, read_dictionary=_TEXTS, coerce_int96_timestamp_unit="us", memory_map=True) as part:
            yield part
    except (OSError, ValueError, KeyError) as error:
        raise DamagedError(f"{file} cannot be read: {error}: put it back from a copy") from error


def _part(rows: pa.RecordBatch, range_: Range, turning: Collection[str], describes: bool) -> _Part:
    times = rows["occurred_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy(zero_copy_only=False)
    quantity = pc.fill_null(rows["quantity"], 0.0).to_numpy(zero_copy_only=False)
    product, kind = _encoded(rows["product"]), _encoded(rows["event_type"])
    turns = np.append(np.isin(kind.dictionary.to_pylist(), sorted(turning)), False)
    first, behind = range_.read
    counts = (times >= first) & (times < behind) & (quantity > 0) & turns[_codes(kind)] & (_codes(product) >= 0)
    kept = np.flatnonzero(counts)
    return _Part(
        _some(_encoded(rows["user"]), kept), _some(product, kept), *turnout.placed(times[kept], range_),
        _said(rows, product, times) if describes else {},
    )  # fmt: skip


def _said(rows: pa.RecordBatch, product: pa.DictionaryArray, times: np.ndarray) -> dict[str, _Said]:
    """The newest that is said of each product, field by field; at one time the last in order."""
    said = {}
    for name in DETAILS:
        value = _encoded(pc.struct_field(rows["product_data"], name))
        best, at = _newest_of(_codes(product), times, value, len(product.dictionary))
        told = np.flatnonzero(best >= 0)
        said[name] = _Said(_coded(told, product.dictionary), at[told], _coded(best[told], value.dictionary))
    return said


def _newest_of(product: Codes, at: np.ndarray, value: pa.DictionaryArray, products: int) -> tuple[Codes, np.ndarray]:
    """(code of the newest value, its time) of each product, -1 where nothing is said."""
    order = pc.array_sort_indices(value.dictionary).to_numpy().astype(np.int32)
    ranks = np.empty(len(order) + 1, np.int32)
    ranks[order], ranks[-1] = np.arange(len(order)), -1
    newest, times = np.full(products, -1, np.int32), np.full(products, _EVER_BEFORE)
    _newest(product, at, ranks[_codes(value)], newest, times)
    return np.append(order, np.int32(-1))[newest], times


@kernel
def _newest(product, at, rank, newest, times):
    for row in range(len(product)):
        one = product[row]
        if one < 0 or rank[row] < 0 or at[row] < times[one]:
            continue
        if at[row] > times[one] or rank[row] > newest[one]:
            newest[one], times[one] = rank[row], at[row]


def _joined(parts: list[_Part], said: list[dict[str, _Said]], buckets: int) -> Activity:
    """All parts under the same codes."""
    users, user_words = _unified([part.user for part in parts])
    named = [some[name] for name in DETAILS for some in said if some]
    products, words = _unified([part.product for part in parts] + [one.product for one in named])
    met = sum(len(part.product) for part in parts)
    bucket, bits = _together([part.bucket for part in parts]), _together([part.parts for part in parts])
    rows = turnout.in_order(Rows(users, products[:met], bucket, bits.astype(np.uint8, copy=False)), buckets)
    details, begin = {}, met
    for name in DETAILS:
        told = [some[name] for some in said if some]
        end = begin + sum(len(one.product) for one in told)
        details[name] = _described(products[begin:end], told, len(words))
        begin = end
    return Activity(rows, len(user_words), words.to_pylist(), details)


def _described(product: Codes, said: list[_Said], products: int) -> Words:
    codes, words = _unified([one.value for one in said])
    value = _coded(codes, words)
    newest, _ = _newest_of(product, _together([one.at for one in said]), value, products)
    return Words(newest, words.to_pylist())


def _unified(arrays: Sequence[pa.DictionaryArray]) -> tuple[Codes, pa.Array]:
    """(codes, words) of several columns one after the other."""
    column = pa.chunked_array(arrays, _TEXT).unify_dictionaries()
    words = column.chunk(0).dictionary if column.num_chunks else pa.array([], pa.string())
    return _together([_codes(chunk) for chunk in column.chunks]), words


def _together(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(arrays) if arrays else np.empty(0, np.int32)


def _encoded(column: pa.Array) -> pa.DictionaryArray:
    """With codes of 32 bits."""
    found = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return found.cast(_TEXT)


def _some(column: pa.DictionaryArray, places: np.ndarray) -> pa.DictionaryArray:
    return _coded(_codes(column)[places], column.dictionary)


def _coded(codes: np.ndarray, words: pa.Array) -> pa.DictionaryArray:
    codes = codes.astype(np.int32, copy=False)
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), words)


def _codes(column: pa.DictionaryArray) -> Codes:
    """-1 where it is null."""
    indices = column.indices
    return (indices.fill_null(-1) if indices.null_count else indices).to_numpy()
