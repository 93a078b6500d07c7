"""The tables of what is kept on a shelf as DataFrames: read from a folder and written into it."""

from pyspark.sql import DataFrame, SparkSession

from spark_app.storage.shelves import Folder


def read(spark: SparkSession, folder: Folder, name: str) -> DataFrame:
    """A table of what is kept."""
    return spark.read.parquet(_place(folder, name))


def write(folder: Folder, name: str, table: DataFrame) -> None:
    """One table of what is being made, as a folder of Parquet files."""
    table.write.parquet(_place(folder, name))


def _place(folder: Folder, name: str) -> str:
    return str((folder.path / name).absolute())
