"""The tables of what is kept on a shelf as DataFrames: read from a folder and written, where executors see it."""

from pyspark.sql import DataFrame, SparkSession

from spark_app.storage import bucket, copies, places
from spark_app.storage.shelves import Folder


def read(spark: SparkSession, folder: Folder, name: str) -> DataFrame:
    """A table of what is kept."""
    place = places.far(spark.sparkContext.master, folder.place)
    return spark.read.parquet(f"{place}/{name}" if place else str((folder.path / name).absolute()))


def write(folder: Folder, name: str, table: DataFrame) -> None:
    """One table of what is being made, as a folder of Parquet files."""
    place = places.far(table.sparkSession.sparkContext.master, folder.place)
    table.write.parquet(f"{place}/{name}" if place else str((folder.path / name).absolute()))
    if place:
        copies.bring_some(place / name, folder.path / name, bucket.listed(place / name))
