"""The event table and quarantine: rows of a user go, and with them every older version, log and statistics included.

A log names the least and the greatest user of each file, and a removal names whom it removed: so of each table the
newest version alone is left, behind an entry that says nothing of rows. The ledger holds counts and names no user.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

from spark_app import retention
from spark_app.forgetting.receipts import Receipt
from spark_app.forgetting.whom import Raw, Whom
from spark_app.running import failpoints
from spark_app.settings import Settings
from spark_app.storage import history, table_copies, tables
from spark_app.storage.tables import EVENTS, QUARANTINE

_AT_ONCE = 1 << 14


def remove(settings: Settings, whom: Whom, receipt: Receipt) -> bool:
    """Take the user out of both tables, and what both keep of it for older versions; the ledger accounts for it.

    Gives whether older versions of the event table are gone, from which generations could be made again.
    """
    lost = False
    for name in (EVENTS, QUARANTINE):
        if not tables.exists(settings, name):
            continue
        table = tables.opened(settings, name)
        number = _number(table, name, whom)
        receipt.remove(name, number)
        if number:
            _leave(table, _others(table, name, whom))
        failpoints.reach("forget_before_ledger")
        retention.settle(settings)
        if number or receipt.again or _remembers(settings, name, whom):
            _let_go(settings, name, receipt)
            lost |= name == EVENTS
        table_copies.tidy(settings, name)
    return lost


def _number(table: DeltaTable, name: str, whom: Whom) -> int:
    """How many rows are the user's."""
    if name == EVENTS:
        return sum(map(len, tables.where(table, ["user"], pc.field("user") == whom.user)))
    return sum(batch.num_rows for batch in _of(_rows(table), whom))


def _others(table: DeltaTable, name: str, whom: Whom) -> Iterator[pa.RecordBatch]:
    """All other rows."""
    if name == EVENTS:
        return (some.filter(pc.not_equal(some["user"], whom.user)) for some in _rows(table))
    return _of(_rows(table), whom, others=True)


def _rows(table: DeltaTable) -> Iterator[pa.RecordBatch]:
    return iter(table.to_pyarrow_dataset().to_batches(batch_size=_AT_ONCE))


def _leave(table: DeltaTable, rows: Iterator[pa.RecordBatch]) -> None:
    """Write these rows in the place of all: a removal by a condition would have it, and so the user, in the log."""
    reader = pa.RecordBatchReader.from_batches(table.to_pyarrow_dataset().schema, rows)
    write_deltalake(table, reader, mode="overwrite")


def _of(batches: Iterator[pa.RecordBatch], whom: Whom, *, others: bool = False) -> Iterator[pa.RecordBatch]:
    """The raw records that are the user's, or all others."""
    known: dict[str | None, Raw] = {}
    for batch in batches:
        pairs = zip(batch["value"].to_pylist(), batch["header"].to_pylist(), strict=True)
        mine = []
        for value, header in pairs:
            if header not in known:
                known[header] = Raw(whom, header)
            mine.append((value is not None and known[header].is_of(value)) != others)
        if any(mine):
            yield batch.filter(pa.array(mine))


def _remembers(settings: Settings, name: str, whom: Whom) -> bool:
    """Whether a file of an older version, or an entry of the log, holds the user still."""
    folder = tables.path(settings, name)
    idle = sorted(tables.files(settings, name).keys() - history.parts(settings, name))
    table_copies.follow_log(settings, name)
    table_copies.bring(settings, name, idle)
    if any(_is_in(folder / file, name, whom) for file in idle):
        return True
    entries = (path for path in (folder / tables.LOG).glob("*.json") if not path.name.startswith("_"))
    return any(_is_told(json.loads(line), whom) for path in entries for line in path.read_bytes().splitlines())


def _is_told(action: dict[str, Any], whom: Whom) -> bool:
    """Whether an action of the log names the user: by the bounds of a file, or as whom it removed."""
    told = (action.get("commitInfo") or {}).get("operationParameters") or {}
    quoted = whom.user.replace("'", "''")
    if f"'{quoted}'" in str(told.get("predicate", "")):
        return True
    stats = json.loads((action.get("add") or {}).get("stats") or "{}")
    return any((stats.get(bound) or {}).get("user") == whom.user for bound in ("minValues", "maxValues"))


def _is_in(file: Path, name: str, whom: Whom) -> bool:
    with pq.ParquetFile(file) as part:
        if name == QUARANTINE:
            batches = part.iter_batches(_AT_ONCE, columns=["value", "header"])
            return any(batch.num_rows for batch in _of(batches, whom))
        users = (batch.column("user") for batch in part.iter_batches(columns=["user"]))
        return any(pc.any(pc.equal(some.cast(pa.string()), whom.user)).as_py() for some in users)


def _let_go(settings: Settings, name: str, receipt: Receipt) -> None:
    """Leave the newest version alone of a table, behind an entry without a word of rows."""
    gone = tables.files(settings, name).keys() - history.parts(settings, name)
    receipt.note(receipt.deleted, *(f"{name}/{file}" for file in sorted(gone)))
    history.vacuum(settings, name)
    history.remove_checksums(settings, name, gone)
    tables.opened(settings, name).alter.set_table_properties(tables.KEEP_LOG)
    failpoints.reach("forget_before_log")
    newest = tables.version(settings, name)
    entries = history.entries_before(settings, name, newest)
    receipt.note(receipt.deleted, *sorted(f"{name}/{tables.LOG}/{entry}" for entry in entries))
    history.shorten_log(settings, name, entries, newest)
