"""The event, quarantine and batch tables: what is written, in which order, and what they hold.

A batch writes its events, then its rejected records, then its rows of the ledger (`batches`), which make it taken.
When the tables hold more than the ledger says, a batch was cut short: its records are then found again by their
place (source, partition, position), counted, and not written a second time. So a checkpoint may be lost without loss.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app import schemas
from spark_app.intake.records import FILES
from spark_app.numbers.sets import distinct
from spark_app.running import failpoints
from spark_app.running.errors import SaidError
from spark_app.settings import PREFIX, Settings
from spark_app.storage import forgotten, ledger, tables
from spark_app.storage.event_ids import EventIds, Hashes
from spark_app.storage.ledger import Counts, Tally
from spark_app.storage.tables import BATCHES, EVENTS, QUARANTINE, BatchId

Place = tuple[str, str, int]

_SCHEMAS = {EVENTS: schemas.EVENT, QUARANTINE: schemas.QUARANTINE, BATCHES: schemas.BATCH}
_PLACE = ["source", "partition", "position"]
# So many rows are brought here and added by this process: a write by Spark costs half a second however few they are.
_FEW = 20_000
# So many event ids are remembered here, 8 bytes each; of more the table is asked, once a batch.
_REMEMBERED = 200_000_000
# A batch of fewer records is not stopped, however bad they are.
_ENOUGH_TO_TELL = 100


def read(spark: SparkSession, settings: Settings, name: str, version: int | None = None) -> DataFrame:
    """A table as it is now, or as it was at a version; empty when nothing was written yet."""
    if not tables.exists(settings, name):
        return spark.createDataFrame([], _SCHEMAS[name])
    reader = spark.read.format("delta")
    return (reader if version is None else reader.option("versionAsOf", version)).load(tables.uri(settings, name))


class MostlyRejectedError(SaidError, RuntimeError):
    """A batch was not taken, because too much of it is bad; the message says how much, why, and what lifts it."""


@dataclass
class Memory:
    """What a process remembers of the tables between its batches; built anew after a crash or when others wrote.

    `version` is that of the event table after the last whole batch of this process, None when there is none. Of
    several streams that share a memory, one has its turn at a time.
    """

    ids: "EventIds | _Asked" = field(default_factory=EventIds)
    version: int | None = None
    turn: Lock = field(default_factory=Lock)

    def is_fresh(self, settings: Settings) -> bool:
        """Whether this process itself brought the tables to where they are."""
        return self.version is not None and self.version == tables.version(settings)


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
    too. `memory` is handed from batch to batch by one who brings several. MostlyRejectedError when too much of it is
    bad, DamagedError when a file of the event table is gone; nothing is written then.
    """
    memory = memory or Memory()
    with memory.turn:
        return _add(judged, settings, batch, files or {}, memory)


def _add(
    judged: DataFrame, settings: Settings, batch: BatchId, files: Mapping[str, Mapping[str, Any]], memory: Memory
) -> Counts:
    fresh = memory.is_fresh(settings)
    cut_short = not fresh and ledger.is_cut_short(settings)
    if not fresh:
        tables.ensure_whole(settings, EVENTS, tables.version(settings))
        memory.ids = _known(judged.sparkSession, settings)
    # Until the batch is whole nothing is certain.
    memory.version = None
    marked = _marked(judged, settings, cut_short=cut_short).persist()
    try:
        placed, tally, hashes = _told_apart(marked, settings, memory.ids)
        _refuse_mostly_bad(tally, settings)
        counts = _write(placed, tally, settings, None if cut_short else batch, files)
    finally:
        marked.unpersist()
    memory.ids.add(hashes)
    if isinstance(memory.ids, EventIds) and len(memory.ids) > _REMEMBERED:
        memory.ids = _Asked(judged.sparkSession, settings)
    memory.version = tables.version(settings)
    return counts


def told_apart(accepted: DataFrame, settings: Settings) -> DataFrame:
    """Accepted records that are persisted, with `state`: new, or a duplicate of what the event table holds."""
    known = _known(accepted.sparkSession, settings)
    return _told_apart(_marked(accepted, settings, cut_short=False), settings, known)[0].drop("hash")


def append(rows: DataFrame, count: int, settings: Settings, table: str, batch: BatchId | None) -> None:
    """Under the batch's name, so that what was written is not written again; without one nothing is skipped."""
    if count <= _FEW:
        tables.append(settings, table, _with_offsets(rows.toArrow()), batch)
        return
    writer = rows.write.format("delta").mode("append")
    if batch:
        writer = writer.option("txnAppId", batch.query).option("txnVersion", batch.number)
    writer.save(tables.uri(settings, table))


def _told_apart(marked: DataFrame, settings: Settings, known: "EventIds | _Asked") -> tuple[DataFrame, Tally, Hashes]:
    """The records with doubles among the `state`s, their tally, and the hashes of all their event ids."""
    tally, hashes = _tally(marked)
    doubles = _doubles(marked, settings, known.suspects(hashes))
    return _placed(marked, doubles), ledger.moved(tally, doubles), hashes


def _refuse_mostly_bad(tally: Tally, settings: Settings) -> None:
    """Such as the wrong topic: better to stop than to fill the quarantine."""
    read = _new(tally, lambda _: True)
    rejected = _new(tally, lambda reason: reason is not None)
    if read < _ENOUGH_TO_TELL or rejected <= settings.max_rejected_share * read:
        return
    reasons = Counter[str]()
    for part in tally:
        if part["reason"] is not None and part["state"] == ledger.NEW:
            reasons[part["reason"]] += part["records"]
    why = ", ".join(f"{number:,} {reason}" for reason, number in reasons.most_common(3))
    sources = sorted({part["partition"] if part["source"] == FILES else part["source"] for part in tally})
    raise MostlyRejectedError(
        f"{rejected:,} of {read:,} records of {', '.join(sources[:3])} would be rejected ({why}): is it the right "
        f"source? Nothing of this batch was taken; {PREFIX}MAX_REJECTED_SHARE=1 takes it all the same"
    )


def _write(
    placed: DataFrame, tally: Tally, settings: Settings, batch: BatchId | None, files: Mapping[str, Mapping[str, Any]]
) -> Counts:
    """Events, then quarantine, then the ledger: what the ledger does not count is found again after a crash."""
    failpoints.reach("before_write")
    if accepted := _new(tally, lambda reason: reason is None):
        append(_events(placed), accepted, settings, EVENTS, batch)
    failpoints.reach("after_write_before_commit")
    if rejected := _new(tally, lambda reason: reason is not None):
        append(_rejected(placed), rejected, settings, QUARANTINE, batch)
    failpoints.reach("before_ledger")
    counts = ledger.account(settings, tally, files, batch)
    failpoints.reach("after_ledger_before_checkpoint")
    return counts


def _new(tally: Tally, wanted: Callable[[str | None], bool]) -> int:
    return sum(part["records"] for part in tally if part["state"] == ledger.NEW and wanted(part["reason"]))


def _with_offsets(rows: pa.Table) -> pa.Table:
    """A copy: of a column without any text or map Spark leaves out the offsets, and the Delta writer reads them."""
    return rows.take(pa.array(range(rows.num_rows)))


def _marked(judged: DataFrame, settings: Settings, *, cut_short: bool) -> DataFrame:
    """Add `hash` (of an event_id that the producer gave) and `state`: new, or kept by a batch that was cut short."""
    marked = judged.withColumn("hash", F.when(F.col("reason").isNull(), _hash()))
    if not cut_short:
        return _without_forgotten(marked.withColumn("state", F.lit(ledger.NEW)), settings)
    spark = judged.sparkSession
    events, quarantine = (read(spark, settings, name).select(*_PLACE) for name in (EVENTS, QUARANTINE))
    held = events.unionByName(quarantine).join(judged.select("partition").distinct(), "partition", "left_semi")
    joined = marked.join(held.distinct().withColumn("held", F.lit(True)), _PLACE, "left")
    found = joined.withColumn("state", F.when(F.col("held"), ledger.KEPT).otherwise(ledger.NEW)).drop("held")
    return _without_forgotten(found, settings)


def _without_forgotten(marked: DataFrame, settings: Settings) -> DataFrame:
    """What a user who was forgotten did before that is counted as a duplicate, and kept nowhere, whatever is wrong."""
    known = forgotten.read(settings)
    if not known.users:
        return marked
    rows = [(name, at) for name, at in known.users.items()]
    listed = marked.sparkSession.createDataFrame(rows, "_user STRING, _until TIMESTAMP")
    hashed = F.sha2(F.concat(F.lit(known.salt), F.col("user")), 256)
    joined = marked.join(F.broadcast(listed), hashed == F.col("_user"), "left")
    gone = (F.coalesce("occurred_at", "received_at") <= F.col("_until")) & (F.col("state") == ledger.NEW)
    joined = joined.withColumn("_gone", F.coalesce(gone, F.lit(False)))
    for name, value in (("reason", None), ("hash", None), ("state", ledger.DUPLICATE)):
        joined = joined.withColumn(name, F.when(F.col("_gone"), F.lit(value)).otherwise(F.col(name)))
    return joined.drop("_user", "_until", "_gone")


def _hash() -> Column:
    """Of an event_id that the producer gave; null for one that is the record's own place."""
    return F.when(F.col("event_id") != F.concat_ws(":", *_PLACE), F.xxhash64("event_id"))


def _known(spark: SparkSession, settings: Settings) -> "EventIds | _Asked":
    """The event ids of the table, remembered, or to be asked for."""
    if tables.rows(settings, EVENTS) > _REMEMBERED:
        return _Asked(spark, settings)
    return EventIds(_hashes(spark, settings).toArrow()["hash"].to_numpy())


def _hashes(spark: SparkSession, settings: Settings) -> DataFrame:
    """(hash) of each event of the table whose producer gave an id."""
    return read(spark, settings, EVENTS).select(_hash().alias("hash")).filter("hash IS NOT NULL")


class _Asked(NamedTuple):
    """Stands for EventIds where they are too many to remember: executors read the column at each batch."""

    spark: SparkSession
    settings: Settings

    def suspects(self, hashes: Hashes) -> Hashes:
        """Those of a batch's hashes that the table has, or that the batch has more than once; each once."""
        found, times = np.unique(hashes, return_counts=True)
        if not len(found):
            return found
        own = F.broadcast(self.spark.createDataFrame(pd.DataFrame({"hash": found}), "hash BIGINT"))
        known = _hashes(self.spark, self.settings).join(own, "hash", "left_semi").distinct().toArrow()["hash"]
        return distinct(np.concatenate([found[times > 1], known.to_numpy()]))

    def add(self, hashes: Hashes) -> None:
        """Nothing: what was written is in the table."""


def _tally(marked: DataFrame) -> tuple[Tally, Hashes]:
    """Counts and bounds of positions by partition, reason and state; and the hashes of all event ids."""
    groups = marked.groupBy("source", "partition", "reason", "state").agg(
        F.count("*").alias("records"),
        F.min("position").alias("first"),
        F.max("position").alias("last"),
        F.collect_list("hash").alias("hashes"),
    )
    table = groups.toArrow()
    # As numbers of Python they would take five times as much.
    hashes = pa.chunked_array([part.flatten() for part in table["hashes"].chunks], pa.int64())
    return table.drop_columns("hashes").to_pylist(), hashes.to_numpy()


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
    if not tables.exists(settings, EVENTS):
        return {}
    table, wanted = tables.opened(settings, EVENTS), pc.field("event_id").isin(event_ids.combine_chunks())
    found = (row for some in tables.where(table, ["event_id", *_PLACE], wanted) for row in some.to_pylist())
    return {row["event_id"]: tuple(row[name] for name in _PLACE) for row in found}


def _placed(marked: DataFrame, doubles: Sequence[Place]) -> DataFrame:
    """Set `state` to duplicate at the places of the doubles."""
    if not doubles:
        return marked
    places = pd.DataFrame(doubles, columns=_PLACE).assign(double=True)
    schema = "source STRING, partition STRING, position BIGINT, double BOOLEAN"
    joined = marked.join(F.broadcast(marked.sparkSession.createDataFrame(places, schema)), _PLACE, "left")
    state = F.when(F.col("double"), ledger.DUPLICATE).otherwise(F.col("state"))
    return joined.withColumn("state", state).drop("double")


def _events(placed: DataFrame) -> DataFrame:
    sound = placed.filter(F.col("reason").isNull() & (F.col("state") == ledger.NEW))
    return sound.select(*schemas.names(schemas.EVENT))


def _rejected(placed: DataFrame) -> DataFrame:
    faulty = placed.filter(F.col("reason").isNotNull() & (F.col("state") == ledger.NEW))
    return faulty.withColumn("rejected_at", F.current_timestamp()).select(*schemas.names(schemas.QUARANTINE))
