"""How things stand, for many who ask often: what is new is seen, what is old is not looked at again and again."""

import time

import pytest
from conftest import settings_for
from test_ledger import part

from spark_app import status
from spark_app.serving import standing
from spark_app.serving.problems import Problem
from spark_app.serving.standing import Standing
from spark_app.storage import ledger


@pytest.fixture
def looks(monkeypatch):
    """How often it was looked, by what it was looked at."""
    made: list[str] = []
    for name in ("found", "lag"):
        real = getattr(status, name)
        monkeypatch.setattr(status, name, lambda *a, name=name, real=real, **k: made.append(name) or real(*a, **k))
    return made


def test_what_was_written_is_seen_within_a_second_and_nobody_looks_twice(settings, looks, monkeypatch):
    monkeypatch.setattr(standing, "_BETWEEN", 0.1)
    asked = Standing(settings)
    for _ in range(50):
        assert asked.now()["read"] == 0
    assert looks.count("found") == 1
    ledger.account(settings, [part(3)], {}, None)
    time.sleep(0.11)
    assert asked.now()["accepted"] == 3 and looks.count("found") == 2
    time.sleep(0.11)
    assert asked.now()["accepted"] == 3 and looks.count("found") == 2


def test_what_waits_is_looked_at_beside_the_answers(settings, looks):
    (settings.data_dir / "inbox").mkdir(parents=True)
    (settings.data_dir / "inbox" / "a.csv").write_text("user,product,quantity,timestamp\nann,lamp,1,2026-01-01\n")
    asked = Standing(settings)
    deadline = time.monotonic() + 5
    while asked.now()["lag"] != {"files": 1, "refused": 0}:
        assert time.monotonic() < deadline
    assert looks.count("lag") == 1


def test_a_broker_that_is_away_holds_up_nobody(tmp_path):
    away = settings_for(tmp_path, source="kafka", kafka={"bootstrap_servers": "localhost:1"})
    asked = Standing(away)
    began = time.monotonic()
    assert asked.now()["read"] == 0
    assert time.monotonic() - began < 2


def test_tables_that_cannot_be_read_leave_what_was_known(settings, monkeypatch):
    monkeypatch.setattr(standing, "_BETWEEN", 0.0)
    monkeypatch.setattr(standing, "_AT_LAST", 0.0)

    def broken(*_, **__):
        raise OSError("gone")

    ledger.account(settings, [part(3)], {}, None)
    asked = Standing(settings)
    assert asked.now()["read"] == 3
    monkeypatch.setattr(status, "found", broken)
    assert asked.now()["read"] == 3
    with pytest.raises(Problem) as refused:
        Standing(settings).now()
    assert refused.value.status == 503
