"""A topic or a folder -> raw records (schemas.RAW); after this the two are one.

A stream of a folder carries names of files only. `FileBatch` looks at each file before a line of it is read:
taken already, changed since, with an unknown header, or good; the good ones are read on the executors, record by
record, so that a file of any size needs little memory.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app import connection, layouts, records, schemas
from spark_app.settings import Settings

# Below this a file is read by one task: starting another takes longer.
_BYTES_A_TASK = 4_000_000
_UNPACKED = 6
_FILE_NAMES = "path STRING, modificationTime TIMESTAMP, length BIGINT, content BINARY"


class File(NamedTuple):
    """One input file, as it was when it was looked at."""

    path: str
    partition: str
    header: str | None
    bytes: int
    modified_at: datetime
    sha256: str


class Refusal(NamedTuple):
    """A file that is not taken, and why."""

    path: str
    reason: str


class FileBatch(NamedTuple):
    """What is to be done with the files of a batch."""

    good: list[File]
    refused: list[Refusal]
    passed_over: list[str]


class Taken(NamedTuple):
    """What the ledger knows of a file that was taken."""

    bytes: int
    modified_at: datetime
    sha256: str


def kafka(spark: SparkSession, settings: Settings, first: Mapping[int, int] | None = None) -> DataFrame:
    """The topic as a stream of raw records; `first` says at which offset of each partition a new stream begins."""
    known = json.dumps({settings.kafka.topic: {str(partition): offset for partition, offset in (first or {}).items()}})
    return from_kafka(
        spark.readStream.format("kafka")
        .options(**connection.for_spark(settings.kafka))
        .option("subscribe", settings.kafka.topic)
        .option("startingOffsets", known if first else settings.kafka.starting_offsets)
        .option("failOnDataLoss", str(settings.kafka.fail_on_data_loss).lower())
        .option("maxOffsetsPerTrigger", settings.kafka.max_offsets_per_trigger)
        .load()
    )


def from_kafka(messages: DataFrame) -> DataFrame:
    """Raw records from the columns of Spark's Kafka source; a message without a value is an empty record."""
    return messages.select(
        F.coalesce("value", F.lit(b"")).alias("value"),
        F.lit(None).cast("string").alias("header"),
        F.concat(F.lit("kafka:"), F.col("topic")).alias("source"),
        F.col("partition").cast("string").alias("partition"),
        F.col("offset").alias("position"),
        F.col("timestamp").alias("received_at"),
    )


def file_names(spark: SparkSession, settings: Settings, path: Path) -> DataFrame:
    """A folder (or one file) as a stream of the names of its files."""
    return (
        spark.readStream.format("binaryFile")
        .schema(_FILE_NAMES)
        .option("recursiveFileLookup", "true")
        # Else a file moved in with an old time would be passed over in silence once a newer one was seen.
        .option("maxFileAge", "36500d")
        .option("maxFilesPerTrigger", settings.max_files_per_trigger)
        .load(_escaped(path.absolute()))
        .select("path")
    )


def look_at(
    paths: Iterable[str], *, data_dir: Path, own: Mapping[str, str], taken: Mapping[str, Taken], named: bool = False
) -> FileBatch:
    """Sort files into good, refused and passed over; those that were taken, and have not changed, are in none.

    `own` is the mapping of the settings for unknown headers. `named`: the user named the file itself, so its suffix
    does not matter.
    """
    batch = FileBatch([], [], [])
    for path in sorted(local(path) for path in paths):
        if not named and not records.has_known_suffix(path):
            batch.passed_over.append(path)
            continue
        try:
            file = _file(path, data_dir, own, taken)
        except (OSError, EOFError, zlib.error, layouts.UnknownHeaderError) as error:
            batch.refused.append(Refusal(path, _in_words(error)))
            continue
        if isinstance(file, Refusal):
            batch.refused.append(file)
        elif file is not None:
            batch.good.append(file)
    return batch


def read(spark: SparkSession, files: Collection[File], cores: int) -> DataFrame:
    """The records of these files as schemas.RAW; position counts the records of a file from 0, its header apart."""
    tasks = min(2 * cores, 1 + sum(map(_size, files)) // _BYTES_A_TASK)
    rows = [(file.path, file.partition, file.header, file.modified_at) for file in sorted(files, key=_size)]
    readers = max(1, min(tasks, len(rows)))
    dealt = [row for reader in range(readers) for row in rows[reader::readers]]
    names = spark.createDataFrame(
        spark.sparkContext.parallelize(dealt, readers),
        "path STRING, partition STRING, header STRING, received_at TIMESTAMP",
    )
    raw = names.mapInArrow(records.read_files, schemas.RAW)
    return raw.repartition(tasks) if readers < tasks else raw


def in_portions(files: Iterable[File], limit: int) -> Iterator[list[File]]:
    """Files in their order, in groups of about so many bytes; a file alone may have more."""
    portion: list[File] = []
    for file in files:
        if portion and sum(map(_size, portion)) + _size(file) > limit:
            yield portion
            portion = []
        portion.append(file)
    if portion:
        yield portion


def local(path: str) -> str:
    """A path of this machine from what Spark calls it."""
    return unquote(path.removeprefix("file://")) if path.startswith("file://") else path.removeprefix("file:")


def _file(path: str, data_dir: Path, own: Mapping[str, str], taken: Mapping[str, Taken]) -> File | Refusal | None:
    """The file ready to be read, None when it is empty or was taken before, a refusal when it has changed since."""
    status = Path(path).stat()
    if not status.st_size:
        return None
    modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
    partition = records.partition_of(Path(path), data_dir)
    before = taken.get(partition)
    if before and before.bytes == status.st_size and before.modified_at == modified_at:
        return None
    sha256 = _sha256(path)
    if before:
        same = before.sha256 == sha256
        return None if same else Refusal(path, "it has changed since it was taken; move changed rows in as a new file")
    header = records.header_of(path)
    if header is not None:
        layouts.recognise(header, own)
    records.ensure_whole(path)
    return File(path, partition, header, status.st_size, modified_at, sha256)


def _size(file: File) -> int:
    """Bytes once it is unpacked, about."""
    return file.bytes * (_UNPACKED if file.path.lower().endswith(".gz") else 1)


def _sha256(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _escaped(path: Path) -> str:
    """The path with the characters that Hadoop would take for a pattern escaped."""
    return "".join(f"\\{letter}" if letter in "*?[]{}\\" else letter for letter in str(path))


def _in_words(error: Exception) -> str:
    if isinstance(error, layouts.UnknownHeaderError):
        return str(error)
    if isinstance(error, (EOFError, zlib.error, gzip.BadGzipFile)):
        return f"it is not a whole gzip file ({error})"
    return f"it cannot be read ({getattr(error, 'strerror', None) or error})"
