"""A wide table of users -> the values of a sample of them, as samples.py draws it."""

from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame

from spark_app.frames import samples
from spark_app.grouping.nearest import Doubles
from spark_app.segments import matrices


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
    """The users of schemas.WIDE that are drawn."""
    rows, total = samples.drawn(table.select("user", "values"), seed)
    return Sample(rows["user"], matrices.matrix(rows["values"], columns), total)
