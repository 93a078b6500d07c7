"""What each page says before there is anything, run as Streamlit runs it, against the API in this process."""

import pytest
from conftest import settings_for
from fastapi.testclient import TestClient
from streamlit.testing.v1 import AppTest

from spark_app.serving import app
from spark_app.web import asking
from spark_app.web.asking import Api, Trouble

PAGES = ["now", "user", "products", "trending", "segments", "interests", "graph"]


def shown(page: str, **query: str) -> AppTest:
    """The page as it is drawn first."""
    tested = AppTest.from_string(f"from spark_app.web import {page}\n{page}.show()", default_timeout=30)
    tested.secrets["api"] = {"url": "http://127.0.0.1:9", "key": ""}
    for name, value in query.items():
        tested.query_params[name] = value
    return tested.run()


def words(tested: AppTest) -> str:
    """All that it says in sentences, as they read: what keeps a sign from being Markdown is not seen."""
    parts = [*tested.markdown, *tested.caption, *tested.info, *tested.warning, *tested.subheader, *tested.code]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


@pytest.fixture
def api(tmp_path, monkeypatch):
    """Lets the pages ask an API without any data; gives the folder's settings."""
    settings = settings_for(tmp_path)
    with TestClient(app.create(settings), base_url="http://127.0.0.1") as client:
        asked = Api("http://127.0.0.1")
        asked.client = client
        monkeypatch.setattr(asking, "_at", lambda *_: asked)
        yield asked


@pytest.mark.parametrize("page", PAGES)
def test_where_no_api_answers_it_says_what_starts_one(page):
    tested = shown(page)
    assert not tested.exception
    assert "No API answers" in words(tested) and "make serve" in words(tested)


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("page", PAGES)
def test_before_the_first_generation_it_says_what_makes_one(page):
    tested = shown(page)
    assert not tested.exception
    assert "Nothing is published yet" in words(tested) and "make run" in words(tested)


@pytest.mark.parametrize(
    ("status", "kind"), [("health/ready", "not ready"), ("nothing/here", "unknown"), ("users?limit=0", "unknown")]
)
def test_whatever_the_api_refuses_is_a_trouble_in_its_own_words(api, status, kind):
    with pytest.raises(Trouble) as trouble:
        api.get(*status.split("/"))
    assert trouble.value.kind == kind and trouble.value.said


def test_a_wrong_value_is_refused_in_words(api):
    with pytest.raises(Trouble, match="limit: input should be greater than or equal to 1") as trouble:
        api.get("users", limit=0)
    assert trouble.value.kind == "refused"


def test_without_a_key_that_it_wants_it_says_so(tmp_path, monkeypatch):
    settings = settings_for(tmp_path, serve={"read_key": "a-key-of-the-shop-1234"})
    with TestClient(app.create(settings), base_url="http://127.0.0.1") as client:
        asked = Api("http://127.0.0.1")
        asked.client = client
        monkeypatch.setattr(asking, "_at", lambda *_: asked)
        tested = shown("user", user="ann")
    assert "The API wants a key" in words(tested) and "MILLSTREAM_WEB__API_KEY" in words(tested)


@pytest.mark.parametrize("user", ["a/b", "../x", "ä b", "%2F", "<script>", "ann?x=1#y"])
def test_an_id_is_asked_for_as_it_is(user, monkeypatch):
    seen = []

    def asked(_method, address, **_how):
        seen.append(address)
        raise asking.httpx.ConnectError("away")

    api = Api("http://127.0.0.1:9/")
    monkeypatch.setattr(api.client, "request", asked)
    with pytest.raises(Trouble):
        api.history(user, 1)
    (address,) = seen
    part = address.removeprefix("http://127.0.0.1:9/users/").removesuffix("/history")
    assert asking.quote(user, safe="") == part and "/" not in part and "?" not in part
