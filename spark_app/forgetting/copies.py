"""A file without the rows of a user, by its kind: Parquet, Arrow, CSV, JSON. Rows are told by the names of columns.

`user` and `similar_user` hold the shop's id, `id`, `src` and `dst` that of a vertex, `userId` the engine's. What holds
nothing of the user is left as it is, so that it can be linked.
"""

import csv
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spark_app.forgetting.whom import Renamed, Whom
from spark_app.intake import records
from spark_app.storage import cells, disk

_AT_ONCE = 1 << 16
Rows = TypeVar("Rows", pa.RecordBatch, pa.Table)


class Who(NamedTuple):
    """A user by what may stand in a column; `number` is the engine's id in the generation, -1 for none."""

    whom: Whom
    number: int = -1
    names: Mapping[str, str] = {}

    def values(self) -> dict[str, Any]:
        """Column -> what it holds in a row of the user."""
        user, vertex = self.whom.user, self.whom.vertex
        return {
            "user": user, "similar_user": user, "id": vertex, "src": vertex, "dst": vertex,
            **({"userId": self.number} if self.number >= 0 else {}),
        }  # fmt: skip


def rows_of(batch: pa.RecordBatch | pa.Table, who: Who) -> pa.Array | pa.ChunkedArray | None:
    """Which rows are the user's; None where no column tells."""
    found = None
    for name, value in who.values().items():
        if name not in batch.schema.names or _is_text(batch.schema.field(name).type) != isinstance(value, str):
            continue
        column = batch.column(name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        same = pc.fill_null(pc.equal(column, value), False)
        found = same if found is None else pc.or_(found, same)
    return found


def number_in(path: Path, who: Who) -> int:
    """How many rows of the user a file of Parquet or Arrow has."""
    masks = (rows_of(batch, who) for batch in _batches(path, [*who.values()]))
    return sum(pc.sum(mask).as_py() or 0 for mask in masks if mask is not None)


def without(path: Path, target: Path, who: Who) -> int:
    """Write the file without the user at `target`; gives how many rows or strings went, 0 with nothing written."""
    match path.suffix:
        case ".parquet":
            return _parquet(path, target, who)
        case ".arrow":
            return _arrow(path, target, who)
        case ".csv":
            return _csv(path, target, who)
        case ".json":
            return _json(path, target, who)
        case _:
            return 0


def prepared(path: Path, who: Who) -> tuple[Path, int]:
    """The same beside it, not in its place yet: the file aside, and how many went; it is not there when none did."""
    aside = path.with_name(f".{path.name}.without")
    number = without(path, aside, who)
    if number:
        disk.sync(aside)
    return aside, number


def folder(source: Path, target: Path, who: Who, *, leave: frozenset[str] = frozenset()) -> dict[str, int]:
    """Fill `target` with the files of `source` but the user's rows; gives file -> rows that went.

    `leave` are names, directly below, that are not taken over. A file that holds nothing of the user is linked.
    """
    went: dict[str, int] = {}
    for path in sorted(source.rglob("*")):
        place = path.relative_to(source)
        if path.is_dir() or place.parts[0] in leave or path.suffix == ".crc":
            continue
        new = target / place
        new.parent.mkdir(parents=True, exist_ok=True)
        if number := without(path, new, who):
            went[str(place)] = number
            disk.sync(new)
        else:
            _link(path, new)
    return went


def put(path: Path, content: bytes, *, modified_ns: int) -> None:
    """Write a file aside and let it have its name; with the time that it had."""
    aside = path.with_name(f".{path.name}.without")
    aside.write_bytes(content)
    os.utime(aside, ns=(modified_ns, modified_ns))
    disk.sync(aside)
    aside.replace(path)
    disk.sync(path.parent)


def _link(path: Path, new: Path) -> None:
    try:
        os.link(path, new)
    except OSError:
        shutil.copy2(path, new)


def _batches(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".arrow":
        with pa.memory_map(str(path)) as mapped:
            file = pa.ipc.open_file(mapped)
            yield from (file.get_batch(number) for number in range(file.num_record_batches))
        return
    with pq.ParquetFile(path) as file:
        there = [name for name in columns if name in file.schema_arrow.names]
        if there:
            yield from file.iter_batches(_AT_ONCE, columns=there)


def _others(rows: Rows, who: Who) -> Rows:
    """Without those of the user."""
    mask = rows_of(rows, who)
    return rows if mask is None else rows.filter(pc.invert(mask))


def _parquet(path: Path, target: Path, who: Who) -> int:
    """Row group by row group; times as INT96 stay microseconds, which is what Spark reads."""
    number = number_in(path, who)
    if not number:
        return 0
    with (
        pq.ParquetFile(path, coerce_int96_timestamp_unit="us") as file,
        pq.ParquetWriter(target, file.schema_arrow, compression="snappy") as writer,
    ):
        for group in range(file.num_row_groups):
            writer.write_table(_others(file.read_row_group(group), who))
    return number


def _arrow(path: Path, target: Path, who: Who) -> int:
    number = number_in(path, who)
    if not number:
        return 0
    with pa.memory_map(str(path)) as mapped:
        file = pa.ipc.open_file(mapped)
        with pa.ipc.new_file(target, file.schema) as writer:
            for place in range(file.num_record_batches):
                writer.write_batch(_others(file.get_batch(place), who))
    return number


def _csv(path: Path, target: Path, who: Who) -> int:
    """Lines stay as they are, byte for byte; a header says which cells tell."""
    header = records.header_of(str(path))
    if header is None:
        return 0
    values = {name: value for name, value in who.values().items() if isinstance(value, str)}
    wanted = [(place, cells.plain(values[name])) for place, name in enumerate(_row(header)) if name in values]
    inside = who.whom.user.replace('"', '""').encode(errors="surrogatepass")
    if not wanted or not _holds(path, inside):
        return 0
    number, end = 0, cells.LINE_END.encode()
    with target.open("wb") as file:
        file.write(header.rstrip("\r\n").encode() + end)
        for record in records.read(str(path), has_header=True):
            if inside in record and _is_row(record, wanted):
                number += 1
            else:
                file.write(record + end)
    if not number:
        target.unlink()
    return number


def _is_row(record: bytes, wanted: list[tuple[int, str | None]]) -> bool:
    row = _row(record.decode(errors="replace"))
    return any(place < len(row) and row[place] == value for place, value in wanted)


def _row(text: str) -> list[str]:
    return next(csv.reader(io.StringIO(text, newline="")), [])


def _holds(path: Path, needle: bytes) -> bool:
    """Whether a file has these bytes, read in portions that overlap."""
    with path.open("rb") as file:
        before = b""
        while some := file.read(1 << 24):
            if needle in before + some:
                return True
            before = some[-len(needle) :]
    return False


def _json(path: Path, target: Path, who: Who) -> int:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return 0
    now = Renamed(who.whom.user, who.names).of(said)
    if now == said:
        return 0
    target.write_text(json.dumps(now, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
