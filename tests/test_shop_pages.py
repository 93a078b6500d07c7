"""The pages of a trained shop, run as Streamlit runs them, against its API in this process."""

import pytest
from fastapi.testclient import TestClient
from test_api import bought, shop
from test_pages import shown, words

from spark_app.serving import app
from spark_app.web import asking
from spark_app.web.asking import Api

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings(spark, tmp_path_factory):
    return shop(spark, tmp_path_factory.mktemp("pages"))


@pytest.fixture(autouse=True)
def api(settings, monkeypatch):
    """Lets the pages ask the shop's API; nothing that a test posts is known to the next."""
    with TestClient(app.create(settings), base_url="http://127.0.0.1") as client:
        asked = Api("http://127.0.0.1")
        asked.client = client
        monkeypatch.setattr(asking, "_at", lambda *_: asked)
        asking._name.clear()
        yield asked


def tables(tested):
    """Each table that is shown, as its columns and rows."""
    assert not tested.exception
    return [table.value for table in tested.dataframe]


def test_now_shows_what_is_published(api):
    tested = shown("now")
    assert api.status()["generation"] in words(tested) and any("state" in table for table in tables(tested))
    assert [metric.label for metric in tested.metric][:4] == ["Events read", "Accepted", "Duplicates", "In quarantine"]


def test_a_user_is_offered_what_they_have_not_met_and_because_of_what_they_have():
    offered, met, *_ = tables(shown("user", user="U00001"))
    assert not set(offered["product"]) & bought("U00001") and set(met["product"]) == bought("U00001")
    assert offered["rank"].tolist() == list(range(1, len(offered) + 1))
    names = {f"Product {int(product[1:])}" for product in bought("U00001")}
    assert set(offered["because"][0].split(", ")) <= names


def test_an_unknown_user_gets_the_fallback_and_is_told_so():
    tested = shown("user", user="nobody")
    assert "nobody is not known" in words(tested) and "Made by popular" in words(tested)
    assert len(tables(tested)[0]) == 10


def test_a_posted_event_counts_in_the_list_that_is_shown_next():
    tested = shown("user", user="newcomer")
    tested.text_input(key="event-words").set_value("P0005").run()
    next(button for button in tested.button if button.label == "Post").click().run()
    assert "purchase of P0005: accepted" in words(tested) and "1 event since the training included" in words(tested)
    offered, met, *_ = tables(tested)
    assert "P0005" not in set(offered["product"]) and met["product"].tolist() == ["P0005"]
    assert set(offered["change"]) - {"="}


def test_why_a_product_is_not_listed_is_said():
    tested = shown("user", user="U00001")
    tested.text_input(key="missed-words").set_value("P0001").run()
    assert not tested.exception
    assert any("It is kept out of the list" in text.value for text in tested.text)


def test_a_session_is_offered_what_goes_with_it():
    tested = shown("user")
    tested.text_input(key="click-words").set_value("P0004").run()
    next(button for button in tested.button if button.label == "Add").click().run()
    session, offered = tables(tested)[-2:]
    assert session["product"].tolist() == ["P0004"] and "P0004" not in set(offered["product"])


def test_products_are_found_by_words_and_one_is_told_of_in_full():
    found, known, *_ = tables(shown("products", q="product 1", product="P0012"))
    assert {"P0001", "P0010", "P0012"} <= set(found["product"]) and "P0002" not in set(found["product"])
    told = dict(zip(known["what"], known["value"], strict=True))
    assert (told["id"], told["brand"], told["price"], told["in lists"]) == ("P0012", "Lux", "12.00", "yes")


def test_a_product_that_is_not_known_is_said(api):
    assert f"product 'nothing' is not in generation {api.status()['generation']}" in words(
        shown("products", product="nothing")
    )


def test_the_graph_says_how_much_of_it_is_shown_and_is_filtered(api):
    tested = shown("graph")
    assert not tested.exception and "of 50 users and" in words(tested)
    part = words(shown("graph", user="U00001"))
    assert "The whole graph has 50" in part
    (community, *_) = api.communities(1)["communities"]
    tested = shown("graph", community=str(community["community"]))
    assert not tested.exception and tested.selectbox(key="community").value == community["community"]


def test_a_node_shows_its_neighbours():
    tested = shown("graph", user="U00001")
    tested.selectbox(key="node").set_value("u:U00001").run()
    near = next(table for table in tables(tested) if "neighbour" in table)
    assert 1 <= len(near) <= 10 and near["rank"].tolist() == sorted(near["rank"])
