"""Quarantine: rejected records are judged again after a fix, and what is accepted now is moved, once.

What is to be moved is first written aside, whole; from then on the move is carried to its end, however often the
process is killed: events by the name of the replay, then the ledger by the same name, then out of quarantine.
"""

import secrets
import shutil
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app import events, layouts, schemas, store
from spark_app.running import failpoints
from spark_app.running.errors import SaidError
from spark_app.settings import Settings
from spark_app.storage import ledger, tables
from spark_app.storage.tables import EVENTS, QUARANTINE, BatchId

_PLACE = ["source", "partition", "position"]


class QuarantineError(SaidError, RuntimeError):
    """A replay cannot begin; the message says what comes first."""


class Replayed(NamedTuple):
    """What became of the records of a replay: accepted, duplicates, and still rejected."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0


def replay(spark: SparkSession, settings: Settings, reason: str | None = None, source: str | None = None) -> Replayed:
    """Judge rejected records again by the rules and settings of now, and move those that pass.

    `reason` and `source` narrow which. A record that another with its event_id has overtaken becomes a duplicate.
    QuarantineError when a batch was cut short before.
    """
    finish(spark, settings)
    if ledger.is_cut_short(settings):
        raise QuarantineError("a batch was cut short before: `python -m spark_app ingest` comes first")
    rejected = store.read(spark, settings, QUARANTINE).persist()
    for name, value in (("reason", reason), ("source", source)):
        rejected = rejected if value is None else rejected.filter(F.col(name) == value)
    # Persisted before anything is asked of it: a filter pushed down into the judge's plan takes half a minute.
    judged = _judged(rejected, settings).drop("value", "header").persist()
    accepted = judged.filter("reason IS NULL")
    before = rejected.select(*_PLACE, F.col("reason").alias("was"))
    if not accepted.isEmpty():
        _write_aside(store.told_apart(accepted, settings).drop("reason").join(before, _PLACE), settings)
    moved = finish(spark, settings)
    still = rejected.count() - moved.accepted - moved.duplicates
    rejected.unpersist()
    judged.unpersist()
    return moved._replace(rejected=still)


def is_open(settings: Settings) -> bool:
    """Whether a replay was begun and did not come to its end."""
    return bool(_begun(settings))


def finish(spark: SparkSession, settings: Settings) -> Replayed:
    """Carry a replay that was begun to its end; what was done of it is not done again."""
    accepted = duplicates = 0
    for folder in _begun(settings):
        rows = spark.read.parquet(str(folder.absolute()))
        parts = rows.groupBy("source", "partition", F.col("was").alias("reason"), "state")
        tally = parts.agg(F.count("*").alias("records")).toArrow().to_pylist()
        batch = BatchId(f"replay:{folder.name}", 0)
        new = sum(part["records"] for part in tally if part["state"] == ledger.NEW)
        if new:
            sound = rows.filter(F.col("state") == ledger.NEW).select(*schemas.names(schemas.EVENT))
            store.append(sound, new, settings, EVENTS, batch)
        failpoints.reach("replay_before_ledger")
        ledger.correct(settings, tally, batch)
        failpoints.reach("replay_before_removal")
        _take_out(rows.select(*_PLACE).toArrow(), settings)
        shutil.rmtree(folder)
        accepted += new
        duplicates += sum(part["records"] for part in tally) - new
    return Replayed(accepted, duplicates)


def _judged(rejected: DataFrame, settings: Settings) -> DataFrame:
    raw = rejected.select(*schemas.names(schemas.RAW))
    headers = [row.header for row in raw.select("header").distinct().collect() if row.header is not None]
    known = {header: layouts.recognise(header, settings.columns) for header in headers}
    return events.judge(raw, headers=known, event_types=settings.event_types)


def _write_aside(rows: DataFrame, settings: Settings) -> None:
    home = settings.data_dir / "replays"
    name = secrets.token_hex(8)
    rows.write.parquet(str((home / f".{name}").absolute()))
    (home / f".{name}").rename(home / name)


def _begun(settings: Settings) -> list[Path]:
    """Replays that were written aside whole; what was not is removed."""
    home = settings.data_dir / "replays"
    for torn in home.glob(".*"):
        shutil.rmtree(torn)
    return sorted(path for path in home.glob("*") if path.is_dir())


def _take_out(places: pa.Table, settings: Settings) -> None:
    same = " AND ".join(f"held.{name} = gone.{name}" for name in _PLACE)
    table = tables.opened(settings, QUARANTINE)
    table.merge(places, same, source_alias="gone", target_alias="held").when_matched_delete().execute()
