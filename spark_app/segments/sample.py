"""A table of users -> a sample of stated size on the driver; all of them where they are no more than that.

Who is in it depends on the user's id and the seed alone, not on files or partitions, so that results repeat.
"""

from math import sqrt
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app.grouping.nearest import Doubles
from spark_app.segments import matrices

SIZE = 20_000


class Sample(NamedTuple):
    """Some users in an order by chance, and their (users, columns) values; `total` is how many there are in all."""

    users: pa.ChunkedArray
    values: Doubles
    total: int

    @property
    def is_everyone(self) -> bool:
        """Whether no user is left out."""
        return len(self.users) == self.total


def drawn(table: DataFrame, columns: int, seed: int) -> Sample:
    """The users of schemas.WIDE with the lowest hashes of their ids."""
    total = table.count()
    hashed = table.select("user", "values", F.xxhash64("user", F.lit(seed)).alias("place"))
    # A little more than are wanted: fewer would come once in a thousand million times.
    enough = SIZE + 6 * sqrt(SIZE)
    if total > enough:
        hashed = hashed.where(F.col("place") < F.lit(-(2**63) + int(enough / total * 2**64)))
    rows = hashed.toArrow().sort_by([("place", "ascending"), ("user", "ascending")]).slice(0, SIZE)
    return Sample(rows["user"], matrices.matrix(rows["values"], columns), total)
