"""How things stand, from tables that the ledger alone has filled."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import settings_for
from test_ledger import part

from kafka_producer import send
from kafka_producer.send import Message
from spark_app import locks, status
from spark_app.cli import state
from spark_app.storage import ledger

ROOT = Path(__file__).parent.parent


def test_an_empty_folder_has_nothing_and_no_rate(settings):
    found = status.found(settings)
    assert (found["read"], found["events_per_second"], found["seconds_to_threshold"]) == (0, 0.0, None)
    assert (found["lag"], found["last_batches"]) == ({"files": 0, "refused": 0}, [])


def test_the_rate_says_when_the_next_training_comes(settings):
    ledger.account(settings, [part(100)], {}, None)
    found = status.found(settings, datetime.now(UTC) + timedelta(seconds=10))
    assert found["events_per_second"] == pytest.approx(10, rel=0.05)
    assert found["missing"] == 900
    assert found["seconds_to_threshold"] == pytest.approx(90, rel=0.05)
    later = status.found(settings, datetime.now(UTC) + timedelta(hours=1))
    assert later["events_per_second"] == 0.0


def test_files_that_wait_in_the_inbox_are_the_lag(settings):
    inbox = settings.data_dir / "inbox"
    inbox.mkdir(parents=True)
    (inbox / "a.csv").write_text("user,product,quantity,timestamp\nann,lamp,1,2026-01-01\n")
    (inbox / "b.csv").write_text("odd\n1\n")
    assert status.found(settings)["lag"] == {"files": 1, "refused": 1}


def test_a_batch_is_cut_short_when_nobody_is_at_it_any_more(settings):
    """The ledger counts events that the table does not hold."""
    ledger.account(settings, [part(3)], {}, None)
    with locks.held(settings, locks.INGEST, "ingest"):
        found = status.found(settings)
        assert not found["cut_short"] and "`ingest`" in found["running"][0]
    found = status.found(settings)
    assert found["cut_short"] and found["running"] == []


@pytest.mark.kafka
def test_records_that_were_not_taken_are_the_lag(settings, kafka):
    with send.opened(kafka) as outbox:
        outbox.send([Message(b"ann", b"{}")] * 5)
    followed = settings.model_copy(update={"source": "kafka", "kafka": kafka})
    lag = status.found(followed)["lag"]
    assert lag["records"] == 5
    (partition,) = [name for name, number in lag["partitions"].items() if number]
    ledger.account(followed, [part(3, partition, source=f"kafka:{kafka.topic}")], {}, None)
    assert status.found(followed)["lag"]["records"] == 2


def test_a_broker_that_is_away_leaves_the_rest_of_the_status(tmp_path):
    away = settings_for(tmp_path, source="kafka", kafka={"bootstrap_servers": "localhost:1"})
    found = status.found(away)
    assert found["lag"]["records"] is None and "no broker answers" in found["lag"]["reason"]
    assert found["read"] == 0


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "-"), (0, "0 s"), (59, "59 s"), (7500, "2 h 5 min"), (90_061, "1 d 1 h")]
)
def test_a_span_is_said_in_its_two_largest_units(seconds, words):
    assert state._span(seconds) == words


def test_watching_ends_well_with_ctrl_c(tmp_path):
    command = [sys.executable, "-m", "spark_app", "status", "--watch"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    said = tmp_path / "said.txt"
    with said.open("w") as out:
        watching = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=out)
        deadline = time.monotonic() + 30
        while "results hold" not in said.read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=20) == 0
    assert "next training" in said.read_text()
