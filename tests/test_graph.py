"""The graph of who is recommended what: its ids, its measures against networkx, planted communities, poor input."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import networkx as nx
import numpy as np
import pytest
from chispa import assert_df_equality
from graphframes import GraphFrame
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from spark_app import graph, schemas
from spark_app.frames import communities as communities_
from spark_app.graph import Graph, GraphError

Lists = Mapping[str | None, Sequence[str]]

SMALL: Lists = {
    "ann": ["lamp", "chair", "desk"],
    "bob": ["chair", "lamp", "lamp"],
    "1": ["1"],
    "p:1": ["u:1"],
    'élan, "x"\n': ["mug"],
    "cy": ["1", "mug"],
    **{f"tea lover {number}": ["tea", "pot"] for number in range(3)},
    **{f"writer {number}": ["ink", "pen"] for number in range(3)},
    "torn": ["pen", "tea"],
    "drawn": ["pot", "ink"],
}
NAMES = {"lamp": "A lamp", "chair": None, "desk": " ", "mug": 'Mug, "blue"', "never recommended": "Nothing"}


def recommendations(spark: SparkSession, lists: Lists) -> DataFrame:
    """Rows of these lists, the best first, with scores that fall from 1."""
    rows = [
        (user, product, number, None, 1.0 - place / 100, place, "als", [])
        for number, (user, products) in enumerate(lists.items())
        for place, product in enumerate(products, start=1)
    ]
    return spark.createDataFrame(rows, schemas.RECOMMENDATION)


def details(spark: SparkSession, names: Mapping[str, str | None]) -> DataFrame:
    return spark.createDataFrame([(*named, *[None] * 5) for named in names.items()], schemas.PRODUCT_DETAILS)


def build(spark: SparkSession, lists: Lists, names: Mapping[str, str | None] | None = None, **rounds: int) -> Graph:
    return graph.build(recommendations(spark, lists), details(spark, names or {}), **rounds)


def planted(tastes: int, products: int, users: int, *, noise: float = 0.25, best_seller: bool = False) -> Lists:
    """Lists of eight out of `tastes` x `products` products "<taste>-<number>"; a share of them is chosen at random."""
    random = np.random.default_rng(7)
    catalogue = [f"{taste}-{number:02}" for taste in range(tastes) for number in range(products)]
    lists = {}
    for user in range(users):
        own = random.permutation(products)[:8] + user % tastes * products
        chosen = np.where(random.random(8) < noise, random.integers(0, len(catalogue), 8), own)
        lists[f"user {user % tastes}-{user:03}"] = ["best seller"] * best_seller + [catalogue[one] for one in chosen]
    return lists


def by_id(found: Graph) -> dict[str, Row]:
    return {row.id: row for row in found.vertices.collect()}


def communities(found: Graph, kind: str) -> dict[int, list[str]]:
    members = defaultdict(list)
    for row in found.vertices.where(f"type = '{kind}'").collect():
        members[row.community].append(row.id[2:])
    return dict(members)


def undirected(found: Graph) -> nx.Graph:
    return nx.Graph([(row.src, row.dst) for row in found.edges.collect()])


@pytest.fixture(scope="module")
def small(spark: SparkSession) -> Iterator[Graph]:
    found = build(spark, SMALL, NAMES, pagerank_rounds=40)
    yield found
    found.unpersist()


@pytest.fixture(scope="module")
def three_tastes(spark: SparkSession) -> Iterator[Graph]:
    found = build(spark, planted(3, 12, 90))
    yield found
    found.unpersist()


# -- vertices and edges --


def test_a_user_and_a_product_of_one_name_are_two_vertices(small):
    found = by_id(small)
    assert {"u:1", "p:1", "u:p:1", "p:u:1"} <= set(found)
    assert (found["u:1"].type, found["p:1"].type, found["u:p:1"].label) == ("user", "product", "p:1")


def test_only_what_has_an_edge_is_a_vertex(small):
    users, products = {f"u:{user}" for user in SMALL}, {f"p:{product}" for each in SMALL.values() for product in each}
    assert set(by_id(small)) == users | products


def test_a_product_is_labelled_with_its_name_and_without_one_with_its_id(small):
    labels = {row.id: row.label for row in by_id(small).values() if row.type == "product"}
    assert (
        labels.items()
        >= {
            "p:lamp": "A lamp",
            "p:chair": "chair",
            "p:desk": "desk",
            "p:1": "1",
            "p:u:1": "u:1",
            "p:mug": 'Mug, "blue"',
        }.items()
    )


def test_edges_lead_from_users_to_products_and_a_repeated_product_is_one(spark, small):
    expected = [("u:ann", "p:lamp", 0.99, 1), ("u:ann", "p:chair", 0.98, 2), ("u:ann", "p:desk", 0.97, 3)]
    expected += [("u:bob", "p:chair", 0.99, 1), ("u:bob", "p:lamp", 0.98, 2)]
    ours = small.edges.where("src in ('u:ann', 'u:bob')")
    assert_df_equality(ours, spark.createDataFrame(expected, schemas.EDGE), ignore_row_order=True)


def test_both_tables_have_the_columns_of_their_schema(spark, small):
    for table, schema in ((small.vertices, schemas.VERTEX), (small.edges, schemas.EDGE)):
        assert [field[:2] for field in table.dtypes] == spark.createDataFrame([], schema).dtypes


def test_what_comes_out_is_a_valid_graphframe(small):
    graph.validate(small.vertices, small.edges)
    hubs = GraphFrame(small.vertices, small.edges).inDegrees.where("inDegree = 2")
    assert {row.id for row in hubs.collect()} == {"p:lamp", "p:chair", "p:1", "p:mug"}


# -- measures --


def test_a_degree_is_the_number_of_edges(three_tastes):
    expected = Counter(end for row in three_tastes.edges.collect() for end in (row.src, row.dst))
    assert {row.id: row.degree for row in by_id(three_tastes).values()} == expected


def test_pagerank_is_that_of_networkx_on_the_undirected_graph(three_tastes):
    expected = nx.pagerank(undirected(three_tastes), alpha=1 - graph.RESET, tol=1e-12, max_iter=1000)
    found = {row.id: row.pagerank for row in by_id(three_tastes).values()}
    assert found == pytest.approx(expected, rel=0.04)
    assert sum(found.values()) == pytest.approx(1, abs=1e-9)


def test_after_forty_rounds_pagerank_is_at_its_limit(small):
    expected = nx.pagerank(undirected(small), alpha=1 - graph.RESET, tol=1e-12, max_iter=1000)
    assert {row.id: row.pagerank for row in by_id(small).values()} == pytest.approx(expected, rel=0.005)


def test_components_are_those_of_networkx_numbered_from_the_largest(small):
    parts = sorted(nx.connected_components(undirected(small)), key=lambda part: (-len(part), min(part)))
    expected = {member: number for number, part in enumerate(parts) for member in part}
    assert {row.id: row.component for row in by_id(small).values()} == expected
    assert len(parts) == 4


# -- communities --


def test_three_planted_tastes_are_found_as_three_communities(three_tastes):
    found = communities(three_tastes, "product")
    assert sorted(found) == [0, 1, 2]
    assert sorted({product[0] for product in members} for members in found.values()) == [{"0"}, {"1"}, {"2"}]


def test_users_are_in_the_community_of_their_taste(three_tastes):
    of_product = {members[0][0]: number for number, members in communities(three_tastes, "product").items()}
    users = [(user, number) for number, members in communities(three_tastes, "user").items() for user in members]
    right = [of_product[user.split()[1][0]] == number for user, number in users]
    assert np.mean(right) > 0.95


def test_a_user_is_in_the_community_of_most_products_on_the_list(three_tastes):
    vertices, lists = by_id(three_tastes), defaultdict(Counter)
    for row in three_tastes.edges.collect():
        lists[row.src][vertices[row.dst].community] += 1
    for user, counted in lists.items():
        assert counted[vertices[user].community] == max(counted.values())


def test_of_two_equal_communities_a_user_is_in_that_of_the_better_product(small):
    found = by_id(small)
    assert found["u:torn"].community == found["p:pen"].community == found["p:ink"].community
    assert found["u:drawn"].community == found["p:pot"].community == found["p:tea"].community
    assert found["p:ink"].community != found["p:tea"].community


@pytest.mark.slow
def test_a_best_seller_on_every_list_does_not_glue_the_tastes_together(spark):
    found = communities(build(spark, planted(3, 12, 90, best_seller=True)), "product")
    tastes = [{product[0] for product in members} - {"b"} for members in found.values()]
    assert sorted(taste for taste in tastes if taste) == [{"0"}, {"1"}, {"2"}]


# -- the same input, the same graph --


@pytest.mark.slow
def test_neither_order_nor_partitions_change_the_graph(spark, three_tastes, monkeypatch):
    monkeypatch.setattr(communities_, "EDGES_IN_A_PARTITION", 200)
    shuffled = recommendations(spark, planted(3, 12, 90)).repartition(7, "product").orderBy(F.desc("rank"))
    again = graph.build(shuffled, details(spark, {}))
    assert again.vertices.rdd.getNumPartitions() > 1
    assert_df_equality(again.vertices, three_tastes.vertices, ignore_row_order=True)
    assert_df_equality(again.edges, three_tastes.edges, ignore_row_order=True)


# -- poor input --


def test_no_recommendations_are_an_empty_graph(spark):
    found = build(spark, {})
    assert_df_equality(found.vertices, spark.createDataFrame([], schemas.VERTEX))
    assert_df_equality(found.edges, spark.createDataFrame([], schemas.EDGE))


def test_one_user_with_one_product_is_a_graph_and_only_the_graph_stays_in_memory(spark):
    before = set(communities_.persistent(spark))  # those of other tests may be cleaned up at any time
    found = build(spark, {"ann": ["lamp"]})
    expected = [("p:lamp", "product", "lamp", 1, 0.5, 0, 0), ("u:ann", "user", "ann", 1, 0.5, 0, 0)]
    assert_df_equality(found.vertices, spark.createDataFrame(expected, schemas.VERTEX), ignore_nullable=True)
    assert len(set(communities_.persistent(spark)) - before) == 2
    found.unpersist()
    assert set(communities_.persistent(spark)) <= before


def test_a_product_that_is_with_no_other_is_a_community_of_its_own(small):
    found = by_id(small)
    alone = found["p:u:1"].community
    assert [row.id for row in found.values() if row.community == alone] == ["p:u:1", "u:p:1"]


def test_a_product_that_stands_twice_in_the_details_is_refused_by_name(spark):
    twice = details(spark, {"lamp": "A lamp"}).union(details(spark, {"lamp": "Lamp"}))
    with pytest.raises(GraphError, match="1 vertex ids are there more than once, for example 'p:lamp'"):
        graph.build(recommendations(spark, {"ann": ["lamp"]}), twice)


def test_a_user_who_is_null_is_refused(spark):
    with pytest.raises(GraphError, match="1 ends of edges are not among the vertices"):
        build(spark, {None: ["lamp"]})


def test_an_edge_to_nowhere_is_refused_by_name(spark):
    vertices = spark.createDataFrame([("u:ann",), ("p:lamp",)], "id STRING")
    edges = spark.createDataFrame([("u:ann", "p:lamp"), ("u:ann", "p:gone")], "src STRING, dst STRING")
    with pytest.raises(GraphError, match="1 ends of edges are not among the vertices, for example 'p:gone'"):
        graph.validate(vertices, edges)


@pytest.mark.slow
def test_a_large_graph_is_measured_as_a_small_one(spark, monkeypatch):
    lists = planted(3, 12, 40)
    small = build(spark, lists)
    monkeypatch.setattr(communities_, "IN_GRAPHX", 0)
    large = build(spark, lists)
    measures = ["id", "degree", "community", "component"]
    assert_df_equality(small.vertices.select(measures), large.vertices.select(measures), ignore_row_order=True)
    ranks = [{row.id: row.pagerank for row in built.vertices.collect()} for built in (small, large)]
    assert ranks[1] == pytest.approx(ranks[0], abs=1e-10)
