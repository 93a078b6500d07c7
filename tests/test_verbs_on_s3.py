"""Verbs in their turn on a folder in a bucket, each as a process of its own, by two machines that share it alone."""

import json
import re
import subprocess
import sys
from datetime import date, timedelta

import httpx
import pytest
from conftest import machines_on
from mirrored import brought, told
from searched import found
from served import served
from test_cli import environment

from spark_app import generations, locks
from spark_app.storage import bucket

pytestmark = [pytest.mark.whole, pytest.mark.timeout(1800)]
# Of a text: two kinds of posts that have no word in common.
POSTS = ("puppy kitten walk collar leash", "seeds rose compost bloom garden")


@pytest.fixture
def machines(s3_server, tmp_path):
    """Settings of two machines on an empty bucket, with sales and posts in its inbox."""
    one, two = map(machines_on(s3_server, "verbs", tmp_path), ("one", "two"))
    bucket.write(one.place(one.data_dir / "inbox" / "sales.jsonl"), sales(900))
    return one, two


def sales(number):
    lines = []
    for n in range(number):
        day = date(2026, 1, 1) + timedelta(days=n % 28)
        user, brand = f"user-{n * 7 % 41:02d}", {"id": f"p{n * 13 % 23}", "brand": f"b{n * 13 % 23 % 4}"}
        lines.append({"event_id": f"e{n}", "user": user, "product": brand["id"], "product_data": brand,
                      "timestamp": f"{day}T{n % 24:02d}:00:00Z"})  # fmt: skip
        if n % 9 == 0:
            text = " ".join(POSTS[n * 7 % 41 % 2].split()[n % 4 :])
            lines.append({"event_id": f"t{n}", "user": user, "event_type": "post", "text": text, "timestamp": str(day)})
    return "\n".join(map(json.dumps, lines)).encode()


class Machine:
    """Runs verbs with the settings of one machine."""

    def __init__(self, settings, home):
        self.settings, self._home = settings, home
        quick = {"MILLSTREAM_ALS__FACTORS": "8", "MILLSTREAM_ALS__ITERATIONS": "3", "COLUMNS": "200"}
        self.given = told(settings) | quick

    def does(self, *words, code=0):
        """What the verb prints; its exit code has to be this one."""
        done = subprocess.run(
            [sys.executable, "-m", "spark_app", *map(str, words)], cwd=self._home, env=environment(**self.given),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + (done.stderr if code else "")

    def place(self, name=""):
        """What the bucket has under this name."""
        return self.settings.place(self.settings.data_dir)._replace(key=name)


def test_two_machines_train_roll_back_tell_serve_dump_and_forget(machines, tmp_path):
    one, two = (Machine(settings, tmp_path) for settings in machines)
    one.does("run", "--now")
    first = generations.published(one.settings)
    two.does("train", "--now", "--force")
    second = generations.published(one.settings)
    assert second.id > first.id and second.manifest["parent"] == first.id
    rolled_back(one, two, first, second)
    told_of_users(one, two)
    is_served(two, first)
    dumped_and_forgotten(one, two, tmp_path)


def rolled_back(one, two, first, second):
    one.does("generations", "rollback")
    listed = two.does("generations", "list")
    assert first.id in listed and second.id in listed
    told = json.loads(two.does("status", "--json"))
    assert (told["published"], told["held"], told["data"]) == (first.id, True, "s3a://verbs/data")
    assert json.loads(bucket.text(one.place("results/metrics.json")))["generation"] == first.id


def told_of_users(one, two):
    assert re.search(r"b[0-3]", one.does("recent", "user-07"))
    two.does("recent")
    one.does("segments", "--k", 2)
    two.does("interests", "--k", 2)
    assert json.loads(one.does("interests", "assign", "a kitten on a leash", "--json"))["group"] is not None
    assert {
        "recommendations.csv", "recent_brands.csv", "segments.csv", "clusters.png", "interests.csv", "interests.png",
        "interest_assigned.png", "trending.csv",
    } <= bucket.listed(one.place("results")).keys()  # fmt: skip
    assert "s3a://verbs/results can be written" in two.does("doctor", "--quick")


def is_served(machine, generation):
    with served(machine.settings, **machine.given) as url:
        answer = httpx.get(f"{url}/recommendations/user-07").json()
        assert answer["generation"] == generation.id and answer["recommendations"]
        assert httpx.get(f"{url}/users/user-07/segment").json()["segments"]
        assert httpx.get(f"{url}/users/user-00/interests").json()["interests"]


def dumped_and_forgotten(one, two, tmp_path):
    one.does("dump", tmp_path / "shop.tar")
    assert "restore does not write into a bucket" in one.does("restore", tmp_path / "shop.tar", code=2)
    assert found(brought(one.place(), tmp_path / "before"), "user-07")
    receipt = json.loads(one.does("forget", "user-07"))
    assert receipt["held"] and receipt["finished_at"]
    assert found(brought(one.place(), tmp_path / "after"), "user-07") == []
    two.does("retention", "--force")
    assert generations.published(one.settings).metrics["users"] == 40
    assert [locks.holder(one.settings, name) for name in ("ingest", "train", "publish", "results")] == [None] * 4
