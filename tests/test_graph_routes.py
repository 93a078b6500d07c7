"""The graph as a page asks for it: what is drawn of a graph whose every edge is known, and of how many it was taken."""

import numpy as np
import pytest
from fastapi.testclient import TestClient

from benchmarks import served as made_up
from spark_app import generations
from spark_app.mapped import maps
from spark_app.serving import app, drawn

USERS, PRODUCTS = 600, 120


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    settings = made_up.settings(tmp_path_factory.mktemp("graph"), 4)
    made_up.generation(settings, USERS, PRODUCTS, graph=True)
    return settings


@pytest.fixture
def client(settings):
    with TestClient(app.create(settings), base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture(scope="module")
def tables(settings):
    made = generations.published(settings)
    vertices, edges = (generations.scan(made, name) for name in (generations.VERTICES, generations.EDGES))
    return {row["id"]: row for row in vertices.to_pylist()}, edges.to_pylist()


def asked(client, **parameters):
    answer = client.get("/graph", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def of(found, kind):
    return [vertex for vertex in found["vertices"] if vertex["type"] == kind]


def test_vertices_and_edges_are_those_of_the_tables(client, tables):
    vertices, edges = tables
    found = asked(client)
    assert [vertices[one["id"]] for one in found["vertices"]] == found["vertices"]
    drawn_ids = {one["id"] for one in found["vertices"]}
    between = [edge for edge in edges if edge["src"] in drawn_ids and edge["dst"] in drawn_ids]
    order = [(edge["src"], edge["rank"]) for edge in between]
    assert sorted(order) == sorted((edge["src"], edge["rank"]) for edge in found["edges"])
    assert found["edges"][0] in between
    # The last product is recommended to nobody.
    assert found["all"] == found["found"] == {"users": USERS, "products": PRODUCTS - 1}
    assert found["shown"] == {"users": 190, "products": 84, "edges": len(between)}


def test_each_of_the_largest_communities_has_its_share_and_the_same_is_shown_each_time(client):
    found = asked(client, products=20, users=40)
    largest = client.get(f"/graph/communities?limit={drawn.SHARES}").json()["communities"]
    assert {vertex["community"] for vertex in of(found, "product")} >= {one["community"] for one in largest}
    degrees = [vertex["degree"] for vertex in of(found, "product")]
    assert degrees == sorted(degrees, reverse=True)
    assert found == asked(client, products=20, users=40)


def test_a_community_alone_is_shown_by_how_often_its_products_are_recommended(client, tables):
    found = asked(client, community=2, products=5)
    assert {vertex["community"] for vertex in found["vertices"]} == {2}
    mine = [row for row in tables[0].values() if row["community"] == 2 and row["type"] == "product"]
    most = sorted(mine, key=lambda row: (-row["degree"], row["id"]))[:5]
    assert of(found, "product") == most and found["found"]["products"] == len(mine)


def test_around_a_user_is_the_list_and_who_shares_it(client, tables):
    found = asked(client, user="U0000007", users=1000, products=500)
    own = {edge["dst"] for edge in tables[1] if edge["src"] == "u:U0000007"}
    sharing = {edge["src"] for edge in tables[1] if edge["dst"] in own}
    assert {one["id"] for one in of(found, "product")} == own
    assert {one["id"] for one in of(found, "user")} == sharing and found["found"]["users"] == len(sharing)
    assert of(asked(client, user="U0000007", users=1), "user")[0]["id"] == "u:U0000007"


def test_around_a_product_are_its_users_and_what_else_they_are_recommended(client, tables):
    found = asked(client, product="P0000011", users=1000, products=500)
    theirs = {edge["src"] for edge in tables[1] if edge["dst"] == "p:P0000011"}
    assert {one["id"] for one in of(found, "user")} == theirs
    assert {one["id"] for one in of(found, "product")} == {e["dst"] for e in tables[1] if e["src"] in theirs}
    assert found["vertices"][0]["id"] == "p:P0000011"


def test_the_others_around_a_user_are_those_who_share_most_and_are_ranked_best(client, tables):
    found = client.get("/graph/U0000007?users=5").json()
    own = {edge["dst"] for edge in tables[1] if edge["src"] == "u:U0000007"}
    shared: dict[str, list[int]] = {}
    for edge in tables[1]:
        if edge["dst"] in own and edge["src"] != "u:U0000007":
            shared.setdefault(edge["src"], []).append(edge["rank"])
    best = sorted(shared, key=lambda user: (-len(shared[user]), min(shared[user]), user))[:5]
    assert [one["id"] for one in of(found, "user")] == ["u:U0000007", *best]
    assert {one["id"] for one in of(found, "product")} == own
    assert (found["users_shown"], found["users_of_these_products"]) == (5, len(shared))
    assert sum(edge["src"] == best[0] for edge in found["edges"]) == len(shared[best[0]])


def test_filters_combine_and_who_is_named_is_always_there(client, tables):
    some = next(edge for edge in tables[1])
    user, product = some["src"][2:], some["dst"][2:]
    community = (tables[0][some["dst"]]["community"] + 1) % 10
    found = asked(client, user=user, product=product, community=community, users=1, products=1)
    assert [one["id"] for one in found["vertices"]] == [some["dst"], some["src"]] and len(found["edges"]) == 1
    rest = asked(client, user=user, product=product, community=community)
    others = [one for one in rest["vertices"] if one["id"] not in (some["src"], some["dst"])]
    assert {one["community"] for one in others} <= {community}


@pytest.mark.parametrize("query", ["user=nobody", "product=none", "community=999", "user=P0000001", "product=P0000119"])
def test_what_is_not_there_is_a_404(client, query):
    answer = client.get(f"/graph?{query}")
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"


def test_communities_are_told_the_largest_first_with_their_hubs(client, tables):
    found = client.get("/graph/communities?limit=3").json()
    sizes = [one["users"] + one["products"] for one in found["communities"]]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) == 3
    assert found["all"] == len({row["community"] for row in tables[0].values()})
    first = found["communities"][0]
    mine = [row for row in tables[0].values() if row["community"] == first["community"]]
    assert first["users"] == sum(row["type"] == "user" for row in mine)
    degrees = {row["id"][2:]: row["degree"] for row in mine if row["type"] == "product"}
    hubs = sorted(degrees.items(), key=lambda one: (-one[1], one[0]))[:3]
    assert [(hub["product"], hub["degree"]) for hub in first["hubs"]] == hubs


def test_one_who_is_called_as_a_route_is_found_by_the_query(client):
    assert client.get("/graph?user=communities").json()["title"] == "Unknown user"
    assert client.get("/graph/U0000007").json()["user"] == "U0000007"


def test_without_a_graph_it_says_so(tmp_path):
    settings = made_up.settings(tmp_path, 4)
    made_up.generation(settings, 20, 10)
    with TestClient(app.create(settings), base_url="http://127.0.0.1") as client:
        for path in ("/graph", "/graph/communities", "/graph?user=U0000001"):
            assert (client.get(path).status_code, client.get(path).json()["title"]) == (409, "No graph")


def test_a_graph_that_comes_after_the_other_arrays_is_the_same(settings):
    made = generations.published(settings)
    before = maps.opened(made).graph
    for file in (made.folder / maps.FOLDER).glob("graph_*.npy"):
        file.unlink()
    assert maps.opened(made).graph is None
    maps.add_graph(made)
    assert all(np.array_equal(*both) for both in zip(before, maps.opened(made).graph, strict=True))
