"""What a user turned to last, asked of the API and of the command line: a posted event counts at the next request."""

import json

import pytest
from builders import generation
from conftest import settings_for
from fastapi.testclient import TestClient
from test_recent import branded
from typer.testing import CliRunner

from spark_app.cli import verbs
from spark_app.serving import app
from spark_app.tuning import choice


@pytest.fixture(scope="module")
def settings(spark, tmp_path_factory):
    """A shop in which ann looked at a lamp by Lux, then at a bed by Oak, then at a nail by nobody."""
    made = choice.plain(settings_for(tmp_path_factory.mktemp("recents"), algorithm="popular"))
    generation(made, branded(spark, ("lamp", "Lux", 1), ("bed", "Oak", 2), ("nail", None, 3)), version=-1)
    return made


@pytest.fixture
def client(settings):
    with TestClient(app.create(settings), base_url="http://127.0.0.1") as client:
        yield client


def brands(client, user="ann", **asked):
    answer = client.get(f"/users/{user}/brands", params=asked)
    assert answer.status_code == 200, answer.text
    return [(one["rank"], one["brand"], one["product"]) for one in answer.json()["recent"]]


def test_brands_and_products_are_told_the_newest_first(client):
    assert brands(client) == [(1, "Oak", "bed"), (2, "Lux", "lamp")]
    assert brands(client, kind="product", limit=2) == [(1, None, "nail"), (2, "Oak", "bed")]
    first = client.get("/users/ann/brands").json()["recent"][0]
    assert first["last_event_at"] == "2026-01-03T00:00:00+00:00" and first["name"] is None


def test_a_posted_event_counts_at_the_next_request_with_its_time_and_name(client):
    said = {"product_data": {"brand": "Zinc", "name": "Bucket"}}
    posted = {"user": "ann", "product": "bucket", "event_type": "view", "timestamp": "2026-02-01T10:00:00Z"}
    client.post("/events", json=posted | said)
    found = client.get("/users/ann/brands?limit=1").json()
    assert found["folded_in"] == 1 and found["kind"] == "brand"
    first = found["recent"][0]
    assert (first["brand"], first["product"], first["name"]) == ("Zinc", "bucket", "Bucket")
    assert first["last_event_at"] == "2026-02-01T10:00:00+00:00"
    # A view without a word on the brand has the one that is known; a return turns nobody to a product.
    at = {"timestamp": "2026-02-02T10:00:00Z"}
    client.post("/events", json=[
        {"user": "ann", "product": "lamp", "event_type": "view"} | at,
        {"user": "ann", "product": "bed", "quantity": -1} | at,
    ])  # fmt: skip
    assert brands(client) == [(1, "Lux", "lamp"), (2, "Zinc", "bucket"), (3, "Oak", "bed")]


def test_a_user_whom_the_generation_does_not_know_has_recents_from_the_first_event_on(client):
    assert client.get("/users/new one/brands").status_code == 404
    client.post("/events", json={"user": "new one", "product": "lamp", "event_type": "cart"})
    assert brands(client, "new one") == [(1, "Lux", "lamp")]


@pytest.mark.parametrize("asked", ["limit=0", "limit=51", "kind=category"])
def test_what_cannot_be_asked_for_is_refused(client, asked):
    assert client.get(f"/users/ann/brands?{asked}").status_code == 422


def test_the_command_line_tells_the_same(settings, monkeypatch):
    monkeypatch.setenv("MILLSTREAM_DATA_DIR", str(settings.data_dir))
    done = CliRunner().invoke(verbs.line(), ["recent", "ann", "--json", "--kind", "product"])
    found = json.loads(done.stdout)
    assert [one["product"] for one in found["recent"]] == ["nail", "bed", "lamp"] and found["user"] == "ann"
    assert "Oak" in CliRunner().invoke(verbs.line(), ["recent", "ann"]).stdout
    assert "no brand" in CliRunner().invoke(verbs.line(), ["recent", "nobody"]).stdout
    assert CliRunner().invoke(verbs.line(), ["recent", "--json"]).exit_code == 2
    assert CliRunner().invoke(verbs.line(), ["recent", "ann", "--limit", "51"]).exit_code == 2
    assert CliRunner().invoke(verbs.line(), ["recent"]).exit_code == 3
