"""The model's vectors of users -> numbers of each user: in which direction it stands among the factors.

The length of a vector tells how much a user did, and behaviour tells that better: here all are of length 1.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app.segmentation import Column
from spark_app.segments.wide import Wide


def wide(users: DataFrame) -> Wide:
    """From (user, factors), all of one length: the columns factor_1, factor_2, and so on.

    Users without a vector, with one of zeros, or with a number in it that is not finite, are left out.
    """
    values = F.col("factors").cast("array<double>")
    length = F.sqrt(F.aggregate("values", F.lit(0.0), lambda so_far, value: so_far + value * value))
    whole = users.select("user", values.alias("values")).filter(F.forall("values", _finite))
    told = whole.withColumn("length", length).filter(F.col("length") > 0)
    table = told.select("user", F.transform("values", lambda value: value / F.col("length")).alias("values"))
    first = table.select(F.size("values").alias("size")).first()
    return Wide(table, tuple(Column(f"factor_{place}", "") for place in range(1, (first["size"] if first else 0) + 1)))


def _finite(value: F.Column) -> F.Column:
    return value.isNotNull() & ~F.isnan(value) & (F.abs(value) < float("inf"))
