"""The API as a client sees it: a trained shop, its lists, and what was posted a moment ago."""

import time

import pytest
from builders import events, generation
from conftest import settings_for
from fastapi.testclient import TestClient
from pyspark.sql import functions as F

from spark_app import generations
from spark_app.serving import app
from spark_app.storage import tables
from spark_app.tuning import choice

pytestmark = pytest.mark.slow
USERS, PRODUCTS = 50, 24
# Even users like even products, odd ones odd; a few of their kind are left for the lists.
BOUGHT = [
    (f"U{user:05d}", f"P{product:04d}")
    for user in range(USERS)
    for product in range(PRODUCTS)
    if product % 2 == user % 2 and (product + 3 * user) % 5
]


def shop(spark, home):
    """Settings of a trained shop with a graph, published."""
    settings = choice.plain(settings_for(home, als={"factors": 4, "iterations": 5}))
    number = F.substring("product", 2, 4).cast("int")
    said = F.struct(
        F.lit(None).cast("string").alias("id"),
        F.concat(F.lit("Product "), number).alias("name"),
        F.when(number < 12, "low").otherwise("high").alias("category"),
        F.lit("Lux").alias("brand"),
        number.cast("double").alias("price"),
        (number != 20).alias("in_stock"),
    )
    generation(settings, events(spark, *BOUGHT).withColumn("product_data", said), version=-1, graph=True)
    return settings


@pytest.fixture(scope="module")
def settings(spark, tmp_path_factory):
    return shop(spark, tmp_path_factory.mktemp("api"))


@pytest.fixture
def client(settings):
    with TestClient(app.create(settings), base_url="http://127.0.0.1") as client:
        yield client


def products(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["product"] for one in answer.json()["recommendations"]]


def bought(user: str) -> set[str]:
    return {product for one, product in BOUGHT if one == user}


def test_a_list_has_what_the_user_has_not_met_and_says_where_it_comes_from(client):
    answer = client.get("/recommendations/U00001?limit=3")
    found = answer.json()
    assert len(products(answer)) == 3 and not set(products(answer)) & bought("U00001")
    assert found["source"] == "als" and found["removed"]["seen"] == len(bought("U00001"))
    assert found["folded_in"] == 0 and found["age_seconds"] > 0 and found["generation"]
    first = found["recommendations"][0]
    assert first["rank"] == 1 and first["name"].startswith("Product ") and set(first["because"]) <= bought("U00001")


def test_pages_go_on_without_a_gap(client):
    whole = products(client.get("/recommendations/U00002?limit=24"))
    first = client.get("/recommendations/U00002?limit=4")
    second = client.get("/recommendations/U00002", params={"limit": 4, "cursor": first.json()["next_cursor"]})
    assert products(first) + products(second) == whole[:8]
    assert second.json()["recommendations"][0]["rank"] == 5


@pytest.mark.parametrize("cursor", ["nonsense", "", "WzEsMl0", "x" * 400])
def test_a_cursor_that_was_not_given_is_refused(client, cursor):
    assert client.get("/recommendations/U00002", params={"cursor": cursor}).status_code == 400


def test_behind_the_end_of_a_list_there_is_nothing(client):
    from spark_app.serving import cursor

    generation = client.get("/users").json()["generation"]
    far = {"cursor": cursor.written(generation, cursor.FARTHEST)}
    for path in ("/recommendations/U00002", "/recommendations/nobody"):
        assert products(client.get(path, params=far)) == []
    for path in ("/users", "/products", "/popular", "/users/U00002/history"):
        answer = client.get(path, params=far)
        assert answer.status_code == 200 and answer.json()["next_cursor"] is None


def test_a_cursor_of_a_generation_that_is_gone_is_told_to_begin_anew(client):
    from spark_app.serving import cursor

    answer = client.get("/recommendations/U00002", params={"cursor": cursor.written("20200101T000000Z-0000", 4)})
    assert answer.status_code == 410 and "begin anew" in answer.json()["detail"]


def test_a_narrow_filter_gives_the_best_of_what_is_left(client):
    every = products(client.get("/recommendations/U00003?limit=24"))
    some = client.get("/recommendations/U00003?category=high&max_price=15&limit=24")
    assert products(some) == [name for name in every if 12 <= int(name[1:]) <= 15]
    assert some.json()["removed"]["category"] > 0
    assert "P0020" not in products(client.get("/recommendations/U00002?in_stock=true&limit=24"))


def test_an_unknown_user_gets_the_fallback(client):
    answer = client.get("/recommendations/nobody")
    assert answer.json()["source"] == "popular" and len(products(answer)) == 10


def test_lists_of_several_users_come_in_their_order(client):
    answer = client.post("/recommendations", json={"user_ids": ["U00004", "nobody", "U00005"], "limit": 2}).json()
    assert [one["user"] for one in answer["lists"]] == ["U00004", "nobody", "U00005"]
    assert answer["lists"][0]["recommendations"] == client.get(
        "/recommendations/U00004?limit=2"
    ).json()["recommendations"]


def test_a_session_needs_no_user(client):
    told = {"events": [{"product": "P0002"}, {"product": "P0004"}, {"product": "P0006", "event_type": "view"}]}
    answer = client.post("/recommendations/session", json=told | {"limit": 4})
    assert {int(name[1:]) % 2 for name in products(answer)} == {0} and answer.json()["user"] is None
    assert answer.json()["folded_in"] == 3 and not {"P0002", "P0004", "P0006"} & set(products(answer))


def test_a_group_is_shown_nothing_that_one_of_them_has_met(client):
    answer = client.post("/recommendations/group", json={"user_ids": ["U00006", "U00008"]})
    assert not set(products(answer)) & (bought("U00006") | bought("U00008"))


def test_what_was_posted_counts_in_the_next_request(client):
    before = products(client.get("/recommendations/U00010?limit=3"))
    posted = client.post("/events", json={"user": "U00010", "product": before[0], "event_id": f"now-{before[0]}"})
    assert posted.status_code == 202 and posted.json()["events"][0]["status"] == "accepted"
    answer = client.get("/recommendations/U00010?limit=3")
    assert before[0] not in products(answer) and answer.json()["folded_in"] == 1
    assert answer.json()["age_seconds"] < 60
    history = client.get("/users/U00010/history").json()["products"]
    assert history[0]["product"] == before[0] and history[0]["events"] == 1


def test_the_same_event_counts_once(client):
    told = {"user": "U00012", "product": "P0003", "event_id": "once"}
    first, second = (client.post("/events", json=told).json()["events"][0]["status"] for _ in range(2))
    assert (first, second) == ("accepted", "duplicate")
    assert client.get("/recommendations/U00012").json()["folded_in"] == 1


def test_each_event_is_answered_with_its_fault(client):
    good = {"user": "ann", "product": "P0001"}
    told = [good, {"product": "P0001"}, good | {"rating": "x"}]
    answer = client.post("/events", json=told)
    assert [one.get("reason") for one in answer.json()["events"]] == [None, "missing_user", "bad_rating"]


def test_a_new_user_is_known_from_the_first_event_on(client):
    client.post("/events", json={"user": "fresh one", "product": "P0002", "event_id": "fresh"})
    answer = client.get("/recommendations/fresh one")
    assert answer.json()["source"] == "als" and {int(name[1:]) % 2 for name in products(answer)[:4]} == {0}


def test_users_and_products_are_listed_page_by_page(client):
    first = client.get("/users?limit=20").json()
    second = client.get("/users", params={"limit": 100, "cursor": first["next_cursor"]}).json()
    assert first["users"] + second["users"] == [f"U{user:05d}" for user in range(USERS)]
    assert second["next_cursor"] is None
    some = client.get("/products?category=high&limit=5").json()
    assert [one["product"] for one in some["products"]] == [f"P{number:04d}" for number in range(12, 17)]


def test_a_product_has_its_details_and_an_unknown_one_is_a_404(client):
    found = client.get("/products/P0003").json()
    assert (found["name"], found["category"], found["price"], found["recommended"]) == ("Product 3", "low", 3.0, True)
    answer = client.get("/products/none")
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"


def test_what_is_alike_is_of_one_kind(client):
    like = client.get("/products/P0002/similar?limit=3").json()["products"]
    assert {int(one["product"][1:]) % 2 for one in like} == {0}
    users = client.get("/users/U00003/similar?limit=3").json()["users"]
    assert {int(one["user"][1:]) % 2 for one in users} == {1}
    buyers = client.get("/products/P0004/users?limit=3").json()["users"]
    assert not {one["user"] for one in buyers} & {user for user, product in BOUGHT if product == "P0004"}


def test_an_explanation_adds_up_to_the_score_of_the_list(client):
    first = client.get("/recommendations/U00007").json()["recommendations"][0]
    why = client.get(f"/explain/U00007/{first['product']}").json()
    assert why["rank"] == 1 and why["removed_by"] == "" and why["score"] == pytest.approx(first["score"], abs=1e-5)
    assert sum(part["amount"] for part in why["parts"]) == pytest.approx(why["score"], abs=1e-5)
    estimate = client.get(f"/estimate/U00007/{first['product']}").json()
    assert estimate["estimate"] == pytest.approx(first["score"], abs=1e-5)
    asked = {"user": "U00007", "product": first["product"]}
    assert client.get("/explain", params=asked).json() == why
    assert client.get("/estimate", params=asked).json() == estimate
    assert client.get("/explain", params=asked | {"product": "a/b"}).status_code == 404
    told = client.get("/recommendations/U00007?limit=3&explain=true").json()["recommendations"]
    assert told[0]["parts"] == why["parts"] and all(one["parts"] for one in told)
    assert client.get("/recommendations/U00007?limit=51&explain=true").status_code == 422


def test_what_is_popular_is_counted_by_users(client):
    found = client.get("/popular?limit=24").json()["products"]
    counts = [one["users"] for one in found]
    assert counts == sorted(counts, reverse=True) and counts[0] == sum(
        product == found[0]["product"] for _, product in BOUGHT
    )


def test_the_graph_around_a_user_hangs_together(client):
    found = client.get("/graph/U00009?users=3").json()
    ids = {vertex["id"] for vertex in found["vertices"]}
    ends = {edge[end] for edge in found["edges"] for end in ("src", "dst")}
    assert "u:U00009" in ids and ends == ids
    assert found["users_shown"] == 3 < found["users_of_these_products"]


def test_generations_and_numbers_are_told(client):
    found = client.get("/generations").json()
    assert found["generations"][0]["id"] == found["generation"] and found["generations"][0]["published"]
    numbers = client.get("/stats").json()
    assert client.get("/health/ready").json() == {"status": "ready", "generation": found["generation"]}
    assert numbers["users"] == USERS and numbers["products"] == PRODUCTS and numbers["tail"]["fault"] == ""
    assert client.post("/reload").json()["changed"] is False


def test_another_generation_is_swapped_in_and_old_pages_go_on(spark, tmp_path):
    settings = shop(spark, tmp_path)
    with TestClient(app.create(settings), base_url="http://127.0.0.1") as client:
        first = client.get("/recommendations/U00002?limit=4").json()
        later = generation(settings, events(spark, *BOUGHT, ("U99999", "P0001")), version=-1)
        wait(lambda: client.get("/recommendations/U00002").json()["generation"] == later.id)
        again = client.get("/recommendations/U00002", params={"limit": 4, "cursor": first["next_cursor"]}).json()
        assert again["generation"] == first["generation"] != later.id
        assert again["recommendations"][0]["rank"] == 5


def test_who_pages_on_in_an_old_generation_goes_on_with_what_came_after_that(spark, tmp_path):
    settings = shop(spark, tmp_path)
    later = ("U00002", "P0021")
    with TestClient(app.create(settings), base_url="http://127.0.0.1") as client:
        tables.append(settings, tables.EVENTS, events(spark, later).toArrow(), None)
        wait(lambda: client.get("/recommendations/U00002").json()["folded_in"] == 1)
        whole = products(client.get("/recommendations/U00002?limit=12"))
        history = client.get("/users/U00002/history").json()["products"]
        first = client.get("/recommendations/U00002?limit=6").json()
        old = client.get("/users/U00002/history?limit=1").json()
        newer = generation(settings, events(spark, *BOUGHT, later), version=0)
        wait(lambda: client.get("/recommendations/U00002").json()["generation"] == newer.id)
        # Trained on by now: it does not count a second time.
        assert client.get("/recommendations/U00002").json()["folded_in"] == 0
        assert client.get("/users/U00002/history").json()["products"][0]["events"] == 1
        asked = {"limit": 6, "cursor": first["next_cursor"]}
        again = client.get("/recommendations/U00002", params=asked).json()
        assert (again["generation"], again["folded_in"]) == (first["generation"], 1) and newer.id != first["generation"]
        assert [one["product"] for one in first["recommendations"] + again["recommendations"]] == whole
        rest = client.get("/users/U00002/history", params={"cursor": old["next_cursor"]}).json()["products"]
        assert old["products"] + rest == history and "P0021" in [one["product"] for one in history]


def wait(is_so) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_before_the_first_generation_everything_but_health_says_so(tmp_path):
    with TestClient(app.create(settings_for(tmp_path)), base_url="http://127.0.0.1") as client:
        for path in ("/recommendations/ann", "/users", "/popular", "/graph/ann", "/health/ready"):
            assert client.get(path).status_code == 503
        assert client.get("/health/live").status_code == 200
        assert client.post("/events", json={"user": "ann", "product": "lamp"}).status_code == 202


def test_metrics_tell_how_it_stands_and_hold_no_id(client):
    client.get("/recommendations/U00001")
    text = client.get("/metrics").text
    assert "millstream_ready 1.0" in text and "millstream_newest_event_age_seconds" in text
    assert 'route="/recommendations/{user}"' in text and "U00001" not in text


def test_what_went_out_of_stock_a_moment_ago_is_filtered(client):
    in_stock = "/recommendations/U00014?in_stock=true&limit=24"
    first = products(client.get(in_stock))[0]
    seen = {"user": "U00015", "product": first, "event_type": "view"}
    client.post("/events", json=seen | {"product_data": {"in_stock": False, "price": 99.5}})
    assert first not in products(client.get(in_stock))
    assert first in products(client.get("/recommendations/U00014?min_price=99&max_price=100&limit=24"))
    assert client.get(f"/products/{first}").json()["in_stock"] is False


def test_who_bought_it_a_moment_ago_is_not_one_who_should_get_it(client):
    first = client.get("/products/P0006/users?limit=1").json()["users"][0]["user"]
    client.post("/events", json={"user": first, "product": "P0006"})
    assert first not in [one["user"] for one in client.get("/products/P0006/users?limit=50").json()["users"]]


def test_what_is_new_to_the_shop_stands_in_the_history_with_all_that_is_known(client):
    said = {"name": "New lamp", "brand": "Lux"}
    client.post("/events", json={"user": "U00021", "product": "new", "product_data": said})
    first = client.get("/users/U00021/history?limit=1").json()["products"][0]
    assert (first["product"], first["name"], first["brand"], first["strength"]) == ("new", "New lamp", "Lux", 1.0)


def test_probes_may_ask_for_the_head_alone(client):
    assert client.head("/health/live").status_code == client.head("/health/ready").status_code == 200


def test_a_damaged_generation_is_passed_over_and_a_pointer_to_nothing_is_a_503(spark, tmp_path):
    settings = shop(spark, tmp_path)
    with TestClient(app.create(settings), base_url="http://127.0.0.1") as client:
        home = settings.data_dir / "generations"
        (home / "LATEST").write_text("gone")
        assert client.get("/generations").status_code == 503
        whole = generations.listed(settings)[0]
        (home / "LATEST").write_text(whole.id)
        (whole.folder / "metrics.json").write_text("{")
        assert client.get("/generations").json()["generations"] == []


def test_how_things_stand_is_told_before_the_first_generation_too(tmp_path):
    with TestClient(app.create(settings_for(tmp_path)), base_url="http://127.0.0.1") as client:
        found = client.get("/status").json()
        assert (found["generation"], found["published"], found["missing"]) == (None, None, 1000)
        assert found["lag"] == {"files": 0, "refused": 0}
        told = client.get("/generations").json()
        assert told == {"generation": None, "held": None, "generations": []}


def test_a_generation_says_what_became_of_it(client, settings):
    found = client.get("/generations").json()["generations"][0]
    assert found["state"] == "published" and found["events"] == {"accepted": len(BOUGHT)}
    assert client.get("/status").json()["published"] == found["id"]
    generations.rollback(settings, generations.find(settings, found["id"]))
    told = client.get("/generations").json()
    assert told["held"] == found["id"] and told["generations"][0]["state"] == "held"
    generations.promote(settings, generations.find(settings, found["id"]))


def test_a_product_is_found_by_its_id_its_name_or_anything_that_is_said_of_it(client):
    def found(q, **others):
        answer = client.get("/products", params={"q": q, "limit": 100} | others)
        assert answer.status_code == 200
        return [one["product"] for one in answer.json()["products"]]

    assert found("p000") == [f"P{number:04d}" for number in range(10)]
    assert found("PRÓDUCT 2") == ["P0002", *(f"P{number:04d}" for number in range(20, 24)), "P0012"]
    assert found("lux high")[:2] == ["P0012", "P0013"] and found("lux low high") == []
    assert found("0002")[0] == "P0002" and found("product", category="high") == found("", category="high")
    assert found("nothing") == [] and len(found(" ")) == PRODUCTS
    first = client.get("/products?q=lux&limit=20").json()
    rest = client.get("/products", params={"q": "lux", "cursor": first["next_cursor"]}).json()
    assert len(first["products"]) + len(rest["products"]) == PRODUCTS and rest["next_cursor"] is None


def test_a_user_is_found_by_the_beginning_of_the_id_or_a_part_of_it(client):
    assert client.get("/users?q=u0004").json()["users"] == [f"U{user:05d}" for user in range(40, 50)]
    assert client.get("/users?q=0004").json()["users"] == ["U00004", *(f"U{user:05d}" for user in range(40, 50))]
    by_events = client.get("/users?q=u0004&order=events").json()["users"]
    assert sorted(by_events) == [f"U{user:05d}" for user in range(40, 50)]
