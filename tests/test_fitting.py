"""Trending for you, live: what rises of the last brands, without what was bought; a posted event counts at once."""

import pyarrow as pa
import pytest
from builders import generation
from conftest import settings_for
from fastapi.testclient import TestClient
from test_recent import _row
from test_tail import SCHEMA

from spark_app import exports, generations, lately, personal, schemas
from spark_app.lately import Late
from spark_app.serving import app, fitting, model
from spark_app.serving.fresh import Fresh
from spark_app.storage import tables
from spark_app.storage.tables import EVENTS
from spark_app.timeline import matches
from spark_app.tuning import choice

WEEKS = 5
RISERS = {"hot": "Lux", "warm": "Lux", "new": "Oak"}


def rows():
    """Five weeks of a steady shop; in the last of them more users turn to `hot`, to `warm`, and to one that is new."""
    facts = [
        (f"U{(7 * week + 3 * product + number) % 40:02d}", f"p{product}", "Iron", 7 * week + (number + product) % 7)
        for week in range(WEEKS) for product in range(8) for number in range(8)
    ]  # fmt: skip
    facts += [(f"U{number:02d}", "hot", "Lux", 7 * (WEEKS - 1) + 1) for number in range(16)]
    facts += [(f"U{number:02d}", name, "Lux", 8) for number in range(3) for name in ("hot", "warm")]
    facts += [(f"U{number:02d}", "warm", "Lux", 7 * (WEEKS - 1) + 2) for number in range(10, 20)]
    facts += [(f"U{number:02d}", "new", "Oak", 7 * (WEEKS - 1) + 3) for number in range(20, 32)]
    facts += [("ann", "sofa", "Oak", 3), ("ann", "bulb", "Lux", 4)]
    return [_row(number, *fact) for number, fact in enumerate(facts)]


@pytest.fixture(scope="module")
def shop(spark, tmp_path_factory):
    """Settings, and the generation that is published."""
    made = choice.plain(settings_for(tmp_path_factory.mktemp("fitting"), algorithm="popular"))
    taken = [row | {"received_at": row["occurred_at"]} for row in rows()]
    tables.append(made, EVENTS, pa.Table.from_pylist(taken, SCHEMA), None)
    return made, generation(made, spark.createDataFrame(taken, schemas.EVENT), version=0)


@pytest.fixture
def client(shop):
    with TestClient(app.create(shop[0]), base_url="http://127.0.0.1") as client:
        yield client


def told(client, user="ann"):
    answer = client.get(f"/users/{user}/trending")
    assert answer.status_code == 200, answer.text
    return [one["product"] for one in answer.json()["trending"]]


def test_what_rises_of_the_last_brands_is_told_with_the_reason(client):
    found = client.get("/users/ann/trending?limit=1").json()
    first = found["trending"][0]
    assert (first["rank"], first["product"], first["brand"]) == (1, told(client)[0], RISERS[first["product"]])
    assert set(told(client)) == set(RISERS)
    by_name = {one["product"]: one["because"] for one in client.get("/users/ann/trending").json()["trending"]}
    assert by_name["new"] == "new and rising in 7 days; you looked at Oak on 2026-01-04"
    assert by_name["hot"].startswith("rising ") and by_name["hot"].endswith("you looked at Lux on 2026-01-05")


def test_what_is_bought_now_is_told_no_more_and_a_new_user_is_told_from_the_first_event_on(client):
    client.post("/events", json={"user": "ann", "product": "hot", "event_type": "purchase"})
    assert "hot" not in told(client)
    assert client.get("/users/someone/trending").status_code == 404
    client.post("/events", json={"user": "someone", "product": "sofa", "event_type": "view"})
    assert told(client, "someone") == ["new"]


def test_the_file_of_all_users_is_what_the_api_would_tell_each(spark, shop):
    settings, made = shop
    note = personal.bring_up_to_date(spark, settings, made, Late(lambda: spark, settings))
    assert note.startswith("3 rising products with a brand")
    lines = (settings.results_dir / personal.MATCHES).read_text().splitlines()
    assert lines[0] == "user,product,rank,score,brand,because"
    written = [tuple(line.split(",")[:3]) for line in lines[1:]]
    served = model.opened(generations.published(settings), settings)
    risers = matches.risers([(name, RISERS[name], score, None) for name, score in _scores(lines).items()], 1)
    expected = [
        (user, one.riser.product, str(rank))
        for user in sorted(set(served.maps.users["user"].to_pylist()))
        for rank, one in enumerate(fitting.of(served, Fresh(), user, risers, settings.top_n), 1)
    ]
    assert written == expected and len(written) > 20


def test_an_export_has_it_among_the_files_of_the_generation(spark, shop, tmp_path):
    settings = shop[0].model_copy(update={"results_dir": tmp_path})
    csvs = personal.csvs(spark, settings, shop[1], Late(lambda: spark, settings))
    assert exports.publish(csvs, tmp_path, metrics={"generation": shop[1].id})[personal.MATCHES] > 20
    assert (tmp_path / personal.MATCHES).stat().st_mtime_ns <= (tmp_path / exports.METRICS).stat().st_mtime_ns
    assert lately.is_current(settings, personal.MATCHES) and not lately.is_current(settings)


def test_what_is_written_for_users_of_an_older_table_is_not_current(spark, shop, tmp_path):
    settings = shop[0].model_copy(update={"results_dir": tmp_path})
    late = Late(lambda: spark, settings)
    of, rising = late.found
    late.found = of._replace(version=of.version - 1, begun=0.0), rising
    personal.bring_up_to_date(spark, settings, shop[1], late)
    assert not lately.is_current(settings, personal.MATCHES)


def _scores(lines):
    return {cells[1]: float(cells[3]) for cells in (line.split(",") for line in lines[1:])}


@pytest.mark.slow
def test_where_nothing_was_taken_in_nothing_rises(spark, tmp_path):
    made = choice.plain(settings_for(tmp_path, algorithm="popular"))
    generation(made, spark.createDataFrame(rows()[:3], schemas.EVENT), version=-1)
    with TestClient(app.create(made), base_url="http://127.0.0.1") as client:
        client.post("/events", json={"user": "ann", "product": "hot"})
        assert told(client) == []
    csvs = personal.csvs(spark, made, generations.published(made), Late(lambda: spark, made))
    assert [(one.name, one.table.count()) for one in csvs] == [("recent_brands.csv", 3), (personal.MATCHES, 0)]

