"""Events -> what each user turned to last, by brand or by product, the newest first, as recency.py defines it."""

from collections.abc import Mapping

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from spark_app import schemas
from spark_app.frames import turns
from spark_app.timeline.recency import LAST, TURNED, Kind


def turned(events: DataFrame, weights: Mapping[str, float]) -> DataFrame:
    """(user, product, turned_at): when each user turned to each product last."""
    return events.filter(turns.to_product(weights)).groupBy("user", "product").agg(F.max("occurred_at").alias(TURNED))


def last(looks: DataFrame, details: DataFrame, *, kind: Kind, n: int = LAST) -> DataFrame:
    """The last `n` brands, or products, of each user, as schemas.RECENT.

    From (user, product, turned_at), a row for each pair, null where the user never turned to the product, and from the
    brands in schemas.PRODUCT_DETAILS. A brand has the newest of its products beside it.
    """
    found = looks.select("user", "product", TURNED).filter(F.col(TURNED).isNotNull())
    found = found.join(details.select("product", "brand"), "product", "left")
    newest = (F.desc(TURNED), "product")
    if kind == "brand":
        # By user alone, so that both windows have their rows together.
        named = found.filter(F.col("brand").isNotNull()).repartition("user")
        of_brand = Window.partitionBy("user", "brand").orderBy(*newest)
        found = named.withColumn("place", F.row_number().over(of_brand)).filter("place = 1")
    ranked = found.withColumn("rank", F.row_number().over(Window.partitionBy("user").orderBy(*newest)))
    columns = ranked.filter(F.col("rank") <= n).withColumnRenamed(TURNED, "last_event_at")
    return columns.select(*schemas.names(schemas.RECENT))
