"""The graph as arrays: vertices at the rows of their names, and who is recommended what."""

import numpy as np
import pyarrow as pa
import pytest

from spark_app import generations
from spark_app.mapped import graph_maps

USERS = pa.table({"user": ["ann", "bob", "cid", "dan"], "userId": pa.array([2, 0, 3, 1], pa.int32())})
PRODUCTS = pa.table({"product": ["desk", "lamp", "mug"]})
# By userId; what is not listed is -1.
LISTS = np.array([[1, 0], [2, -1], [1, 2], [-1, -1]], np.int32)


@pytest.fixture
def generation(settings):
    made = generations.new(settings)
    ids = ["p:mug", "u:dan", "u:ann", "p:lamp", "u:bob", "p:desk"]
    kinds = ["product" if id_.startswith("p") else "user" for id_ in ids]
    numbers = {name: pa.array(range(10, 16), pa.int32()) for name in ("degree", "community", "component")}
    table = pa.table({"id": ids, "type": kinds} | numbers | {"pagerank": np.arange(6) / 15})
    generations.write_rows(made, generations.VERTICES, table)
    return made


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_a_product_knows_the_users_to_whom_it_is_recommended(generation, tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(graph_maps, "_LISTS_AT_ONCE", at_once)
    maps = made(generation, tmp_path)
    # In the order of their engine ids: bob 0, dan 1, ann 2.
    assert [maps.users_of(row).tolist() for row in range(3)] == [[1], [1, 0], [3, 0]]


def test_vertices_stand_at_the_rows_of_their_names_and_nobody_is_nowhere(generation, tmp_path):
    maps = made(generation, tmp_path)
    assert maps.users["degree"].tolist() == [12, 14, 0, 11]
    assert maps.users["community"].tolist() == [12, 14, graph_maps.NOWHERE, 11]
    assert maps.products["component"].tolist() == [15, 13, 10]
    assert maps.products["pagerank"] == pytest.approx([5 / 15, 3 / 15, 0])


def made(generation, home):
    records = np.zeros(len(LISTS), [("rows", "i4", (2,))])
    records["rows"] = LISTS
    graph_maps.make(generation, USERS, PRODUCTS, records, home)
    names = ("graph_users", "graph_products", "listed_starts", "listed")
    return graph_maps.GraphMaps(*(np.load(home / f"{name}.npy") for name in names))
