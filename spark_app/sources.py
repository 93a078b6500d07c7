"""A topic or a folder -> raw records (schemas.RAW); after this the two are one.

A stream of a folder carries names of files only. `offered` looks at each file before a line of it is read; the good
ones are read on the executors, record by record, so that a file of any size needs little memory.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app import schemas
from spark_app.intake import connection, records
from spark_app.intake.offered import File
from spark_app.settings import Settings
from spark_app.storage import places

# Below this a file is read by one task: starting another takes longer.
_BYTES_A_TASK = 4_000_000
_UNPACKED = 6
_FILE_NAMES = "path STRING, modificationTime TIMESTAMP, length BIGINT, content BINARY"


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
    """A folder (or one file) as a stream of the names of its files.

    Executors open what they name: on a cluster that is what stands in the bucket, and not its copy on this machine.
    """
    place = places.far(settings.spark.master, settings.place(path.absolute()))
    return (
        spark.readStream.format("binaryFile")
        .schema(_FILE_NAMES)
        .option("recursiveFileLookup", "true")
        # Else a file moved in with an old time would be passed over in silence once a newer one was seen.
        .option("maxFileAge", "36500d")
        .option("maxFilesPerTrigger", settings.max_files_per_trigger)
        .load(_escaped(str(place or path.absolute())))
        .select("path")
    )


def read(spark: SparkSession, settings: Settings, files: Collection[File], cores: int) -> DataFrame:
    """The records of these files as schemas.RAW; position counts the records of a file from 0, its header apart.

    On a cluster those of a bucket are read there, for the copies are on this machine alone.
    """
    is_near = settings.spark.master.startswith("local")
    tasks = min(2 * cores, 1 + sum(map(_size, files)) // _BYTES_A_TASK)
    rows = [
        (file.path if is_near else settings.told(Path(file.path)), file.partition, file.header, file.modified_at)
        for file in sorted(files, key=_size)
    ]
    readers = max(1, min(tasks, len(rows)))
    dealt = [row for reader in range(readers) for row in rows[reader::readers]]
    names = spark.createDataFrame(
        spark.sparkContext.parallelize(dealt, readers),
        "path STRING, partition STRING, header STRING, received_at TIMESTAMP",
    )
    raw = names.mapInArrow(partial(records.read_files, endpoint=settings.s3.endpoint), schemas.RAW)
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


def _size(file: File) -> int:
    """Bytes once it is unpacked, about."""
    return file.bytes * (_UNPACKED if file.path.lower().endswith(".gz") else 1)


def _escaped(path: str) -> str:
    """The path with the characters that Hadoop would take for a pattern escaped."""
    return "".join(f"\\{letter}" if letter in "*?[]{}\\" else letter for letter in path)
