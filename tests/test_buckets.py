"""How often one may ask."""

import functools

import pytest
from asgi import ask, guarded, problem

from spark_app.serving import buckets
from spark_app.serving.buckets import Buckets

KEYS = {"read_key": "read-key-of-the-shop", "write_key": "write-key-of-the-shop"}


@pytest.fixture
def app_with(tmp_path):
    """Makes the app with some of its settings."""
    return functools.partial(guarded, tmp_path)


def test_who_asks_too_often_waits_and_others_do_not(app_with):
    app = app_with(rate_limit=0.5, **KEYS)
    first, second = (
        ask(app, "/users/ann", headers={"X-API-Key": KEYS["read_key"]}),
        ask(app, "/users/ann", headers={"X-API-Key": KEYS["read_key"]}),
    )
    assert (first.status, problem(second), second.headers["retry-after"]) == (200, 429, "2")
    assert ask(app, "/users/ann", headers={"X-API-Key": KEYS["write_key"]}).status == 200
    assert [ask(app, "/health/live").status for _ in range(5)] == [200] * 5


def test_who_guesses_keys_is_counted_by_address(app_with):
    app = app_with(rate_limit=1, **KEYS)
    guesses = [ask(app, "/users/ann", headers={"X-API-Key": f"guess {number}"}).status for number in range(4)]
    assert guesses == [401, 401, 429, 429]
    assert ask(app, "/users/ann", client="10.0.0.2").status == 401


def test_a_bucket_fills_at_its_rate_and_holds_a_burst():
    now = [0.0]
    bucket = Buckets(10, clock=lambda: now[0])
    assert [bucket.wait(b"a") for _ in range(20)] == [0.0] * 20
    assert bucket.wait(b"a") == pytest.approx(0.1)
    now[0] += 0.5
    assert [bucket.wait(b"a") for _ in range(6)] == [0.0] * 5 + [pytest.approx(0.1)]


def test_who_was_idle_is_forgotten():
    now = [0.0]
    bucket = Buckets(10, clock=lambda: now[0])
    for number in range(1000):
        bucket.wait(b"%d" % number)
    now[0] += 2.0
    bucket.wait(b"new")
    assert len(bucket) == 1


def test_a_household_of_addresses_is_one():
    assert buckets.address("2001:db8::1") == buckets.address("2001:db8::ffff:1") != buckets.address("2001:db8:1::1")
    assert buckets.address("10.0.0.1") != buckets.address("10.0.0.2")
