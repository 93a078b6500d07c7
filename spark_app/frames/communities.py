"""Who is near whom -> communities, by label propagation of GraphFrames: of products that are listed together, of users.

GraphX, below GraphFrames, works on long ids: a vertex gets its place in the order of ids (`places`), so that the
smallest place is the smallest id, and the same pairs give the same communities however they are partitioned. What is
small is held in one partition: nothing is shuffled then, and a round of GraphX costs as little as it can.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from graphframes import GraphFrame
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

VOTES = 3  # of the nearest neighbour
EDGES_IN_A_PARTITION = 200_000
# More edges have no room in the memory that GraphX gets of a heap of 4 GB; and so many fit where the program runs.
IN_GRAPHX, ON_DRIVER = 2_000_000, 100_000_000


def places(*order: Column | str) -> Column:
    """The place of each row in this order, from 0."""
    return (F.row_number().over(Window.orderBy(*order)) - 1).cast("long")


def votes(near: DataFrame, most: int | None = None) -> DataFrame:
    """(src, dst, votes): how many votes a vertex gives to those near it, or the `most` nearest: (src, dst, near).

    Nearness is above 0. The nearest gets three, the others by their nearness beside its. A vertex is near to itself
    too, and gives its own label as many as the nearest can have from both sides: rounds are synchronous, without it a
    pair would swap its labels for ever.
    """
    by_src, itself = Window.partitionBy("src"), F.col("src") == F.col("dst")
    share = F.col("near") / F.max(F.when(~itself, F.col("near"))).over(by_src)
    votes = F.ceil(VOTES * share - 1e-9)  # two thirds are two votes, whatever the last bit says
    order = F.row_number().over(by_src.orderBy(~itself, F.desc("near"), "dst"))
    given = F.when(itself, VOTES).otherwise(votes).cast("int").alias("votes")
    ranked = near.select("src", "dst", given, order.alias("order"))
    return (ranked if most is None else ranked.where(F.col("order") <= 1 + most)).drop("order")


def labels(vertices: DataFrame, votes: DataFrame, rounds: int, *, partitions: int) -> DataFrame:
    """(id, label) of each vertex (id) by label propagation (Raghavan, Albert, Kumara 2007); each vote is an edge.

    An edge carries labels both ways.
    """
    edges = votes.select("src", "dst", F.explode(F.sequence(F.lit(1), F.col("votes"))))
    return GraphFrame(vertices, edges.coalesce(partitions)).labelPropagation(maxIter=rounds)


def numbered(members: DataFrame, group: str) -> DataFrame:
    """id and group, the groups numbered from 0: the largest first, of equals that with the smallest id."""
    of_group = Window.partitionBy(group)
    sized = members.select(
        "id", F.count(F.lit(1)).over(of_group).alias("size"), F.min("id").over(of_group).alias("first")
    )
    return sized.select("id", (F.dense_rank().over(Window.orderBy(F.desc("size"), "first")) - 1).alias(group))


def spread(table: DataFrame, partitions: int, *order: str) -> DataFrame:
    """Its rows in an order that does not depend on how they came, so that sums of doubles repeat."""
    rows = table.coalesce(1) if partitions == 1 else table.repartition(partitions, *order)
    return rows.sortWithinPartitions(*order)


@contextmanager
def kept(spark: SparkSession) -> Iterator[Callable[[DataFrame], DataFrame]]:
    """Persist what is used more than once, from its first use; give it back in the end, with what GraphX forgets to."""
    tables: list[DataFrame] = []
    before = set(persistent(spark))

    def keep(table: DataFrame) -> DataFrame:
        tables.append(table.persist())
        return table

    try:
        yield keep
    finally:
        for table in tables:
            table.unpersist()
        for number, rdd in persistent(spark).items():
            if number not in before and (rdd.name() or "").startswith(("VertexRDD", "EdgeRDD")):
                rdd.unpersist(False)


def persistent(spark: SparkSession) -> dict[int, Any]:
    """What is persisted, by its number."""
    return dict(spark.sparkContext._jsc.getPersistentRDDs())
