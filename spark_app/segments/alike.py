"""Points -> who is alike, and the communities that this makes of users: the social network.

Likeness is 1 / (1 + distance) of two points, from 1 for the same down to 0: nearest are those whom the segments put
together, which the cosine would not say, since a user in the middle has no direction. Up to EXACT users everyone is
compared with everyone. Above it a user is compared with the users around: those of the own cell and of the cells
nearest to it, which are found by pivots, users drawn by chance; the list then is approximate.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from graphframes import GraphFrame
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app import schemas, scoring
from spark_app.frames import communities as communities_
from spark_app.frames import near
from spark_app.frames.held import hold
from spark_app.numbers import adjacency
from spark_app.numbers.arrays import Doubles, Indices
from spark_app.segments.matrices import matrix

COMMUNITY = "user STRING, community INT, degree INT"
# So many users fit everywhere as points, and are compared with each other.
EXACT = 50_000
# Users of a cell, as many as are drawn for it; a cell has at most CELL_LIMIT, and its neighbours' are looked at too.
CELL, CELL_LIMIT, AROUND = 500, 2_000, 4
ROUNDS = 10


class Points(NamedTuple):
    """Users in the order of their ids, and (users, components) where each stands."""

    users: pa.Array
    at: Doubles


def is_exact(users: int) -> bool:
    """Whether the lists of so many users have everyone to choose from."""
    return users <= EXACT


def users(points: DataFrame, n: int, seed: int) -> DataFrame:
    """The n users most alike to each, from schemas.POINT, as schemas.USER_SIMILARITY; of equals the smaller id.

    Fewer where there are fewer others; no rows for one user alone. `seed` draws the pivots where it is not exact.
    """
    count = points.count()
    return _of_all(points, n, count) if is_exact(count) else _of_around(points, n, count, seed)


def communities(similar: DataFrame) -> DataFrame:
    """(user, community, degree) of schemas.USER_SIMILARITY: who hangs together, and with how many one is on a list.

    An edge leads to each user on a list, and one back. Communities are found by label propagation, in which the most
    alike has three votes, and numbered from 0, the largest first.
    """
    with communities_.kept(similar.sparkSession) as keep:
        if similar.isEmpty():
            return similar.sparkSession.createDataFrame([], COMMUNITY)
        edges = keep(similar.select(F.col("user").alias("src"), F.col("similar_user").alias("dst"), "score"))
        partitions = 1 + edges.count() // communities_.EDGES_IN_A_PARTITION
        ids = edges.select(F.explode(F.array("src", "dst")).alias("user")).distinct()
        vertices = keep(ids.select(communities_.places("user").alias("id"), "user"))
        links = keep(communities_.spread(_links(edges, vertices), partitions, "src", "dst"))
        places = keep(communities_.spread(vertices.select("id"), partitions, "id"))
        there, back = F.struct("src", "dst"), F.struct(F.col("dst").alias("src"), F.col("src").alias("dst"))
        network = GraphFrame(places, links.select(F.inline(F.array(there, back))).distinct())
        found = communities_.numbered(_labels(places, links, partitions).coalesce(partitions), "label")
        told = vertices.join(found, "id").join(network.outDegrees, "id")
        numbers = [F.col("label").cast("int").alias("community"), F.col("outDegree").cast("int").alias("degree")]
        result = hold(told.select("user", *numbers))
        result.count()  # while what it is made of is kept
        return result


def said(similar: DataFrame, network: DataFrame, users: int) -> dict[str, Any]:
    """What the summary says of it: how many users were compared, edges, communities, the largest, whether exact."""
    sizes = network.groupBy("community").count().agg(F.count("*").alias("communities"), F.max("count").alias("largest"))
    found = sizes.first()
    return {
        "users": users, "edges": similar.count(), "communities": found["communities"], "largest": found["largest"] or 0,
        "exact": is_exact(users),
    }  # fmt: skip


def _links(edges: DataFrame, vertices: DataFrame) -> DataFrame:
    """The edges between places."""
    starts = vertices.select(F.col("user").alias("src"), F.col("id").alias("start"))
    ends = vertices.select(F.col("user").alias("dst"), F.col("id").alias("end"))
    placed = edges.join(starts, "src").join(ends, "dst")
    return placed.select(F.col("start").alias("src"), F.col("end").alias("dst"), F.col("score").alias("near"))


def _labels(places: DataFrame, links: DataFrame, partitions: int) -> DataFrame:
    """(id, label) by GraphFrames, or of what has no room there where the program runs."""
    itself = places.select(F.col("id").alias("src"), F.col("id").alias("dst"), F.lit(1.0).alias("near"))
    votes = communities_.votes(links.unionByName(itself))
    given = votes.agg(F.sum("votes")).first()[0]
    if not communities_.IN_GRAPHX < given <= communities_.ON_DRIVER:
        return communities_.labels(places, votes, ROUNDS, partitions=partitions)
    table = votes.select(F.col("src").cast("int"), F.col("dst").cast("int"), F.col("votes").cast("float")).toArrow()
    src, dst, weights = (table[name].to_numpy() for name in ("src", "dst", "votes"))
    found = adjacency.labels(adjacency.both_ways(src, dst, places.count(), weights), rounds=ROUNDS)
    return places.sparkSession.createDataFrame(pa.table({"id": np.arange(len(found)), "label": found}))


def nearest(queries: Doubles, known: Doubles, own: NDArray[np.int64], n: int) -> tuple[Indices, Doubles]:
    """(queries, n) places in `known` and distances, the nearest first, ties to the smaller place; -1 for none.

    `own` is the place of each query itself, which is left out.
    """
    places, distances = np.full((len(queries), n), -1, np.int32), np.full((len(queries), n), np.inf)
    height, lengths = max(scoring.TILE_SCORES // max(len(known), 1), 1), np.einsum("ij,ij->i", known, known)
    for start in range(0, len(queries), height):
        part = slice(start, min(start + height, len(queries)))
        against = 2 * (queries[part] @ known.T) - lengths
        against -= np.einsum("ij,ij->i", queries[part], queries[part])[:, None]
        scores = against.astype(np.float32)
        scores[np.arange(len(scores)), own[part]] = scoring.MINUS_INFINITY
        places[part] = scoring.select(scores, n=n).products
        distances[part] = _distances(queries[part], known, places[part])
    # What was chosen by differences of large numbers is put in order by exact distances.
    order = np.lexsort((places, distances))
    return np.take_along_axis(places, order, axis=1), np.take_along_axis(distances, order, axis=1)


def _distances(queries: Doubles, known: Doubles, places: Indices) -> Doubles:
    apart = known[places] - queries[:, None, :]
    return np.where(places < 0, np.inf, np.sqrt(np.einsum("ijk,ijk->ij", apart, apart)))


def _of_all(points: DataFrame, n: int, count: int) -> DataFrame:
    """Everyone with everyone: all points are on the driver and on each executor."""
    spark, is_near = points.sparkSession, near.is_small(count, count)
    shared = near.shared(spark, _collected(points), near=is_near)

    def compare(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        known = shared.value
        with scoring.one_blas_thread():
            for batch in batches:
                own = batch["id"].to_numpy()
                yield _rows(known.users, own, *nearest(known.at[own], known.at, own, n))

    places = spark.range(count).repartition(2 * spark.sparkContext.defaultParallelism)
    return near.mapped(places, compare, schemas.USER_SIMILARITY, near=is_near)


def _collected(points: DataFrame) -> Points:
    table = points.select("user", "point").orderBy("user").toArrow().combine_chunks()
    return Points(table["user"].combine_chunks(), matrix(table["point"]))


def _rows(ids: pa.Array, own: NDArray[np.int64], places: Indices, distances: Doubles) -> pa.RecordBatch:
    """Lists of places -> rows of users."""
    found = places >= 0
    whose = own[np.nonzero(found)[0]]
    scores = pa.array(1.0 / (1.0 + distances[found]))
    columns = [ids.take(pa.array(whose)), ids.take(pa.array(places[found])), scores]
    return pa.RecordBatch.from_arrays(columns, names=schemas.names(schemas.USER_SIMILARITY))


def _of_around(points: DataFrame, n: int, count: int, seed: int) -> DataFrame:
    """Each with those of some cells: the task of a cell gets its own users and, to choose from, those around it."""
    chosen, spark = _pivots(points, count // CELL, seed), points.sparkSession
    placed = points.select("user", "point").mapInArrow(_placing(chosen), "user STRING, point ARRAY<DOUBLE>, pivot INT")
    sizes = np.zeros(len(chosen), np.int64)
    for row in placed.groupBy("pivot").count().collect():
        sizes[row["pivot"]] = row["count"]
    pieces = np.maximum(-(-sizes // CELL_LIMIT), 1)
    of_pivot = spark.createDataFrame(pa.table({"pivot": np.arange(len(pieces), dtype=np.int32), "pieces": pieces}))
    cells = placed.join(F.broadcast(of_pivot), "pivot")
    cells = cells.withColumn("piece", F.pmod(F.xxhash64("user", F.lit(seed)), "pieces"))
    sent = cells.join(F.broadcast(spark.createDataFrame(_routes(chosen, pieces))), ["pivot", "piece"])
    return sent.select("cell", "own", "user", "point").groupBy("cell").applyInArrow(
        _comparing(n), schemas.USER_SIMILARITY
    )


def _pivots(points: DataFrame, count: int, seed: int) -> Doubles:
    """(count, components) where users stand that were drawn by chance, the same ones however the table is parted."""
    drawn = points.orderBy(F.xxhash64("user", F.lit(seed)), "user").limit(count)
    return matrix(drawn.select("point").toArrow()["point"])


def _placing(pivots: Doubles) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Runs on the executors: adds to each user the place of the pivot that is nearest."""
    halves = np.einsum("ij,ij->i", pivots, pivots) / 2

    def place(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with scoring.one_blas_thread():
            for batch in batches:
                at, height = matrix(batch["point"]), max(scoring.TILE_SCORES // len(pivots), 1)
                blocks = [at[start : start + height] for start in range(0, len(at), height)]
                found = [np.argmax(block @ pivots.T - halves, axis=1) for block in blocks]
                pivot = np.concatenate(found or [np.empty(0, np.int64)]).astype(np.int32)
                yield batch.append_column("pivot", pa.array(pivot))

    return place


def _routes(pivots: Doubles, pieces: NDArray[np.int64]) -> pa.Table:
    """(pivot, piece, cell, own): to which cells the users of a piece are sent, and whether it is their own.

    A cell is one piece of a pivot's users; around it are the pieces of the same number, of the pivots nearest to it.
    """
    known = np.arange(len(pivots))
    around = np.column_stack([known, nearest(pivots, pivots, known, AROUND)[0]])
    first = np.concatenate([[0], np.cumsum(pieces)])
    rows = [
        (other, piece % pieces[other], first[pivot] + piece, other == pivot)
        for pivot in known
        for piece in range(pieces[pivot])
        for other in around[pivot]
        if other >= 0
    ]
    pivot, piece, cell, own = zip(*rows, strict=True)
    columns = {"pivot": np.array(pivot, np.int32), "piece": np.array(piece), "cell": np.array(cell)}
    return pa.table({**columns, "own": np.array(own)})


def _comparing(n: int) -> Callable[[pa.Table], pa.Table]:
    """Runs on the executors: users of a cell and around it -> the lists of the cell's own."""

    def compare(sent: pa.Table) -> pa.Table:
        table = sent.sort_by("user").combine_chunks()
        at, own = matrix(table["point"]), np.flatnonzero(table["own"].to_numpy())
        with scoring.one_blas_thread():
            found = nearest(at[own], at, own, n)
        return pa.Table.from_batches([_rows(table["user"].combine_chunks(), own, *found)])

    return compare
