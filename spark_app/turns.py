"""Which events turn a user to a product, in Spark's words; recency.py says it in plain ones."""

from collections.abc import Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_app import recency


def to_product(weights: Mapping[str, float]) -> Column:
    """Whether an event that has a product turns its user to it."""
    return F.col("event_type").isin(sorted(recency.turning(weights))) & (F.col("quantity") > 0)
