"""Wiring of pictures: what posts name in, what is written in them out, each picture read once by each reader.

Executors read them, some thousand at a time, and what was read is kept after each of these turns: who is stopped goes
on from there. A picture that changes is read again; one at an address is taken to stay the same.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app.frames.held import hold
from spark_app.interests.seeing import reading
from spark_app.running import progress
from spark_app.settings import Settings
from spark_app.storage import bucket, interest_files, places

SAID = "image STRING, said STRING"
_STAMPED = "image STRING, stamp STRING"
_READ = "image STRING, stamp STRING, reader STRING, said STRING"
_FOUND = f"{_READ}, fault STRING"
# Pictures of a turn, and faults that are told.
_TURN, _TOLD = 2_000, 3


class Counts(NamedTuple):
    """How many pictures say something, could not be read, and say nothing or are not to be read."""

    read: int
    failed: int
    none: int

    def __str__(self) -> str:
        return f"{self.read:,} read, {self.failed:,} cannot be, {self.none:,} say nothing"


def texts(spark: SparkSession, settings: Settings, images: DataFrame) -> tuple[DataFrame, Counts]:
    """What is written in pictures (image), each there once: as SAID, those that say something.

    What cannot be read is told in a line or a few, and is tried again the next time.
    """
    nothing, number = spark.createDataFrame([], SAID), images.count()
    if not number or settings.interests.reader == "none":
        return nothing, Counts(0, 0, number)
    if why := reading.lacking(settings):
        progress.warn(f"{number:,} picture{' is' if number == 1 else 's are'} not read: {why}")
        return nothing, Counts(0, number, 0)
    stamped = images.mapInArrow(partial(_stamped, settings.interests.pictures), _STAMPED).transform(hold)
    _read_new(spark, settings, stamped)
    known = stamped.join(_kept(spark, settings), ["image", "stamp"]).select("image", "said").transform(hold)
    of_all, some = known.count(), known.filter(F.trim("said") != "")
    read = some.count()
    return some, Counts(read, number - of_all, of_all - read)


def _read_new(spark: SparkSession, settings: Settings, stamped: DataFrame) -> None:
    new = stamped.join(_kept(spark, settings), ["image", "stamp"], "left_anti").transform(hold)
    number, failed, faults = new.count(), 0, list[str]()
    turns = -(-number // _TURN)
    for turn in range(turns):
        own = new.filter(F.pmod(F.xxhash64("image"), F.lit(turns)) == turn)
        spread = own.repartition(spark.sparkContext.defaultParallelism)
        found = spread.mapInArrow(partial(_looked_at, settings, _reader(settings)), _FOUND).persist()
        found.filter("fault IS NULL").drop("fault").write.mode("append").parquet(_where(spark, settings))
        wrong = found.filter("fault IS NOT NULL")
        failed += wrong.count()
        faults += [row["fault"] for row in wrong.orderBy("image").limit(_TOLD).collect()]
        found.unpersist()
    if failed:
        others = f"; {failed - _TOLD:,} others cannot be read either" if failed > _TOLD else ""
        progress.warn(f"pictures are left out: {'; '.join(sorted(faults)[:_TOLD])}{others}")


def _kept(spark: SparkSession, settings: Settings) -> DataFrame:
    """(image, stamp, said) of all that this reader has read before; parts that are damaged are left out."""
    seen = interest_files.seen(settings)
    place = places.far(spark.sparkContext.master, settings.place(seen))
    names = bucket.listed(place) if place else [path.name for path in seen.glob("*")]
    if not any(name.endswith(".parquet") for name in names):
        return spark.createDataFrame([], _READ).drop("reader")
    rows = spark.read.schema(_READ).option("ignoreCorruptFiles", "true").parquet(_where(spark, settings))
    own = rows.filter(F.col("reader") == _reader(settings))
    return own.dropDuplicates(["image", "stamp"]).drop("reader")


def _where(spark: SparkSession, settings: Settings) -> str:
    """As executors call it: of a bucket the copy, where they see that."""
    seen = interest_files.seen(settings)
    return str(places.far(spark.sparkContext.master, settings.place(seen)) or seen.absolute())


def _reader(settings: Settings) -> str:
    """Who reads: another model says something else."""
    asked = settings.interests
    model = {"captions": asked.captions_model, "gemini": asked.gemini_model}.get(asked.reader, "")
    return f"{asked.reader}:{model}"


# On executors.


def _stamped(folder: Path | None, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    return _mapped(batches, lambda image: (image, _stamp(folder, image)), ("image", "stamp"))


def _looked_at(settings: Settings, reader: str, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    columns = ("image", "stamp", "reader", "said", "fault")
    for batch in batches:
        stamps = iter(batch["stamp"].to_pylist())
        rows = [(image, next(stamps), reader, *_said(settings, image)) for image in batch["image"].to_pylist()]
        yield _batch(rows, columns)


def _said(settings: Settings, image: str) -> tuple[str | None, str | None]:
    try:
        return reading.text_of(settings, image), None
    except reading.Unreadable as error:
        return None, str(error)


def _stamp(folder: Path | None, image: str) -> str:
    """When a file was changed, and its size; the same for all that is no file here."""
    try:
        found = ((folder or Path()) / image).stat()
    except (OSError, ValueError):
        return "elsewhere"
    return f"{found.st_mtime_ns}:{found.st_size}"


def _mapped(
    batches: Iterator[pa.RecordBatch], made: Callable[[str], tuple[str, ...]], columns: tuple[str, ...]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield _batch([made(image) for image in batch["image"].to_pylist()], columns)


def _batch(rows: Sequence[tuple[str | None, ...]], columns: tuple[str, ...]) -> pa.RecordBatch:
    cells = [pa.array([row[place] for row in rows], pa.string()) for place in range(len(columns))]
    return pa.RecordBatch.from_arrays(cells, names=list(columns))
