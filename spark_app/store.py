"""The event, quarantine and batch tables: what is written, in which order, and what they hold.

A batch writes its events, then its rejected records, then its rows of the ledger (`batches`), which make it taken.
When the tables hold more than the ledger says, a batch was cut short: its records are then found again by their
place (source, partition, position), counted, and not written a second time. So a checkpoint may be lost without loss.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from spark_app import failpoints, records, rules, schemas
from spark_app.settings import Settings

EVENTS, QUARANTINE, BATCHES = "events", "quarantine", "batches"
_SCHEMAS = {EVENTS: schemas.EVENT, QUARANTINE: schemas.QUARANTINE, BATCHES: schemas.BATCH}
_PLACE = ["source", "partition", "position"]
_LIGHT = 1_000_000
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


def add(
    judged: DataFrame, settings: Settings, batch: BatchId, *, files: Mapping[str, Mapping[str, Any]] | None = None
) -> Counts:
    """Keep a batch of judged records: new events, rejected records, and the ledger that accounts for all.

    `files` gives bytes, modified_at and sha256 for each file, by partition; files without a record are in the ledger
    too.
    """
    cut_short = is_cut_short(settings)
    writer = _Writer(settings, None if cut_short else batch)
    with _persisted(_marked(judged, settings, cut_short=cut_short)) as marked:
        own_ids = marked.filter("own_id").count()
        if not own_ids:
            return _write(marked, writer, files or {})
        events = read(judged.sparkSession, settings, EVENTS)
        with _persisted(_doubles(marked, events, own_ids)) as doubles:
            return _write(_placed(marked, doubles), writer, files or {})


def _write(placed: DataFrame, writer: "_Writer", files: Mapping[str, Mapping[str, Any]]) -> Counts:
    """Events, then quarantine, then the ledger: what the ledger does not count is found again after a crash."""
    tally = _tally(placed)
    new = [row for row in tally if row["state"] == _NEW]
    failpoints.reach("before_write")
    if any(row["reason"] is None for row in new):
        writer.append(_events(placed), EVENTS)
    failpoints.reach("after_write_before_commit")
    if any(row["reason"] is not None for row in new):
        writer.append(_rejected(placed), QUARANTINE)
    ledger = _ledger_rows(tally, files, version(writer.settings))
    if ledger:
        writer.append(placed.sparkSession.createDataFrame(ledger, schemas.BATCH).coalesce(1), BATCHES)
    return _summed(ledger)


class _Writer(NamedTuple):
    """Appends with the batch's name, so that Delta skips what it has seen; without a name nothing is skipped."""

    settings: Settings
    batch: BatchId | None

    def append(self, rows: DataFrame, table: str) -> None:
        writer = rows.write.format("delta").mode("append")
        if self.batch:
            writer = writer.option("txnAppId", self.batch.query).option("txnVersion", self.batch.number)
        writer.save(str(_path(self.settings, table)))


def _marked(judged: DataFrame, settings: Settings, *, cut_short: bool) -> DataFrame:
    """Add `own_id` (the producer gave the event_id) and `state`: new, or kept by a batch that was cut short."""
    place = F.concat_ws(":", *_PLACE)
    marked = judged.withColumn("own_id", F.col("reason").isNull() & (F.col("event_id") != place))
    if not cut_short:
        return marked.withColumn("state", F.lit(_NEW))
    spark = judged.sparkSession
    events, quarantine = (read(spark, settings, name).select(*_PLACE) for name in (EVENTS, QUARANTINE))
    held = events.unionByName(quarantine).join(judged.select("partition").distinct(), "partition", "left_semi")
    joined = marked.join(held.distinct().withColumn("held", F.lit(True)), _PLACE, "left")
    return joined.withColumn("state", F.when(F.col("held"), _KEPT).otherwise(_NEW)).drop("held")


def _doubles(marked: DataFrame, events: DataFrame, own_ids: int) -> DataFrame:
    """Places of records whose event_id the table has from another place, or this batch from an earlier one.

    `own_ids` is the number of records with an event_id of their own.
    """
    place = F.struct(*_PLACE)
    own = marked.filter("own_id").select("event_id", "received_at", *_PLACE)
    known = events.join(_light(own.select("event_id"), own_ids), "event_id", "left_semi")
    joined = own.join(known.select("event_id", place.alias("known")), "event_id", "left")
    line = Window.partitionBy("event_id").orderBy("received_at", *_PLACE)
    first = joined.withColumn("first", F.coalesce("known", F.first(place).over(line)))
    return first.filter(F.col("first") != place).select(*_PLACE)


def _placed(marked: DataFrame, doubles: DataFrame) -> DataFrame:
    """Set `state` to duplicate at the places of the doubles."""
    count = doubles.count()
    if not count:
        return marked
    joined = marked.join(_light(doubles, count).withColumn("double", F.lit(True)), _PLACE, "left")
    return joined.withColumn("state", F.when(F.col("double"), _DUPLICATE).otherwise(F.col("state"))).drop("double")


def _light(rows: DataFrame, count: int) -> DataFrame:
    """Carried to the other side of a join rather than sorted with it, unless they are too many."""
    return F.broadcast(rows) if count <= _LIGHT else rows


@contextmanager
def _persisted(rows: DataFrame) -> Iterator[DataFrame]:
    held = rows.persist()
    try:
        yield held
    finally:
        held.unpersist()


def _tally(placed: DataFrame) -> list[dict[str, Any]]:
    """Counts and bounds of positions by partition, reason and state."""
    groups = placed.groupBy("source", "partition", "reason", "state").agg(
        F.count("*").alias("records"), F.min("position").alias("first"), F.max("position").alias("last")
    )
    return [row.asDict() for row in groups.collect()]


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
        return _empty_ledger().select(columns)
    return DeltaTable(_path(settings, BATCHES)).to_pyarrow_table(columns=columns)


def _empty_ledger() -> pa.Table:
    text, number, time = pa.string(), pa.int64(), pa.timestamp("us", "UTC")
    kinds = {"source": text, "partition": text, "sha256": text, "modified_at": time, "taken_at": time}
    fields = [(name, kinds.get(name, number)) for name in schemas.names(schemas.BATCH) if name != "rejected"]
    return pa.schema([*fields, ("rejected", pa.map_(text, number))]).empty_table()
