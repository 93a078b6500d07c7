"""Wiring of the kept interests: what LATEST names in, files of `results/` out.

They are of the event table and of no generation, as segments: replaced together beside those that metrics.json is of,
and interests.json is removed first and written last. What is damaged is left out, and told.
"""

from typing import Any

import structlog
from pyspark.sql import SparkSession

from spark_app import exports, schemas
from spark_app.cohorts import shelf_tables
from spark_app.exports import Csv
from spark_app.running import progress
from spark_app.settings import Settings
from spark_app.storage import interest_files
from spark_app.storage.interest_files import USERS
from spark_app.storage.shelves import Folder

SEAL = "interests.json"
TABLE, GROUPS = "interests.csv", "interest_groups.csv"
GROUP = (
    "group INT, label STRING, size BIGINT, share DOUBLE, keywords ARRAY<STRING>, top_products ARRAY<STRING>, "
    "strategy STRING"
)


def write(spark: SparkSession, settings: Settings) -> dict[str, int]:
    """Replace all files of interests; gives name -> rows, nothing where none are kept that can be read.

    What cannot be read is one warning; then, or with an error, the old files stay whole. Errors as exports.write_csv.
    """
    folder = interest_files.intact(settings, progress.warn)
    if folder is None:
        return {}
    return exports.publish_beside(
        of(spark, folder), settings.results_dir, seal=SEAL, said=folder.summary, parts=settings.export_parts
    )


def is_current(settings: Settings) -> bool:
    """Whether the results show the newest interests, as far as these can be read."""
    folder = interest_files.intact(settings, structlog.get_logger().info)
    return folder is None or exports.said(settings.results_dir, SEAL).get("id") == folder.id


def of(spark: SparkSession, folder: Folder) -> list[Csv]:
    """The tables of these interests as files."""
    users = shelf_tables.read(spark, folder, USERS).select(*schemas.names(schemas.INTEREST))
    groups = spark.createDataFrame([_row(group) for group in folder.summary["groups"].values()], GROUP)
    return [Csv(TABLE, users, ("user",)), Csv(GROUPS, groups, ("group",))]


def _row(group: dict[str, Any]) -> tuple[Any, ...]:
    products = [one["product"] for one in group["products"] if one["product"]]
    words = [word for word, _ in group["keywords"]]
    return (*(group[name] for name in ("group", "label", "size", "share")), words, products, group["strategy"]["words"])
