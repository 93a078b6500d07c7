"""The ledger of batches, written last: what was taken from each partition, and what became of it. No Spark.

A row says that its records are taken; with it, a checkpoint may be lost. read = accepted + duplicates + rejected.
These stay when rows are removed: the event table holds accepted - removed, and quarantine rejected - removed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_app import rules, schemas
from spark_app.intake import records
from spark_app.settings import Settings
from spark_app.storage import tables
from spark_app.storage.tables import BATCHES, EVENTS, QUARANTINE, BatchId

NEW, KEPT, DUPLICATE = "new", "kept", "duplicate"
# Who removes rows, in the place of a source; the partition is the table that they were in.
RETENTION = "retention"
_TEXT, _NUMBER, _TIME = pa.string(), pa.int64(), pa.timestamp("us", "UTC")
_KINDS = {"source": _TEXT, "partition": _TEXT, "sha256": _TEXT, "modified_at": _TIME, "taken_at": _TIME}
_KINDS["rejected"] = pa.map_(_TEXT, _NUMBER)
_SCHEMA = pa.schema([(name, _KINDS.get(name, _NUMBER)) for name in schemas.names(schemas.BATCH)])

# Of each partition, reason and state: how many records, and the bounds of their positions.
Tally = list[dict[str, Any]]


class Counts(NamedTuple):
    """How many records, by what became of them: read = accepted + duplicates + the sum of rejected."""

    read: int
    accepted: int
    duplicates: int
    rejected: dict[str, int]


class Batch(NamedTuple):
    """One micro-batch as the ledger has it."""

    taken_at: datetime
    source: str
    partitions: int
    counts: Counts


def counts(settings: Settings, up_to: int | None = None) -> Counts:
    """Totals of the ledger, up to a version of the event table when given."""
    rows = _read(settings, ["events_version", "read", "accepted", "duplicates", "rejected"])
    if up_to is not None:
        rows = rows.filter(pc.field("events_version") <= up_to)
    found = {reason: pc.sum(pc.map_lookup(rows["rejected"], reason, "first")).as_py() for reason in rules.REASONS}
    total = {name: pc.sum(rows[name]).as_py() or 0 for name in ("read", "accepted", "duplicates")}
    return Counts(**total, rejected={reason: number for reason, number in found.items() if number})


def removed(settings: Settings, table: str = EVENTS) -> int:
    """Events that were taken out of the event table again, or records out of quarantine that nobody judges any more."""
    rows = _read(settings, ["source", "partition", "removed"])
    mine = rows.filter((pc.field("source") == RETENTION) & (pc.field("partition") == table))
    return pc.sum(mine["removed"]).as_py() or 0


def is_cut_short(settings: Settings, known: Counts | None = None) -> bool:
    """Whether the tables hold records that are not counted here: a batch that did not reach its end.

    `known` are the counts, where they are at hand.
    """
    known = known or counts(settings)
    held = known.accepted - removed(settings)
    rejected = sum(known.rejected.values()) - removed(settings, QUARANTINE)
    return tables.rows(settings, EVENTS) != held or tables.rows(settings, QUARANTINE) != rejected


def taken_files(settings: Settings) -> dict[str, tuple[int, datetime, str]]:
    """Partition -> (bytes, modified_at, sha256) of every file that was taken."""
    rows = _read(settings, ["source", "partition", "bytes", "modified_at", "sha256"])
    # Without a checksum it is a correction, as by a replay.
    files = rows.filter((pc.field("source") == records.FILES) & pc.field("sha256").is_valid())
    return {
        row["partition"]: (row["bytes"], row["modified_at"].astimezone(UTC), row["sha256"]) for row in files.to_pylist()
    }


def next_positions(settings: Settings, source: str) -> dict[str, int]:
    """Partition of a topic -> the first offset that was not taken yet."""
    rows = _read(settings, ["source", "partition", "to"])
    mine = rows.filter(pc.field("source") == source).group_by("partition").aggregate([("to", "max")])
    return dict(zip(mine["partition"].to_pylist(), mine["to_max"].to_pylist(), strict=True))


def taken_since(settings: Settings, version: int) -> pa.Table:
    """Where the records are that were taken after a version of the event table, and at which version they were.

    source, partition, from, to, events_version; records that left quarantine since are not among them.
    """
    rows = _read(settings, ["source", "partition", "from", "to", "events_version", "read"])
    return rows.filter((pc.field("read") > 0) & (pc.field("events_version") > version)).drop_columns("read")


def batches(settings: Settings, since: datetime, *, least: int = 0) -> list[Batch]:
    """Micro-batches that were taken since then, the newest first, and so many at least, where there are; no removal."""
    rows = _read(settings, ["taken_at", "source", "read", "accepted", "duplicates", "rejected"])
    rows = rows.filter(pc.field("source") != RETENTION)
    newest = np.unique(rows["taken_at"].cast(pa.int64()).to_numpy())[-least:] if least else ()
    first = min([pa.scalar(since, _TIME).cast(pa.int64()).as_py(), *newest[:1]])
    rows = rows.filter(pc.field("taken_at").cast(pa.int64()) >= first).sort_by([("taken_at", "descending")])
    groups: dict[tuple[datetime, str], list[dict[str, Any]]] = {}
    for row in rows.to_pylist():
        row["rejected"] = dict(row["rejected"] or [])
        groups.setdefault((row["taken_at"], row["source"]), []).append(row)
    return [Batch(when.astimezone(UTC), source, len(part), _summed(part)) for (when, source), part in groups.items()]


def account(settings: Settings, tally: Tally, files: Mapping[str, Mapping[str, Any]], batch: BatchId | None) -> Counts:
    """Write the rows of a batch, unless the batch is named and was written before; gives its counts.

    `files` gives bytes, modified_at and sha256 by partition; a file without records has a row too.
    """
    rows = _rows(tally, files, tables.version(settings))
    if rows:
        tables.append(settings, BATCHES, pa.Table.from_pylist(rows, _SCHEMA), batch)
    return _summed(rows)


def correct(settings: Settings, released: Iterable[Mapping[str, Any]], batch: BatchId) -> None:
    """Count records that left quarantine, once: one less rejected, one more accepted or a duplicate, none read.

    `released`: source, partition, the `reason` that they had, their `state` now, and how many `records`.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for part in released:
        key = (part["source"], part["partition"])
        row = rows.setdefault(key, _row(*key))
        row["rejected"][part["reason"]] = row["rejected"].get(part["reason"], 0) - part["records"]
        row["duplicates" if part["state"] == DUPLICATE else "accepted"] += part["records"]
    same = {"events_version": tables.version(settings), "taken_at": datetime.now(UTC)}
    if rows:
        tables.append(settings, BATCHES, pa.Table.from_pylist([row | same for row in rows.values()], _SCHEMA), batch)


def write_off(settings: Settings, removed: int, table: str = EVENTS) -> None:
    """Count rows that were taken out of the event table, or of quarantine; what was read stays as it was."""
    same = {"events_version": tables.version(settings), "taken_at": datetime.now(UTC)}
    row = _row(RETENTION, table) | {"removed": removed} | same
    tables.append(settings, BATCHES, pa.Table.from_pylist([row], _SCHEMA), None)


def moved(tally: Tally, doubles: Iterable[tuple[str, str, int]]) -> Tally:
    """The tally with the doubles, given by their places, moved from new to duplicate."""
    by_partition = Counter(place[:2] for place in doubles)
    parts = []
    for part in tally:
        double = by_partition.get((part["source"], part["partition"]), 0)
        if double and part["reason"] is None and part["state"] == NEW:
            parts.append(part | {"records": double, "state": DUPLICATE})
            part = part | {"records": part["records"] - double}
        if part["records"]:
            parts.append(part)
    return parts


def _rows(
    tally: Sequence[Mapping[str, Any]], files: Mapping[str, Mapping[str, Any]], events_version: int
) -> list[dict[str, Any]]:
    """One row for each partition; a file without records has one too."""
    rows = {(records.FILES, partition): _row(records.FILES, partition) for partition in files}
    for part in tally:
        key = (part["source"], part["partition"])
        row = rows.setdefault(key, _row(*key) | {"from": part["first"], "to": part["last"] + 1})
        _count(row, part)
    same = {"events_version": events_version, "taken_at": datetime.now(UTC)}
    return [row | dict(files.get(partition, {})) | same for (_, partition), row in sorted(rows.items())]


def _row(source: str, partition: str) -> dict[str, Any]:
    counted = {"from": 0, "to": 0, "read": 0, "accepted": 0, "duplicates": 0, "rejected": {}, "removed": 0}
    described = dict.fromkeys(("bytes", "modified_at", "sha256"))
    return {"source": source, "partition": partition} | counted | described


def _count(row: dict[str, Any], part: Mapping[str, Any]) -> None:
    """Add a group of records to the row of their partition."""
    row["from"], row["to"] = min(row["from"], part["first"]), max(row["to"], part["last"] + 1)
    row["read"] += part["records"]
    if part["reason"] is not None:
        row["rejected"][part["reason"]] = row["rejected"].get(part["reason"], 0) + part["records"]
    elif part["state"] == DUPLICATE:
        row["duplicates"] += part["records"]
    else:
        row["accepted"] += part["records"]


def _summed(rows: Sequence[Mapping[str, Any]]) -> Counts:
    rejected: dict[str, int] = {}
    for row in rows:
        for reason, number in row["rejected"].items():
            rejected[reason] = rejected.get(reason, 0) + number
    total = {name: sum(row[name] for row in rows) for name in ("read", "accepted", "duplicates")}
    return Counts(**total, rejected=rejected)


def _read(settings: Settings, columns: list[str]) -> pa.Table:
    """Columns of the ledger; null where one was not there yet when the ledger was written."""
    if not tables.exists(settings, BATCHES):
        return _SCHEMA.empty_table().select(columns)
    rows = tables.opened(settings, BATCHES).to_pyarrow_dataset()
    there = set(rows.schema.names)
    absent = {name: pc.scalar(pa.scalar(None, _SCHEMA.field(name).type)) for name in columns if name not in there}
    return rows.to_table(columns={name: absent.get(name, pc.field(name)) for name in columns})
