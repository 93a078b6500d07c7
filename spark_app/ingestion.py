"""Wiring of the intake: a folder, a file or a topic is streamed in, judged and kept, each record once."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming import StreamingQuery

from spark_app import events, layouts, session, sources, store
from spark_app.intake import offered, records
from spark_app.intake import topic as topic_
from spark_app.intake.offered import File, Refusal
from spark_app.running.errors import SaidError
from spark_app.settings import Settings, size_in_bytes
from spark_app.storage import arrivals, checkpoints, ledger, places
from spark_app.storage.tables import BatchId


class IntakeError(SaidError, RuntimeError):
    """The stream stopped; the message says why."""


@dataclass
class Intake:
    """What one run took in, and the files that it did not take."""

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    files: int = 0
    refused: list[Refusal] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    memory: store.Memory = field(default_factory=store.Memory)

    def count(self, taken: ledger.Counts) -> None:
        """Add what a batch took."""
        self.read += taken.read
        self.accepted += taken.accepted
        self.duplicates += taken.duplicates
        for reason, number in taken.rejected.items():
            self.rejected[reason] = self.rejected.get(reason, 0) + number

    def add(self, other: "Intake") -> None:
        """Add what another input gave."""
        self.count(ledger.Counts(other.read, other.accepted, other.duplicates, other.rejected))
        self.files += other.files
        self.refused += other.refused
        self.passed_over += other.passed_over


class Preview(NamedTuple):
    """What a file or folder would give, with nothing written."""

    layouts: dict[str, str]
    rows: list[dict[str, object]]
    counts: dict[str, int]
    intake: Intake


Seen = Callable[[DataFrame], None]


class Inlet(NamedTuple):
    """A source as a stream: what it is called, its records or file names, its checkpoint, and who takes a batch.

    `look` raises CheckpointError when the stream could not go on from there.
    """

    name: str
    stream: Callable[[], DataFrame]
    checkpoint: Path
    look: Callable[[], None]
    take: Callable[[DataFrame, BatchId], None]


def take_files(spark: SparkSession, settings: Settings, path: Path, seen: Seen | None = None) -> Intake:
    """Stream in all files of a folder, or one file, that were not taken yet. `seen` is shown each judged batch.

    FileNotFoundError when the path does not exist.
    """
    intake = Intake()
    _drain(files(spark, settings, path, intake, seen))
    return intake


def files(spark: SparkSession, settings: Settings, path: Path, intake: Intake, seen: Seen | None = None) -> Inlet:
    """A folder, or one file; what comes of its batches is added to `intake`. FileNotFoundError without it."""
    taken = offered.taken(settings)
    known = [name for name in offered.listed(path) if arrivals.named(settings, Path(name)) in taken]
    intake.refused += offered.look_at(settings, known, taken, named=path.is_file()).refused
    checkpoint = checkpoints.folder(settings, str(path.absolute()))
    _forget_refused(checkpoint)
    if places.far(settings.spark.master, settings.place(path)):
        arrivals.ensure_there(settings, path)

    def take(names: DataFrame, batch: BatchId) -> None:
        found = arrivals.brought(settings, path, [offered.local(row.path) for row in names.collect()])
        new = [name for name in found if arrivals.named(settings, Path(name)) not in taken]
        looked_at = offered.look_at(settings, new, offered.taken(settings), named=path.is_file())
        intake.refused += looked_at.refused
        intake.passed_over += looked_at.passed_over
        intake.files += len(looked_at.good)
        if looked_at.refused:
            _refused_mark(checkpoint).touch()
        for portion in sources.in_portions(looked_at.good, size_in_bytes(settings.max_bytes_per_trigger)):
            facts = {file.partition: _ledger_facts(file) for file in portion}
            judged = _judged_files(spark, settings, portion)
            intake.count(store.add(judged, settings, batch.of(facts), files=facts, memory=intake.memory))
            if seen:
                seen(judged)

    look = partial(checkpoints.look, checkpoint, records.FILES)
    return Inlet(settings.told(path), lambda: sources.file_names(spark, settings, path), checkpoint, look, take)


def topic(spark: SparkSession, settings: Settings, intake: Intake, seen: Seen | None = None) -> Inlet:
    """The topic of the settings; what comes of its batches is added to `intake`."""
    name = settings.kafka.source

    def stream() -> DataFrame:
        # Judged as a stream: the plan is made once, and not for each batch.
        return _judged(sources.kafka(spark, settings, _beginning(settings)), settings, {})

    def take(judged: DataFrame, batch: BatchId) -> None:
        new = judged if intake.memory.is_fresh(settings) else _not_taken(judged, settings)
        intake.count(store.add(new, settings, batch, memory=intake.memory))
        if seen:
            seen(new)

    checkpoint = checkpoints.folder(settings, name)
    look = partial(checkpoints.look, checkpoint, name, checkpoints.kept_in(settings))
    return Inlet(name, stream, checkpoint, look, take)


def preview(spark: SparkSession, settings: Settings, path: Path, rows: int = 5) -> Preview:
    """Read and judge without writing: the layout of each file, some events, counts and reasons."""
    looked_at = offered.look_at(settings, offered.listed(path), {}, named=path.is_file())
    intake = Intake(refused=looked_at.refused, passed_over=looked_at.passed_over, files=len(looked_at.good))
    names = {file.path: _layout_name(file, settings) for file in looked_at.good}
    if not looked_at.good:
        return Preview(names, [], {}, intake)
    judged = _judged_files(spark, settings, looked_at.good).persist()
    counts = {row["reason"] or "accepted": row["count"] for row in judged.groupBy("reason").count().collect()}
    first = judged.filter("reason IS NULL").orderBy("partition", "position").limit(rows).collect()
    judged.unpersist()
    return Preview(names, [row.asDict(recursive=True) for row in first], counts, intake)


def _judged_files(spark: SparkSession, settings: Settings, files: Sequence[File]) -> DataFrame:
    headers = {file.header: layouts.recognise(file.header, settings.columns) for file in files if file.header}
    return _judged(sources.read(spark, settings, files, session.cores(spark)), settings, headers)


def _judged(raw: DataFrame, settings: Settings, headers: dict[str, layouts.Layout]) -> DataFrame:
    return events.judge(raw, headers=headers, event_types=settings.event_types)


def _beginning(settings: Settings) -> dict[int, int]:
    """Partition -> the offset at which a stream without a checkpoint begins; empty when nothing was taken yet.

    IntakeError when offsets that were not taken are gone. TopicError when the topic cannot be read.
    """
    there = topic_.offsets(settings.kafka)
    taken = ledger.next_positions(settings, settings.kafka.source)
    for partition, first in sorted((int(name), first) for name, first in taken.items()):
        earliest, end = there.get(partition, (0, 0))
        if end < first:
            raise IntakeError(_made_anew(settings.kafka.topic, partition, first, end))
        if earliest > first and settings.kafka.fail_on_data_loss:
            raise IntakeError(_expired(settings.kafka.topic, partition, first, earliest))
    if not taken:
        return {}
    return {partition: max(taken.get(str(partition), 0), earliest) for partition, (earliest, _) in there.items()}


def _made_anew(name: str, partition: int, first: int, end: int) -> str:
    return (
        f"topic {name!r} ends at offset {end:,} of partition {partition}, and {first:,} were taken from it: it was "
        "made anew under its old name. Its events may be the old ones or others: give it a new name and set "
        "MILLSTREAM_KAFKA__TOPIC, or use another data folder"
    )


def _expired(name: str, partition: int, first: int, earliest: int) -> str:
    return (
        f"offsets {first:,} to {earliest - 1:,} of partition {partition} of topic {name!r} expired before they were "
        f"taken: {earliest - first:,} records are gone. MILLSTREAM_KAFKA__FAIL_ON_DATA_LOSS=false goes on with what is "
        "there; a longer retention.ms of the topic keeps it from happening again"
    )


def _not_taken(raw: DataFrame, settings: Settings) -> DataFrame:
    """Without the offsets that the ledger has already, as after a crash between the ledger and the checkpoint."""
    first = ledger.next_positions(settings, settings.kafka.source)
    if not first:
        return raw
    known = F.create_map(*[F.lit(value) for pair in first.items() for value in pair])
    return raw.filter(F.col("position") >= F.coalesce(known[F.col("partition")], F.lit(0)))


def started(inlet: Inlet, failures: list[Exception], trigger: Mapping[str, Any]) -> StreamingQuery:
    """A query that brings each micro-batch to the inlet; the error of a batch is put into `failures` as it was.

    CheckpointError when the inlet's checkpoint is damaged: it is looked at before Spark does.
    """
    inlet.look()

    def each(rows: DataFrame, number: int) -> None:
        query_id = rows.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
        try:
            inlet.take(rows, BatchId(str(query_id), number))
        except Exception as error:
            failures.append(error)
            raise

    writer = inlet.stream().writeStream.foreachBatch(each)
    return writer.option("checkpointLocation", str(inlet.checkpoint.absolute())).trigger(**trigger).start()


def _drain(inlet: Inlet) -> None:
    """Run micro-batches until the source holds nothing more; the first error of a batch is raised as it was."""
    failures: list[Exception] = []
    query = started(inlet, failures, {"availableNow": True})
    try:
        query.awaitTermination()
    except StreamingQueryException as error:
        raise failures[0] if failures else IntakeError(first_line(error)) from error
    finally:
        query.stop()


def _refused_mark(checkpoint: Path) -> Path:
    return checkpoint.with_suffix(".refused")


def _forget_refused(checkpoint: Path) -> None:
    """Spark never offers a file twice. After a refusal it begins anew; the ledger knows what was taken."""
    if _refused_mark(checkpoint).exists():
        shutil.rmtree(checkpoint, ignore_errors=True)
        _refused_mark(checkpoint).unlink()


def _ledger_facts(file: File) -> dict[str, object]:
    return {"bytes": file.bytes, "modified_at": file.modified_at, "sha256": file.sha256}


def _layout_name(file: File, settings: Settings) -> str:
    return layouts.recognise(file.header, settings.columns).name if file.header else "json"


def first_line(error: Exception) -> str:
    """What an error says, without the trace that Java adds."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
