"""A run on a bucket is killed at every place of publishing; another machine brings it to its end, and serves it."""

import json
import signal
import subprocess
import sys
import time
from typing import Any, NamedTuple

import httpx
import pytest
from conftest import machines_on
from mirrored import told
from sales import SMALL
from served import served
from test_cli import environment

from spark_app import generations, locks
from spark_app.settings import Given, Settings
from spark_app.storage import bucket, ledger, tables

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(1500)]
EVENTS = 900


class Shop(NamedTuple):
    """A shop in a bucket: settings of two machines, and what was published after each kill."""

    one: Settings
    two: Settings
    after: dict[str, tuple[str | None, str | None]]


def of_machine(settings: Settings) -> dict[str, str]:
    return SMALL | told(settings)


def run(home: Any, settings: Settings, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spark_app", "run", *words]
    given = environment(**of_machine(settings), **more)
    return subprocess.run(command, cwd=home, env=given, capture_output=True, text=True, check=False)


def sales(number: int) -> bytes:
    lines = [
        {"event_id": f"e{n}", "user": f"u{n * 7 % 41}", "product": f"p{n * 13 % 23}",
         "timestamp": f"2026-01-{1 + n % 28:02d}T{n % 24:02d}:00:00Z"}
        for n in range(number)
    ]  # fmt: skip
    return "\n".join(map(json.dumps, lines)).encode()


@pytest.fixture(scope="module")
def shop(s3_server, tmp_path_factory):
    home = tmp_path_factory.mktemp("shop")
    one, two = map(machines_on(s3_server, "shop", home), ("one", "two"))
    bucket.write(one.place(one.data_dir / "inbox" / "sales.jsonl"), sales(EVENTS) + b"\nnonsense")
    after = {}
    for place, words in (("between_files_and_pointer", ["--now"]), ("mid_csv", []), ("mid_upload", [])):
        done = run(home, one, *words, MILLSTREAM_FAILPOINT=f"{place}:1", MILLSTREAM_UNDER_TEST="true")
        assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
        published = generations.published(two)
        shown = generations.published_in(two.results_dir, two.place(two.results_dir))
        after[place] = (published and published.id, shown)
    done = run(home, two)
    assert done.returncode == 0, done.stdout + done.stderr
    return Shop(one, two, after)


def test_what_was_killed_is_never_seen_half_and_another_machine_ends_it(shop):
    made = generations.published(shop.two)
    assert shop.after == {
        "between_files_and_pointer": (None, None), "mid_csv": (made.id, None), "mid_upload": (made.id, None)
    }  # fmt: skip
    assert [one.id for one in generations.listed(shop.one)] == [made.id]
    assert not generations.fault_on_disk(generations.published(shop.one))
    there = shop.one.place(shop.one.results_dir)
    assert generations.published_in(shop.one.results_dir, there) == made.id
    found = bucket.listed(there)
    assert {"recommendations.csv", "vertices.csv", "edges.csv", "rmse.txt", "recommendation_graph.png"} <= found.keys()
    assert bucket.text(there / "user_mappings.csv").count("\n") == 1 + 41


def test_each_record_was_taken_once_and_no_lock_is_left(shop, report):
    counts = ledger.counts(shop.two)
    held = tables.scan(shop.two, tables.EVENTS, ["event_id"])["event_id"].to_pylist()
    assert (counts.read, counts.accepted, sum(counts.rejected.values())) == (EVENTS + 1, EVENTS, 1)
    lost, doubled = EVENTS - len(set(held)), len(held) - len(set(held))
    report("SIGKILL before the pointer, mid-CSV, mid-upload, on S3", 3, lost, doubled)
    assert (lost, doubled) == (0, 0)
    assert [locks.holder(shop.one, name) for name in ("ingest", "train", "publish", "results")] == [None] * 4


def test_a_machine_that_has_nothing_serves_it_and_keeps_what_is_posted(shop, tmp_path):
    third = Given(
        data_dir="s3a://shop/data", results_dir="s3a://shop/results",
        s3={"endpoint": shop.one.s3.endpoint, "copies": tmp_path / "three"},
    )  # fmt: skip
    with served(third, **of_machine(third)) as url:
        answer = httpx.get(f"{url}/recommendations/u1").json()
        assert answer["generation"] == generations.published(shop.two).id and answer["recommendations"]
        posted = {"event_id": "posted", "user": "u1", "product": "p1"}
        assert httpx.post(f"{url}/events", json=posted).status_code == 202
        time.sleep(0.5)
    inbox = third.place(third.data_dir / "inbox")
    (name,) = (name for name in bucket.listed(inbox) if name.startswith("api-"))
    assert json.loads(bucket.text(inbox / name))["event_id"] == "posted"
