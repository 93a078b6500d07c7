"""Where the Delta tables are, what can be known of them without Spark, and how a few rows are added."""

import re
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import DeltaError

from spark_app.running.errors import SaidError
from spark_app.settings import Settings
from spark_app.storage import bucket

LOG = "_delta_log"
EVENTS, QUARANTINE, BATCHES = "events", "quarantine", "batches"
# Each small batch adds a small file; so many become one.
COMPACTED_AFTER = 64
# By age alone, Delta's own cleaning takes the log of versions that a kept generation needs; retention does it instead.
KEEP_LOG = {"delta.enableExpiredLogCleanup": "false"}
Read = TypeVar("Read")
_ENTRY = re.compile(r"\d{20}\.json$")
_SMALL_FILE, _WHOLE_FILE = 4_000_000, 32_000_000


class DamagedError(SaidError, RuntimeError):
    """A table cannot be read as it was written; the message names what is missing."""


class BatchId(NamedTuple):
    """Names a micro-batch: the same after a restart, so that a write that was made is not made again."""

    query: str
    number: int

    def of(self, partitions: Iterable[str]) -> "BatchId":
        """Names a part of it, by what is in it."""
        content = "\n".join(partitions)
        return BatchId(f"{self.query}:{sha256(content.encode()).hexdigest()[:16]}", self.number)


def path(settings: Settings, name: str) -> Path:
    """The folder of a table, absolute; of one in a bucket that of its copy."""
    return (settings.data_dir / name).absolute()


def uri(settings: Settings, name: str) -> str:
    """Where a table is, as Spark and the Delta library call it."""
    return settings.told(path(settings, name))


def options(settings: Settings) -> dict[str, str] | None:
    """What the Delta library has to know of a bucket; credentials it finds itself."""
    if not settings.s3.endpoint:
        return None
    return {"AWS_ENDPOINT_URL": settings.s3.endpoint, "AWS_ALLOW_HTTP": "true"}


def opened(settings: Settings, name: str, version: int | None = None) -> DeltaTable:
    """A table where it is, as it is now or was at a version."""
    return DeltaTable(uri(settings, name), version=version, storage_options=options(settings))


def exists(settings: Settings, name: str) -> bool:
    """Whether anything was written to it."""
    folder = path(settings, name)
    if settings.place(folder) is None and not (folder / LOG).exists():
        return False
    return DeltaTable.is_deltatable(uri(settings, name), options(settings))


def version(settings: Settings, name: str = EVENTS) -> int:
    """Its newest version; -1 when there is none."""
    return opened(settings, name).version() if exists(settings, name) else -1


def newest_entry(settings: Settings, name: str = EVENTS) -> str:
    """The newest name in its log, "" when there is none; OSError. It changes with the version, and opens nothing."""
    return max((entry for entry in log(settings, name) if _ENTRY.match(entry)), default="")


def written_at(settings: Settings, name: str) -> float | None:
    """When its newest version was written, in seconds since 1970; None when there is none, or its entry is gone."""
    entry = path(settings, name) / LOG / f"{version(settings, name):020}.json"
    if place := settings.place(entry):
        found = bucket.entry(place)
        return found and found.modified_at.timestamp()
    return entry.stat().st_mtime if entry.exists() else None


def log(settings: Settings, name: str) -> list[str]:
    """The names in its log; none when there is none."""
    folder = path(settings, name) / LOG
    if place := settings.place(folder):
        return list(bucket.listed(place))
    try:
        return [entry.name for entry in folder.iterdir()]
    except FileNotFoundError:
        return []


def remove_from_log(settings: Settings, name: str, entries: Iterable[str]) -> None:
    """Remove files from its log."""
    folder = path(settings, name) / LOG
    if place := settings.place(folder):
        bucket.remove_all(place, entries)
        return
    for entry in entries:
        (folder / entry).unlink()


def where(table: DeltaTable, columns: list[str], filter: pc.Expression) -> Iterator[pa.Table]:
    """Columns of the rows that pass, portion by portion.

    Filtered once they are read: in a file that a removal has rewritten, text is of a kind (string_view) with whose
    bounds pyarrow compares nothing, and a filter that is handed to it fails.
    """
    for batch in table.to_pyarrow_dataset().to_batches(columns=columns):
        yield pa.Table.from_batches([batch]).filter(filter)


def scan(settings: Settings, name: str, columns: list[str]) -> pa.Table:
    """Columns of it; empty when nothing was written yet."""
    if not exists(settings, name):
        return pa.table({column: pa.array([], pa.string()) for column in columns})
    return opened(settings, name).to_pyarrow_dataset().to_table(columns=columns)


def rows(settings: Settings, name: str) -> int:
    """How many rows it has, by the statistics of its parts: they are not read."""
    if not exists(settings, name):
        return 0
    parts = pa.table(opened(settings, name).get_add_actions())
    return pc.sum(parts["num_records"]).as_py() or 0


def ensure_whole(settings: Settings, name: str, version: int) -> None:
    """Every file of this version has to be there, as long as it was written; raises DamagedError."""
    if version < 0:
        return
    where = uri(settings, name)
    try:
        parts = pa.table(opened(settings, name, version).get_add_actions()).select(["path", "size_bytes"]).to_pylist()
    except (DeltaError, FileNotFoundError) as error:
        raise DamagedError(f"version {version} of {where} cannot be read: {error}") from error
    there = _sizes(settings, name, [unquote(part["path"]) for part in parts])
    for part in parts:
        file, size = unquote(part["path"]), there.get(unquote(part["path"]))
        if size is None:
            raise DamagedError(f"{where}/{file} is gone, and with it events that were taken: put it back from a copy")
        if size != part["size_bytes"]:
            sizes = f"{size:,} bytes, and {part['size_bytes']:,} were written"
            raise DamagedError(f"{where}/{file} has {sizes}: put it back from a copy")


def files(settings: Settings, name: str) -> dict[str, int]:
    """Every file of rows in its folder, also of versions that are not needed any more, and its bytes."""
    folder = path(settings, name)
    if place := settings.place(folder):
        there = {file: entry.bytes for file, entry in bucket.listed(place).items()}
        return {file: size for file, size in there.items() if file.endswith(".parquet") and "/" not in file}
    return {file.name: file.stat().st_size for file in folder.glob("[!._]*.parquet")}


def _sizes(settings: Settings, name: str, files: Iterable[str]) -> dict[str, int]:
    """Bytes of those that are there."""
    folder = path(settings, name)
    if place := settings.place(folder):
        return {file: entry.bytes for file, entry in bucket.listed(place).items()}
    return {file: (folder / file).stat().st_size for file in files if (folder / file).exists()}


def read_again(settings: Settings, read: Callable[[], Read], name: str = EVENTS) -> Read:
    """What `read` gives; once more where files are gone and a newer version has taken their place meanwhile.

    So it is beside `retention`, which removes files as soon as none of the versions that are kept needs them.
    """
    before = version(settings, name)
    try:
        return read()
    except (DamagedError, FileNotFoundError):
        if version(settings, name) == before:
            raise
        return read()


def last_batch(settings: Settings, name: str, query: str) -> int:
    """The number of the newest batch of a query that was written to it; -1 when there is none."""
    if not exists(settings, name):
        return -1
    known = opened(settings, name).transaction_version(query)
    return -1 if known is None else int(known)


def append(settings: Settings, name: str, rows: pa.Table, batch: BatchId | None) -> None:
    """Add a few rows under the batch's name, unless they were added before; without one nothing is skipped."""
    if batch and last_batch(settings, name, batch.query) >= batch.number:
        return
    named = [Transaction(batch.query, batch.number)] if batch else []
    properties = CommitProperties(app_transactions=named)
    wider: Literal["merge"] | None = "merge" if name == BATCHES else None
    write_deltalake(
        uri(settings, name), rows, mode="append", schema_mode=wider, commit_properties=properties,
        configuration=None if exists(settings, name) else KEEP_LOG, storage_options=options(settings),
    )  # fmt: skip
    _compact(opened(settings, name))


def _compact(table: DeltaTable) -> None:
    """Make one file of many small ones; readers of an older version keep theirs."""
    sizes = pa.table(table.get_add_actions())["size_bytes"]
    if pc.sum(pc.less(sizes, _SMALL_FILE)).as_py() > COMPACTED_AFTER:
        table.optimize.compact(target_size=_WHOLE_FILE)
