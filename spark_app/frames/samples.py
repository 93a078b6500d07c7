"""A table of users -> a sample of stated size on the driver; all of them where they are no more than that.

Who is in it depends on the user's id and the seed alone, not on files or partitions, so that results repeat.
"""

from math import sqrt

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

SIZE = 20_000


def drawn(table: DataFrame, seed: int) -> tuple[pa.Table, int]:
    """The rows of the users with the lowest hashes of their ids, in that order, and how many rows there are in all.

    The table has one row a user. It is read twice.
    """
    total = table.count()
    hashed = table.withColumn("place", F.xxhash64("user", F.lit(seed)))
    # A little more than are wanted: fewer would come once in a thousand million times.
    enough = SIZE + 6 * sqrt(SIZE)
    if total > enough:
        hashed = hashed.where(F.col("place") < F.lit(-(2**63) + int(enough / total * 2**64)))
    rows = hashed.toArrow().sort_by([("place", "ascending"), ("user", "ascending")]).slice(0, SIZE)
    return rows.drop_columns("place"), total
