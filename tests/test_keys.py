"""Keys: what each opens, and where it never shows."""

import functools
import json

import pytest
from asgi import HOST, ask, guarded, problem
from conftest import settings_for

from spark_app import settings
from spark_app.blocks import Serve
from spark_app.running import logs
from spark_app.serving import keys
from spark_app.serving.keys import Keys

READ, WRITE, ADMIN = "read-key-of-the-shop", "write-key-of-the-shop", "admin-key-of-the-shop"
KEYS = {"read_key": READ, "write_key": WRITE, "admin_key": ADMIN}


@pytest.fixture
def app_with(tmp_path):
    """Makes the app with some of its settings."""
    return functools.partial(guarded, tmp_path)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/users/ann"), ("POST", "/events"), ("DELETE", "/users/ann"), ("POST", "/reload")]
)
def test_without_a_key_in_the_settings_nobody_is_asked_for_one(app_with, method, path):
    assert ask(app_with(), path, method).status == 200


@pytest.mark.parametrize(
    ("method", "path", "least"),
    [
        ("GET", "/users/ann", READ), ("GET", "/metrics", READ), ("GET", "/docs", READ), ("GET", "/openapi.json", READ),
        ("POST", "/recommendations", READ), ("POST", "/recommendations/session", READ),
        ("POST", "/interests/assign", READ),
        ("POST", "/events", WRITE), ("DELETE", "/users/ann", ADMIN), ("POST", "/reload", ADMIN),
    ],
)  # fmt: skip
def test_a_key_opens_its_own_scope_and_those_below(app_with, method, path, least):
    app, order = app_with(**KEYS), [READ, WRITE, ADMIN]
    for key in order:
        answer = ask(app, path, method, {"X-API-Key": key})
        if order.index(key) >= order.index(least):
            assert answer.status == 200
        else:
            assert problem(answer) == 403


def test_what_nobody_thought_of_takes_the_widest_scope():
    assert keys.needed("PUT", "/users/ann") == keys.needed("POST", "/recommendationsx") == keys.ADMIN


@pytest.mark.parametrize("key", [None, "", "wrong", READ[:-1], READ + "x", READ.upper(), "å", f"{READ},{WRITE}"])
def test_no_key_or_an_unknown_one_is_401_and_says_where_a_key_goes(app_with, key):
    headers = [HOST] if key is None else [HOST, (b"x-api-key", key.encode())]
    answer = ask(app_with(**KEYS), "/users/ann", headers=headers)
    assert problem(answer) == 401
    assert "X-API-Key" in answer.headers["www-authenticate"]


def test_a_path_that_is_no_route_tells_nothing_to_who_has_no_key(app_with):
    assert problem(ask(app_with(**KEYS), "/nothing")) == 401


def test_health_needs_no_key(app_with):
    app = app_with(**KEYS)
    assert ask(app, "/health/live").status == 200
    assert problem(ask(app, "/health/ready")) == 503


def test_a_setting_may_hold_several_keys(app_with):
    app = app_with(read_key="one, two")
    assert [ask(app, "/users/ann", headers={"X-API-Key": key}).status for key in ("one", "two", "one, two")] == [
        200, 200, 401,
    ]  # fmt: skip


def test_a_key_in_two_scopes_has_the_wider_wherever_it_stands():
    both = Keys(Serve(read_key="both", write_key="both", admin_key="other"))
    assert both.scope(keys.digest(b"both")) == keys.WRITE


def test_two_keys_in_one_request_are_refused(app_with):
    twice = [HOST, (b"x-api-key", READ.encode()), (b"x-api-key", ADMIN.encode())]
    assert problem(ask(app_with(**KEYS), "/users/ann", headers=twice)) == 400


@pytest.mark.parametrize("name", ["api_key", "X-API-Key", "key", "KEY", "%6bey", "x-api%2Dkey"])
@pytest.mark.parametrize("more", ["", "limit=5&"])
def test_a_key_in_the_address_is_refused_and_the_header_named(app_with, name, more):
    answer = ask(app_with(**KEYS), f"/users/ann?{more}{name}={READ}", headers={"X-API-Key": READ})
    assert problem(answer) == 400
    assert "X-API-Key" in answer.json()["detail"] and READ not in answer.body.decode()


@pytest.mark.parametrize("query", ["keyword=1", "category=a%26key=b", "brand=key", "monkey=1"])
def test_what_only_looks_like_a_key_in_the_address_is_none(app_with, query):
    assert ask(app_with(), f"/users/ann?{query}").status == 200


def test_a_secret_is_in_no_log_and_no_answer(app_with, tmp_path, capsys):
    canary = "canary-7f3a9d1c5e"
    log = logs.start(settings_for(tmp_path, log_level="DEBUG"), "serve")
    app = app_with(read_key=canary)
    app.add_api_route("/broken", lambda: 1 / 0, methods=["GET"])
    right, wrong = {"X-API-Key": canary}, {"X-API-Key": f"{canary}x"}
    asked = [
        ask(app, "/users/ann", headers=right), ask(app, "/users/ann", headers=wrong),
        ask(app, "/broken", headers=right), ask(app, f"/users/ann?key={canary}"),
         ask(app, "/events", "POST", right), ask(app, "/metrics", headers=right),
        ask(app, "/openapi.json", headers=right), ask(app, "/users/ann?limit=canary-", headers=right),
    ]  # fmt: skip
    assert [answer.status for answer in asked] == [200, 401, 500, 400, 403, 200, 200, 200]
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert sum(line["event"] == "request" for line in lines) == len(asked)
    said = log.read_text() + str(asked) + "".join(capsys.readouterr())
    assert "canary-" not in said and canary not in said


def test_a_secret_is_in_no_listing_of_the_settings_nor_in_a_refusal(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLSTREAM_SERVE__READ_KEY", "canary-7f3a9d1c5e")
    assert "canary" not in str(settings.listed(settings.load())) + repr(settings.load())
    monkeypatch.setenv("MILLSTREAM_SERVE", '{"admin_key": ["canary-7f3a9d1c5e"]}')
    with pytest.raises(settings.WrongSettingError) as refused:
        settings.load()
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("HOSTS", "http://shop.example", "a name or address without a port"), ("HOSTS", "a:80", "without a port"),
        ("ORIGINS", "*", "an origin"), ("ORIGINS", "https://shop.example/", "an origin"),
        ("PORT", "70000", "less than or equal to 65535"), ("RATE_LIMIT", "0", "greater than 0"),
    ],
)  # fmt: skip
def test_a_setting_that_would_let_in_others_than_meant_is_refused(monkeypatch, tmp_path, name, value, expected):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"MILLSTREAM_SERVE__{name}", value)
    with pytest.raises(settings.WrongSettingError, match=expected):
        settings.load()
