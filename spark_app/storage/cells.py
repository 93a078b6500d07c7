"""The text of a cell in a CSV file: of one value, and of whole columns by Arrow. No Spark; the stage `exports` says the
same in Spark's words."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_app import rules

LINE_END = "\r\n"
# A comma, a quote, a line end, white space at either end; an empty text, so that it differs from null. White space is
# what Java has in mind.
QUOTED = r'[",\r\n]|^[ \t\n\x0B\f\r]|[ \t\n\x0B\f\r]\z|^\z'
_PYTHON_QUOTED = re.compile(QUOTED.replace(r"\z", r"\Z"))
# Bytes of a time, which is longer than a whole number, and the comma behind it.
_NUMBER = 32
_CHANGED = f"{rules.GUARDED}|{QUOTED}"


def line(row: Sequence[object]) -> str:
    """A row with its end; a float is a DOUBLE, a time has a zone."""
    return ",".join(quoted(plain(cell)) for cell in row) + LINE_END


def plain(cell: object) -> str | None:
    """The value as text, not yet quoted."""
    match cell:
        case str():
            return f"'{cell}" if re.match(rules.GUARDED, cell) else cell
        case float():
            number = float(f"{cell:.8e}") if abs(cell) < 1000 else round(cell, 6)
            return np.format_float_positional(number + 0.0, trim="-")
        case datetime():
            said = cell.astimezone(UTC).replace(tzinfo=None).isoformat()
            return (said.rstrip("0") if "." in said else said) + "Z"
        case _:
            return None if cell is None else str(cell)


def quoted(text: str | None) -> str:
    """The same as it stands in the file."""
    if text is None:
        return ""
    return '"' + text.replace('"', '""') + '"' if _PYTHON_QUOTED.search(text) else text


def ready(table: pa.Table) -> pa.Table:
    """The table with each word of text that comes as codes as it stands in the file; for `lines`."""
    return pa.table({
        name: _ready(column) if pa.types.is_dictionary(column.type) else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    })  # fmt: skip


def lines(table: pa.Table) -> memoryview:
    """The bytes of some rows that are `ready`: of whole numbers, times, and text as codes."""
    *texts, last = [_texts(column.combine_chunks()) for column in table.columns]
    ended = pc.binary_join_element_wise(last, LINE_END, "")
    _, ends, content = pc.binary_join_element_wise(*texts, ended, ",").buffers()
    return memoryview(content)[: int(np.frombuffer(ends, np.int32)[len(table)])]


def longest(table: pa.Table) -> int:
    """Bytes that no line of these rows is longer than; they are `ready`."""
    return sum(map(_longest, table.columns)) + len(LINE_END)


def _longest(column: pa.ChunkedArray) -> int:
    """Of a cell and the comma behind it."""
    if not pa.types.is_dictionary(column.type):
        return _NUMBER
    return 1 + max((pc.max(pc.binary_length(chunk.dictionary)).as_py() or 0 for chunk in column.chunks), default=0)


def _ready(column: pa.ChunkedArray) -> pa.ChunkedArray:
    whole = column.unify_dictionaries()
    if not whole.num_chunks:
        return whole
    words = whole.chunk(0).dictionary
    # What has to be changed is so little that it is changed one by one.
    changed = pc.match_substring_regex(words, _CHANGED)
    if pc.any(changed).as_py():
        told = [quoted(plain(word)) for word in words.filter(changed).to_pylist()]
        words = pc.replace_with_mask(words, changed, pa.array(told, words.type))
    return pa.chunked_array([pa.DictionaryArray.from_arrays(chunk.indices, words) for chunk in whole.chunks])


def _texts(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        return pc.fill_null(column.dictionary.take(column.indices), "")
    if not pa.types.is_timestamp(column.type):
        return pc.fill_null(column.cast(pa.string()), "")
    text = column.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us")).cast(pa.string())
    text = pc.ascii_rtrim(pc.ascii_rtrim(pc.utf8_replace_slice(text, 10, 11, "T"), "0"), ".")
    return pc.fill_null(pc.binary_join_element_wise(text, "Z", ""), "")
