"""The process is killed, at named places and at random, and started again: nothing is lost and nothing doubled."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
import remembered
import segmented
from conftest import settings_for
from sales import SMALL, Sales
from test_cli import call, environment

from spark_app import generations, pipeline
from spark_app.cohorts import segment_exports
from spark_app.fitting import sameness
from spark_app.forgetting import receipts
from spark_app.storage import forgotten, ledger, segment_files, tables

pytestmark = pytest.mark.chaos


def killed(home, place, *words):
    deadly = {"MILLSTREAM_FAILPOINT": place, "MILLSTREAM_UNDER_TEST": "true"}
    assert call(home, *words, **SMALL, **deadly).returncode == -signal.SIGKILL, place


def whole(home, *words):
    done = call(home, *words, **SMALL)
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.slow
def test_killed_at_every_place_of_a_batch_in_turn(spark, tmp_path, report):
    """A new file each time; the second place of a pair dies in the batch that the first left half done."""
    sales = Sales(settings_for(tmp_path))
    places = ("before_write:1", "after_write_before_commit:1", "before_ledger:1", "after_ledger_before_checkpoint:1")
    order = (*places, *places[2::-1])
    for place in order:
        sales.add()
        killed(tmp_path, place, "ingest")
    sales.take(spark)
    damage = sales.damage()
    report("SIGKILL at each place of a batch, also twice in one", len(order), *damage)
    assert damage == (0, 0)


@pytest.mark.night
@pytest.mark.slow
def test_killed_while_it_trains_and_publishes(tmp_path, report):
    """The generation that comes of it equals that of a run that nothing disturbed."""
    ours, calm = tmp_path / "ours", tmp_path / "calm"
    for home in (ours, calm):
        home.mkdir()
        sales = Sales(settings_for(home))
        for _ in range(4):
            sales.add(good=300)
    for place in ("mid_training:1", "between_files_and_pointer:1", "mid_csv:1"):
        killed(ours, place, "run", "--now")
        published = generations.published(settings_for(ours))
        assert (published is None) == (place != "mid_csv:1")
        assert not (ours / "results" / "metrics.json").exists()
    whole(ours, "run", "--now")
    whole(calm, "run", "--now")
    one, other = (generations.published(settings_for(home)) for home in (ours, calm))
    assert sameness.differences(one, other) == []
    assert pipeline.is_exported(settings_for(ours), one)
    damage = Sales.damage(sales)
    report("SIGKILL mid-training, before the pointer, mid-CSV", 3, *damage)


@pytest.mark.night
@pytest.mark.slow
def test_killed_while_it_makes_segments(spark, tmp_path, report):
    """Those before stay readable; what was published and not exported is shown by the next command."""
    settings = settings_for(tmp_path)
    sales = Sales(settings)
    sales.add(good=300)
    sales.take(spark)
    before = segmented.of(settings)
    killed(tmp_path, "mid_segments:1", "segments")
    assert segment_files.intact(settings, pytest.fail) == [before]
    killed(tmp_path, "mid_csv:1", "segments")
    (published,) = segment_files.intact(settings, pytest.fail)
    assert {path.name for path in published.path.parent.iterdir()} == {before.id, published.id, "LATEST"}
    assert published != before and not segment_exports.is_current(settings)
    whole(tmp_path, "run", "--now")
    assert segment_exports.is_current(settings) and not pipeline.outdated(settings)
    damage = sales.damage()
    report("SIGKILL while segments are made, and mid-CSV", 2, *damage)
    assert damage == (0, 0)


def ids_of_others(settings):
    """Event id -> how often the table has it, of all but her."""
    rows = tables.scan(settings, tables.EVENTS, ["user", "event_id"]).to_pylist()
    return Counter(row["event_id"] for row in rows if row["user"] != remembered.ANN)


def receipt_in(home):
    """The only one that is kept."""
    (path,) = (settings_for(home).data_dir / forgotten.HOME / receipts.HOME).iterdir()
    return json.loads(path.read_text())


@pytest.mark.slow
def test_killed_while_a_user_is_forgotten(spark, tmp_path, report):
    """No byte of hers is left, and the only receipt says what that of a run says that nothing disturbed."""
    ours, calm = tmp_path / "ours", tmp_path / "calm"
    settings = remembered.folder(spark, ours)
    shutil.copytree(ours, calm)
    others, counts = ids_of_others(settings), ledger.counts(settings)
    places = ("forget_before_ledger:1", "forget_before_manifest:1", "forget_mid_results:1")
    for place in places:
        killed(ours, place, "forget", remembered.ANN)
    for home in (ours, calm):
        whole(home, "forget", remembered.ANN)
    assert remembered.everywhere(settings) == []
    one, other = (receipt_in(home) for home in (ours, calm))
    assert one["finished_at"] and one["removed"] == other["removed"] and {*other["deleted"]} <= {*one["deleted"]}
    assert len(one["rewritten"]) == len(other["rewritten"])
    assert generations.published_in(settings.results_dir) == generations.published(settings).id
    assert ledger.counts(settings) == counts and not ledger.is_cut_short(settings)
    left = ids_of_others(settings)
    damage = (others - left).total(), (left - others).total()
    report("SIGKILL while a user is forgotten", len(places), *damage)
    assert damage == (0, 0)


@pytest.mark.slow
def test_eight_random_kills_of_the_process_group(spark, tmp_path, report):
    sales, chance = Sales(settings_for(tmp_path)), random.Random(7)
    kills = 0
    for _ in range(8):
        for _ in range(4):
            sales.add()
        process = subprocess.Popen(
            [sys.executable, "-m", "spark_app", "ingest"], cwd=tmp_path, env=environment(**SMALL),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        # Before the first batch there is little to break: it dies between then and the end of the fourth.
        time.sleep(chance.uniform(4, 13))
        kills += process.poll() is None
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
        process.wait()
    sales.take(spark)
    damage = sales.damage()
    report("SIGKILL of the process group at random", kills, *damage)
    assert damage == (0, 0)
    assert kills >= 4


@pytest.mark.slow
def test_a_disk_that_is_full_stops_it_and_it_goes_on_when_there_is_room(spark, tmp_path, report):
    """No file may grow beyond some kilobytes, which is what a full disk looks like to who writes."""
    sales = Sales(settings_for(tmp_path))
    sales.add()
    sales.take(spark)
    sales.add(good=20_000)
    full = subprocess.run(
        [sys.executable, "-m", "spark_app", "ingest"], cwd=tmp_path, env=environment(**SMALL), capture_output=True,
        text=True, timeout=120, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY)),
    )  # fmt: skip
    assert full.returncode == 1, full.stdout + full.stderr
    assert full.stderr.startswith("error: ") and len(full.stderr.splitlines()) == 1, full.stderr
    sales.take(spark)
    damage = sales.damage()
    report("disk full", 1, *damage)
    assert damage == (0, 0)
