"""Which events turn a user to a product, in Spark's words; recency.py says it in plain ones."""

from collections.abc import Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_app.timeline import recency


def to_product(weights: Mapping[str, float]) -> Column:
    """Whether an event turns its user to a product: the positive ones of judging, and the looks of recents."""
    of_kind = F.col("event_type").isin(sorted(recency.turning(weights)))
    return F.col("product").isNotNull() & of_kind & (F.col("quantity") > 0)
