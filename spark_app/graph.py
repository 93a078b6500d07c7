"""Recommendations and product details in, a graph of users and products out; GraphFrames does the counting.

A vertex is "u:<user>" or "p:<product>", so that ids cannot collide; an edge leads from a user to a product on the
user's list. GraphX, below GraphFrames, works on long ids: each vertex gets its place in the order of ids, so that the
smallest place is the smallest id, and the same lists give the same graph however they are partitioned.
A small graph is held in one partition: nothing is shuffled then, and a round of GraphX costs as little as it can.
Of a large one PageRank and components are worked out by adjacency.py; beyond one machine's memory by GraphX again.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import numpy as np
import pyarrow as pa
from graphframes import GraphFrame
from pyspark import inheritable_thread_target
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from spark_app import schemas
from spark_app.frames import communities
from spark_app.numbers import adjacency
from spark_app.running.errors import SaidError

RESET = 0.15
PAIRED = 20  # products of a list that are paired with each other, best first: pairs grow with the square of it


class GraphError(SaidError, ValueError):
    """Vertices and edges that are no graph; the message says how many are wrong and names one."""


@dataclass(frozen=True)
class Graph:
    """Vertices (schemas.VERTEX) and edges (schemas.EDGE), both persisted: `unpersist` when done with them."""

    vertices: DataFrame
    edges: DataFrame

    def unpersist(self) -> None:
        """Give back the memory."""
        self.vertices.unpersist()
        self.edges.unpersist()


def build(
    recommendations: DataFrame,
    products: DataFrame,
    *,
    pagerank_rounds: int = 20,
    community_rounds: int = 10,
    edges_per_product: int = 15,
) -> Graph:
    """The graph of who is recommended what, from schemas.RECOMMENDATION and schemas.PRODUCT_DETAILS.

    A product that stands twice on a list is one edge, with its better rank. The fewer edges_per_product, the more and
    the smaller the communities: of 500 simulated products with eight tastes 94 with 5, 18 with 15. Raises GraphError
    when a product stands twice in the details, or a user or product is null.
    """
    spark = recommendations.sparkSession
    with communities.kept(spark) as keep:
        edges = keep(_edges(recommendations))
        count = edges.count()
        if not count:
            return Graph(spark.createDataFrame([], schemas.VERTEX), spark.createDataFrame([], schemas.EDGE))
        partitions = 1 + count // communities.EDGES_IN_A_PARTITION
        edges = edges.coalesce(partitions)
        vertices = keep(_vertices(edges, products.coalesce(partitions)))
        validate(vertices, edges)
        links = keep(communities.spread(_links(edges, vertices), partitions, "src", "dst"))
        places = keep(communities.spread(vertices.select(F.col("place").alias("id")), partitions, "id"))
        shelf = keep(communities.spread(links.select(F.col("dst").alias("id")).distinct(), partitions, "id"))
        graph = GraphFrame(places, links)
        votes = communities.votes(_nearness(links), edges_per_product)
        by_products = partial(communities.labels, shelf, votes, community_rounds, partitions=partitions)
        if communities.IN_GRAPHX < count <= communities.ON_DRIVER:
            ranks, components = _on_driver(links, vertices, pagerank_rounds)
            labels = by_products()
        else:
            # GraphX finds the components in a second; GraphFrames' own algorithm, for graphs above memory, takes eight.
            ranks, components, labels = _side_by_side(
                spark,
                lambda: _pagerank(places, links, pagerank_rounds),
                lambda: graph.connectedComponents(algorithm="graphx"),
                by_products,
            )
        components = communities.numbered(components.coalesce(partitions), "component")
        shared = _communities(communities.numbered(labels.coalesce(partitions), "label"), links)
        measures = _side_to_side(graph.degrees, ranks, components, shared, partitions=partitions)
        return Graph(
            vertices=_finished(communities.spread(vertices.join(measures, "place"), partitions, "id"), schemas.VERTEX),
            edges=_finished(communities.spread(edges, partitions, "src", "dst"), schemas.EDGE),
        )


def validate(vertices: DataFrame, edges: DataFrame) -> None:
    """Raise GraphError when an id is there twice, or an edge begins or ends at no vertex."""
    ends = edges.select(F.explode(F.array("src", "dst")).alias("id"), F.lit(0).alias("vertex"), F.lit(1).alias("end"))
    ids = vertices.select("id", F.lit(1).alias("vertex"), F.lit(0).alias("end")).union(ends)
    found = ids.groupBy("id").agg(F.sum("vertex").alias("vertices"), F.sum("end").alias("ends"))
    # A null end is lost even where a vertex is null.
    twice, lost = F.col("vertices") > 1, (F.col("ends") > 0) & ((F.col("vertices") == 0) | F.col("id").isNull())
    faults = [F.count_if(twice), F.min(F.when(twice, F.col("id")))]
    faults += [F.sum(F.when(lost, F.col("ends")).otherwise(0)), F.min(F.when(lost, F.col("id")))]
    repeated, one_repeated, adrift, one_adrift = found.agg(*faults).head() or (0, None, 0, None)
    if repeated:
        raise GraphError(f"{repeated:,} vertex ids are there more than once, for example {one_repeated!r}")
    if adrift:
        raise GraphError(f"{adrift:,} ends of edges are not among the vertices, for example {one_adrift!r}")


def _edges(recommendations: DataFrame) -> DataFrame:
    """One edge for each user and product."""
    user, product = F.concat(F.lit("u:"), "user"), F.concat(F.lit("p:"), "product")
    best = F.min(F.struct("rank", (-F.col("score")).alias("minus_score"))).alias("best")
    edges = recommendations.groupBy(user.alias("src"), product.alias("dst")).agg(best)
    return edges.select("src", "dst", (-F.col("best.minus_score")).alias("score"), "best.rank")


def _vertices(edges: DataFrame, products: DataFrame) -> DataFrame:
    """place, id, type, label of every user and product that has an edge; places count from 0 in the order of ids."""
    user = F.struct(F.col("src").alias("id"), F.lit("user").alias("type"))
    product = F.struct(F.col("dst").alias("id"), F.lit("product").alias("type"))
    ends = edges.select(F.inline(F.array(user, product))).distinct()
    named = ends.join(products.select(F.concat(F.lit("p:"), "product").alias("id"), "name"), "id", "left")
    label = F.when(F.trim("name") != "", F.col("name")).otherwise(F.substr("id", F.lit(3)))
    return named.select(communities.places("id", "name").alias("place"), "id", "type", label.alias("label"))


def _links(edges: DataFrame, vertices: DataFrame) -> DataFrame:
    """The edges between places."""
    users = vertices.select(F.col("id").alias("src"), F.col("place").alias("user"))
    products = vertices.select(F.col("id").alias("dst"), F.col("place").alias("product"))
    placed = edges.join(users, "src").join(products, "dst")
    return placed.select(F.col("user").alias("src"), F.col("product").alias("dst"), "score", "rank")


def _on_driver(links: DataFrame, vertices: DataFrame, rounds: int) -> tuple[DataFrame, DataFrame]:
    """(id, pagerank) and (id, component) as GraphX has them, worked out where the program runs."""
    spark, count = links.sparkSession, vertices.count()
    ends = links.select(F.col("src").cast("int"), F.col("dst").cast("int")).toArrow()
    src, dst = (ends[name].to_numpy() for name in ("src", "dst"))
    ranks = np.round(adjacency.pagerank(src, dst, count, reset=RESET, rounds=rounds), 12)
    found = {"pagerank": ranks, "component": adjacency.components(src, dst, count).astype(np.int64)}
    ids = pa.array(np.arange(count))
    tables = [spark.createDataFrame(pa.table({"id": ids, name: values})) for name, values in found.items()]
    return tables[0], tables[1]


def _pagerank(places: DataFrame, links: DataFrame, rounds: int) -> DataFrame:
    """id and pagerank (Page, Brin 1998) on the links in both directions; the sum is 1.

    In one direction nothing leads to a user, and PageRank would say no more than the degree does. Between two kinds
    of vertices it closes in by 0.85 a round: within 14 % of its limit after 10 rounds, 3 % after 20.
    """
    there, back = F.struct("src", "dst"), F.struct(F.col("dst").alias("src"), F.col("src").alias("dst"))
    both_ways = links.select(F.inline(F.array(there, back)))
    ranks = GraphFrame(places, both_ways).pageRank(resetProbability=RESET, maxIter=rounds).vertices
    # The ranks of GraphX sum to the number of vertices. What is behind twelve digits depends on the order of adding.
    return ranks.select("id", F.round(F.col("pagerank") / F.lit(places.count()), 12).alias("pagerank"))


def _nearness(links: DataFrame) -> DataFrame:
    """(src, dst, near) of products that are recommended to the same users, each also with itself.

    Nearness is the cosine, users of both / sqrt(users of one x users of the other), so that best sellers do not glue
    everything together.
    """
    lists = links.where(F.col("rank") <= PAIRED).groupBy("src").agg(F.collect_list("dst").alias("list"))
    pairs = lists.select("list", F.explode("list").alias("src")).select("src", F.explode("list").alias("dst"))
    together = pairs.groupBy("src", "dst").agg(F.count(F.lit(1)).alias("both"))
    by_src, by_dst, itself = Window.partitionBy("src"), Window.partitionBy("dst"), F.col("src") == F.col("dst")
    users = F.max(F.when(itself, F.col("both")))
    near = F.col("both") / F.sqrt(users.over(by_src) * users.over(by_dst))
    return together.select("src", "dst", near.alias("near"))


def _communities(labels: DataFrame, links: DataFrame) -> DataFrame:
    """id and community: of a product its label, of a user the label of most products on the list.

    Of equals it is that with the higher scores, then with the better rank, then the smaller one.
    """
    of_user = F.struct(F.col("src").alias("id"), "dst", "score", "rank")
    of_product = F.struct(F.col("dst").alias("id"), "dst", "score", "rank")
    listed = links.select(F.inline(F.array(of_user, of_product))).join(labels.withColumnRenamed("id", "dst"), "dst")
    shares = listed.groupBy("id", "label").agg(
        F.count(F.lit(1)).alias("products"), F.round(F.sum("score"), 6).alias("score"), F.min("rank").alias("rank")
    )
    order = F.struct("products", "score", -F.col("rank"), -F.col("label"))
    return shares.groupBy("id").agg(F.max_by("label", order).alias("community"))


def _side_to_side(*measures: DataFrame, partitions: int) -> DataFrame:
    """One row for each place, from tables of id and a measure; a union costs less than joins."""
    rows = reduce(lambda left, right: left.unionByName(right, allowMissingColumns=True), measures).coalesce(partitions)
    names = [name for name in rows.columns if name != "id"]
    return rows.groupBy(F.col("id").alias("place")).agg(*(F.max(name).alias(name) for name in names))


def _finished(table: DataFrame, schema: str) -> DataFrame:
    """The columns of a schema, computed and persisted."""
    fields = StructType.fromDDL(schema).fields
    finished = table.select([F.col(field.name).cast(field.dataType) for field in fields]).persist()
    finished.count()
    return finished


def _side_by_side(spark: SparkSession, *tasks: Callable[[], Any]) -> list[Any]:
    """Results of the tasks. A round of GraphX mostly waits for the driver: one task alone leaves the cores idle."""
    with ThreadPoolExecutor(len(tasks)) as pool:
        started = [pool.submit(inheritable_thread_target(spark)(task)) for task in tasks]
    return [task.result() for task in started]
