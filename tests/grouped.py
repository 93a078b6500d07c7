"""Tables of users with groups that are planted, and without any; numpy."""

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from spark_app import schemas
from spark_app.segmentation import Column
from spark_app.segments import matrices
from spark_app.segments.wide import Wide


def planted(users: int, columns: int, groups: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(users, columns) values and the group of each, 8 standard deviations from the next one in every column."""
    random = np.random.default_rng(seed)
    middles = 8.0 * np.array([random.permutation(groups) for _ in range(columns)]).T
    group = random.permutation(np.arange(users) % groups)
    return middles[group] + random.normal(size=(users, columns)), group


def noise(users: int, columns: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(users, columns))


def columns_of(values: np.ndarray) -> list[Column]:
    return [Column(f"c{at}", "share") for at in range(values.shape[1])]


def wide(spark: SparkSession, values: np.ndarray) -> Wide:
    """Users u0000, u0001, ... with these values."""
    named = pa.array([f"u{at:04d}" for at in range(len(values))], pa.string())
    rows = pa.table({"user": named, "values": matrices.lists(np.asarray(values, float))})
    return Wide(spark.createDataFrame(rows, StructType.fromDDL(schemas.WIDE)), tuple(columns_of(values)))


def segments(assigned: DataFrame, method: str) -> dict[str, int]:
    """The segment of each user by one method."""
    return {row["user"]: row["segment"] for row in assigned.collect() if row["method"] == method}
