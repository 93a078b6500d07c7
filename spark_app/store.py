"""The event, quarantine and batch tables: what is written, in which order, and what they hold.

A batch writes its events, then its rejected records, then its rows of the ledger (`batches`), which make it taken.
When the tables hold more than the ledger says, a batch was cut short: its records are then found again by their
place (source, partition, position), counted, and not written a second time. So a checkpoint may be lost without loss.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app import failpoints, records, rules, schemas
from spark_app.event_ids import EventIds, Hashes
from spark_app.settings import Settings

Place = tuple[str, str, int]
Tally = list[dict[str, Any]]

EVENTS, QUARANTINE, BATCHES = "events", "quarantine", "batches"
_SCHEMAS = {EVENTS: schemas.EVENT, QUARANTINE: schemas.QUARANTINE, BATCHES: schemas.BATCH}
_PLACE = ["source", "partition", "position"]
_TEXT, _NUMBER, _TIME = pa.string(), pa.int64(), pa.timestamp("us", "UTC")
_KINDS = {"source": _TEXT, "partition": _TEXT, "sha256": _TEXT, "modified_at": _TIME, "taken_at": _TIME}
_KINDS["rejected"] = pa.map_(_TEXT, _NUMBER)
_LEDGER = pa.schema([(name, _KINDS.get(name, _NUMBER)) for name in schemas.names(schemas.BATCH)])
_NEW, _KEPT, _DUPLICATE = "new", "kept", "duplicate"


class BatchId(NamedTuple):
    """Names a micro-batch: the same after a restart, so that a write that was made is not made again."""

    query: str
    number: int

    def of(self, partitions: Iterable[str]) -> "BatchId":
        """Names a part of it, by what is in it."""
        content = "\n".join(partitions)
        return BatchId(f"{self.query}:{sha256(content.encode()).hexdigest()[:16]}", self.number)


class Counts(NamedTuple):
    """How many records, by what became of them: read = accepted + duplicates + the sum of rejected."""

    read: int
    accepted: int
    duplicates: int
    rejected: dict[str, int]


def read(spark: SparkSession, settings: Settings, name: str, version: int | None = None) -> DataFrame:
    """A table as it is now, or as it was at a version; empty when nothing was written yet."""
    if not _exists(settings, name):
        return spark.createDataFrame([], _SCHEMAS[name])
    reader = spark.read.format("delta")
    return (reader if version is None else reader.option("versionAsOf", version)).load(str(_path(settings, name)))


def scan(settings: Settings, name: str, columns: list[str]) -> pa.Table:
    """Columns of a table without Spark; empty when nothing was written yet."""
    if not _exists(settings, name):
        return pa.table({column: pa.array([], pa.string()) for column in columns})
    return DeltaTable(_path(settings, name)).to_pyarrow_table(columns=columns)


def version(settings: Settings) -> int:
    """The newest version of the event table; -1 when there is none."""
    return DeltaTable(_path(settings, EVENTS)).version() if _exists(settings, EVENTS) else -1


def counts(settings: Settings, up_to: int | None = None) -> Counts:
    """Totals of the ledger, up to a version of the event table when given."""
    ledger = _ledger(settings, ["events_version", "read", "accepted", "duplicates", "rejected"])
    if up_to is not None:
        ledger = ledger.filter(pc.field("events_version") <= up_to)
    rejected: dict[str, int] = dict.fromkeys(rules.REASONS, 0)
    for reasons in ledger["rejected"].to_pylist():
        for reason, number in reasons or []:
            rejected[reason] += number
    total = {name: pc.sum(ledger[name]).as_py() or 0 for name in ("read", "accepted", "duplicates")}
    return Counts(**total, rejected={reason: number for reason, number in rejected.items() if number})


def taken_files(settings: Settings) -> dict[str, tuple[int, datetime, str]]:
    """Partition -> (bytes, modified_at, sha256) of every file that was taken."""
    ledger = _ledger(settings, ["source", "partition", "bytes", "modified_at", "sha256"])
    files = ledger.filter(pc.field("source") == records.FILES)
    return {
        row["partition"]: (row["bytes"], row["modified_at"].astimezone(UTC), row["sha256"]) for row in files.to_pylist()
    }


def next_positions(settings: Settings, source: str) -> dict[str, int]:
    """Partition of a topic -> the first offset that was not taken yet."""
    ledger = _ledger(settings, ["source", "partition", "to"])
    mine = ledger.filter(pc.field("source") == source).group_by("partition").aggregate([("to", "max")])
    return dict(zip(mine["partition"].to_pylist(), mine["to_max"].to_pylist(), strict=True))


def is_cut_short(settings: Settings) -> bool:
    """Whether the tables hold records that the ledger does not count: a batch that did not reach its end."""
    known = counts(settings)
    return _rows(settings, EVENTS) != known.accepted or _rows(settings, QUARANTINE) != sum(known.rejected.values())


@dataclass
class Memory:
    """What a process remembers of the tables between its batches; built anew after a crash or when others wrote.

    `version` is that of the event table after the last whole batch of this process, None when there is none. Of
    several streams that share a memory, one has its turn at a time.
    """

    ids: EventIds = field(default_factory=EventIds)
    version: int | None = None
    turn: Lock = field(default_factory=Lock)

    def begin(self, settings: Settings, ids: Callable[[], Hashes]) -> None:
        """Be up to date, and know nothing for certain until `end`; `ids` gives the hashes of the event table."""
        if self.version != version(settings):
            self.ids = EventIds(ids())
        self.version = None

    def end(self, settings: Settings, taken: Hashes) -> None:
        """A batch with these ids is whole."""
        self.ids.add(taken)
        self.version = version(settings)


def add(
    judged: DataFrame,
    settings: Settings,
    batch: BatchId,
    *,
    files: Mapping[str, Mapping[str, Any]] | None = None,
    memory: Memory | None = None,
) -> Counts:
    """Keep a batch of judged records: new events, rejected records, and the ledger that accounts for all.

    `files` gives bytes, modified_at and sha256 for each file, by partition; files without a record are in the ledger
    too. `memory` is handed from batch to batch by one who brings several.
    """
    memory = memory or Memory()
    with memory.turn:
        return _add(judged, settings, batch, files or {}, memory)


def _add(
    judged: DataFrame, settings: Settings, batch: BatchId, files: Mapping[str, Mapping[str, Any]], memory: Memory
) -> Counts:
    cut_short = memory.version != version(settings) and is_cut_short(settings)
    writer = _Writer(settings, None if cut_short else batch)
    memory.begin(settings, lambda: _hashes(judged.sparkSession, settings))
    with _persisted(_marked(judged, settings, cut_short=cut_short)) as marked:
        tally = _tally(marked)
        hashes = np.array([number for part in tally for number in part.pop("hashes")], np.int64)
        doubles = _doubles(marked, settings, memory.ids.suspects(hashes))
        counts = _write(_placed(marked, doubles), _moved(tally, doubles), writer, files)
    memory.end(settings, hashes)
    return counts


def _write(placed: DataFrame, tally: Tally, writer: "_Writer", files: Mapping[str, Mapping[str, Any]]) -> Counts:
    """Events, then quarantine, then the ledger: what the ledger does not count is found again after a crash."""
    new = [part for part in tally if part["state"] == _NEW]
    failpoints.reach("before_write")
    if any(part["reason"] is None for part in new):
        writer.append(_events(placed), EVENTS)
    failpoints.reach("after_write_before_commit")
    if any(part["reason"] is not None for part in new):
        writer.append(_rejected(placed), QUARANTINE)
    ledger = _ledger_rows(tally, files, version(writer.settings))
    if ledger:
        writer.account(ledger)
    return _summed(ledger)


class _Writer(NamedTuple):
    """Appends under the batch's name, so that what was written is not written again; without one nothing is skipped."""

    settings: Settings
    batch: BatchId | None

    def append(self, rows: DataFrame, table: str) -> None:
        """Rows of executors; Delta knows the name."""
        writer = rows.write.format("delta").mode("append")
        if self.batch:
            writer = writer.option("txnAppId", self.batch.query).option("txnVersion", self.batch.number)
        writer.save(str(_path(self.settings, table)))

    def account(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows of the ledger, few: without Spark, which takes half a second for them."""
        names = []
        if self.batch:
            if _last_batch(self.settings, self.batch.query) >= self.batch.number:
                return
            names = [Transaction(self.batch.query, self.batch.number)]
        named = CommitProperties(app_transactions=names)
        table = pa.Table.from_pylist(list(map(dict, rows)), _LEDGER)
        write_deltalake(_path(self.settings, BATCHES), table, mode="append", commit_properties=named)


def _last_batch(settings: Settings, query: str) -> int:
    """The number of the newest batch of a query in the ledger; -1 when there is none."""
    if not _exists(settings, BATCHES):
        return -1
    known = DeltaTable(_path(settings, BATCHES)).transaction_version(query)
    return -1 if known is None else int(known)


def _marked(judged: DataFrame, settings: Settings, *, cut_short: bool) -> DataFrame:
    """Add `hash` (of an event_id that the producer gave) and `state`: new, or kept by a batch that was cut short."""
    marked = judged.withColumn("hash", F.when(F.col("reason").isNull(), _hash()))
    if not cut_short:
        return marked.withColumn("state", F.lit(_NEW))
    spark = judged.sparkSession
    events, quarantine = (read(spark, settings, name).select(*_PLACE) for name in (EVENTS, QUARANTINE))
    held = events.unionByName(quarantine).join(judged.select("partition").distinct(), "partition", "left_semi")
    joined = marked.join(held.distinct().withColumn("held", F.lit(True)), _PLACE, "left")
    return joined.withColumn("state", F.when(F.col("held"), _KEPT).otherwise(_NEW)).drop("held")


def _hash() -> Column:
    """Of an event_id that the producer gave; null for one that is the record's own place."""
    return F.when(F.col("event_id") != F.concat_ws(":", *_PLACE), F.xxhash64("event_id"))


def _hashes(spark: SparkSession, settings: Settings) -> Hashes:
    """Those of the event table."""
    if not _exists(settings, EVENTS):
        return np.empty(0, np.int64)
    known = read(spark, settings, EVENTS).select(_hash().alias("hash")).filter("hash IS NOT NULL")
    return known.toArrow()["hash"].to_numpy()


def _tally(marked: DataFrame) -> Tally:
    """Counts and bounds of positions by partition, reason and state, and the hashes of their event ids."""
    groups = marked.groupBy("source", "partition", "reason", "state").agg(
        F.count("*").alias("records"),
        F.min("position").alias("first"),
        F.max("position").alias("last"),
        F.collect_list("hash").alias("hashes"),
    )
    return groups.toArrow().to_pylist()


def _doubles(marked: DataFrame, settings: Settings, suspects: Hashes) -> list[Place]:
    """Places of records whose event_id the table has from another place, or this batch from an earlier one."""
    if not len(suspects):
        return []
    spark = marked.sparkSession
    wanted = F.broadcast(spark.createDataFrame(pd.DataFrame({"hash": suspects}), "hash BIGINT"))
    own = marked.join(wanted, "hash", "left_semi").select("event_id", "received_at", *_PLACE).toArrow()
    first = _known_places(settings, own["event_id"])
    doubles = []
    order = [("received_at", "ascending"), *((name, "ascending") for name in _PLACE)]
    for row in own.sort_by(order).to_pylist():
        place = tuple(row[name] for name in _PLACE)
        if first.setdefault(row["event_id"], place) != place:
            doubles.append(place)
    return doubles


def _known_places(settings: Settings, event_ids: pa.ChunkedArray) -> dict[str, Place]:
    """event_id -> where it came from, for those that the event table has."""
    if not _exists(settings, EVENTS):
        return {}
    table = DeltaTable(_path(settings, EVENTS)).to_pyarrow_dataset()
    found = table.to_table(columns=["event_id", *_PLACE], filter=pc.field("event_id").isin(event_ids.combine_chunks()))
    return {row["event_id"]: tuple(row[name] for name in _PLACE) for row in found.to_pylist()}


def _placed(marked: DataFrame, doubles: Sequence[Place]) -> DataFrame:
    """Set `state` to duplicate at the places of the doubles."""
    if not doubles:
        return marked
    places = pd.DataFrame(doubles, columns=_PLACE).assign(double=True)
    schema = "source STRING, partition STRING, position BIGINT, double BOOLEAN"
    joined = marked.join(F.broadcast(marked.sparkSession.createDataFrame(places, schema)), _PLACE, "left")
    return joined.withColumn("state", F.when(F.col("double"), _DUPLICATE).otherwise(F.col("state"))).drop("double")


def _moved(tally: Tally, doubles: Sequence[Place]) -> Tally:
    """The tally with the doubles moved from new to duplicate."""
    by_partition = Counter(place[:2] for place in doubles)
    moved = []
    for part in tally:
        double = by_partition.get((part["source"], part["partition"]), 0)
        if double and part["reason"] is None and part["state"] == _NEW:
            moved.append(part | {"records": double, "state": _DUPLICATE})
            part = part | {"records": part["records"] - double}
        if part["records"]:
            moved.append(part)
    return moved


@contextmanager
def _persisted(rows: DataFrame) -> Iterator[DataFrame]:
    held = rows.persist()
    try:
        yield held
    finally:
        held.unpersist()


def _events(placed: DataFrame) -> DataFrame:
    return placed.filter(F.col("reason").isNull() & (F.col("state") == _NEW)).select(*schemas.names(schemas.EVENT))


def _rejected(placed: DataFrame) -> DataFrame:
    faulty = placed.filter(F.col("reason").isNotNull() & (F.col("state") == _NEW))
    return faulty.withColumn("rejected_at", F.current_timestamp()).select(*schemas.names(schemas.QUARANTINE))


def _ledger_rows(
    tally: Sequence[Mapping[str, Any]], files: Mapping[str, Mapping[str, Any]], events_version: int
) -> list[dict[str, Any]]:
    """One row for each partition; a file without records has one too."""
    rows = {(records.FILES, partition): _ledger_row(records.FILES, partition) for partition in files}
    for part in tally:
        key = (part["source"], part["partition"])
        row = rows.setdefault(key, _ledger_row(*key) | {"from": part["first"], "to": part["last"] + 1})
        _count(row, part)
    return [
        row | dict(files.get(partition, {})) | {"events_version": events_version, "taken_at": datetime.now(UTC)}
        for (_, partition), row in sorted(rows.items())
    ]


def _ledger_row(source: str, partition: str) -> dict[str, Any]:
    counted = {"from": 0, "to": 0, "read": 0, "accepted": 0, "duplicates": 0, "rejected": {}}
    described = dict.fromkeys(("bytes", "modified_at", "sha256"))
    return {"source": source, "partition": partition} | counted | described


def _count(row: dict[str, Any], part: Mapping[str, Any]) -> None:
    """Add a group of records to the row of their partition."""
    row["from"], row["to"] = min(row["from"], part["first"]), max(row["to"], part["last"] + 1)
    row["read"] += part["records"]
    if part["reason"] is not None:
        row["rejected"][part["reason"]] = row["rejected"].get(part["reason"], 0) + part["records"]
    elif part["state"] == _DUPLICATE:
        row["duplicates"] += part["records"]
    else:
        row["accepted"] += part["records"]


def _summed(ledger: Sequence[Mapping[str, Any]]) -> Counts:
    rejected: dict[str, int] = {}
    for row in ledger:
        for reason, number in row["rejected"].items():
            rejected[reason] = rejected.get(reason, 0) + number
    total = {name: sum(row[name] for row in ledger) for name in ("read", "accepted", "duplicates")}
    return Counts(**total, rejected=rejected)


def _path(settings: Settings, name: str) -> Path:
    return (settings.data_dir / name).absolute()


def _exists(settings: Settings, name: str) -> bool:
    return (_path(settings, name) / "_delta_log").exists() and DeltaTable.is_deltatable(str(_path(settings, name)))


def _rows(settings: Settings, name: str) -> int:
    """Rows of a table by the statistics of its parts, without reading them."""
    if not _exists(settings, name):
        return 0
    parts = pa.table(DeltaTable(_path(settings, name)).get_add_actions())
    return pc.sum(parts["num_records"]).as_py() or 0


def _ledger(settings: Settings, columns: list[str]) -> pa.Table:
    if not _exists(settings, BATCHES):
        return _LEDGER.empty_table().select(columns)
    return DeltaTable(_path(settings, BATCHES)).to_pyarrow_table(columns=columns)
