"""Wiring of the kept segments: the newest of each set of features in, files of `results/` out.

They are of the event table and of no generation, as what is rising: all of them are replaced together beside those
that metrics.json is of, and segments.json is removed first and written last. What is damaged is left out, and told.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app import exports, schemas
from spark_app.cohorts import shelf_tables
from spark_app.exports import Csv
from spark_app.running import progress
from spark_app.settings import Settings
from spark_app.storage import segment_files, shelves
from spark_app.storage.segment_files import COMMUNITIES, PROFILES, SEGMENTS, SIMILARITY, STRATEGIES, Folder

SEAL = "segments.json"
# File -> table, its columns, and the order of its rows: of all sets of features, and of the one that was made last.
_OF_ALL = {
    "segments.csv": (SEGMENTS, schemas.names(schemas.SEGMENT), ("user", "features", "method")),
    "segment_profiles.csv": (
        PROFILES, schemas.names(schemas.SEGMENT_PROFILE), ("features", "method", "segment", "feature")
    ),
    "segment_strategies.csv": (STRATEGIES, schemas.names(schemas.SEGMENT_STRATEGY), ("features", "method", "segment")),
}  # fmt: skip
_OF_LAST = {
    "user_similarity.csv": (SIMILARITY, schemas.names(schemas.USER_SIMILARITY), ("user", "score")),
    "user_communities.csv": (COMMUNITIES, ["user", "community", "degree"], ("user",)),
}
# The most similar user comes first.
_FALLING = ("score",)
_ALL = tuple(name for name, *_ in (*_OF_ALL.values(), *_OF_LAST.values()))


def write(spark: SparkSession, settings: Settings) -> dict[str, int]:
    """Replace all files of segments; gives name -> rows, nothing where no segments are kept that can be read.

    What cannot be read is one warning, and left out; where nothing can, or with an error, the old files stay whole.
    Errors as exports.write_csv.
    """
    folders = segment_files.intact(settings, progress.warn, _ALL)
    if not folders:
        return {}
    return exports.publish_beside(
        of(spark, folders), settings.results_dir, seal=SEAL, said=told(folders), parts=settings.export_parts
    )


def is_current(settings: Settings) -> bool:
    """Whether the results show the newest segments of each set of features, as far as they can be read."""
    kept = {folder.features: folder.id for folder in segment_files.intact(settings, structlog.get_logger().info, _ALL)}
    return not kept or kept.items() <= _shown(settings).items()


def of(spark: SparkSession, folders: Sequence[Folder]) -> list[Csv]:
    """The tables of these segments as files."""
    last = segment_files.newest(folders)
    if last is None:
        return []
    whole = [
        Csv(file, reduce(DataFrame.unionByName, (_read(spark, one, name, columns) for one in folders)), order)
        for file, (name, columns, order) in _OF_ALL.items()
    ]
    return whole + [
        Csv(file, _read(spark, last, name, columns), order, _FALLING)
        for file, (name, columns, order) in _OF_LAST.items()
    ]


def told(folders: Sequence[Folder]) -> dict[str, Any]:
    """What segments.json says: the summary of each, and which was made last."""
    last = segment_files.newest(folders)
    return {"latest": last and last.features, "features": {folder.features: folder.summary for folder in folders}}


def _shown(settings: Settings) -> dict[str, str]:
    """Features -> the id of their segments in the results; nothing where there are none, or they cannot be read."""
    try:
        said = exports.said(settings.results_dir, SEAL)["features"]
        return {features: summary["id"] for features, summary in said.items()}
    except (LookupError, TypeError, AttributeError):
        return {}


def _read(spark: SparkSession, folder: Folder, name: str, columns: Sequence[str]) -> DataFrame:
    """One table, with the features that it is of where that is a column."""
    shelves.opened(folder, name)
    table = shelf_tables.read(spark, folder, name)
    return table.withColumn("features", F.lit(folder.features)).select(*columns)
