"""Generations, segments and results in a bucket: one machine writes, another sees them whole or not at all.

`on_s3("one")` and `on_s3("two")` are two machines: each has a folder of copies of its own.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import interested
import numpy as np
import pyarrow as pa
import pytest
import segmented

from spark_app import generations
from spark_app.serving.pointer import Pointer
from spark_app.storage import bucket, interest_files, results, segment_files, shelves

ROOT = Path(__file__).parent.parent
METRICS = {"published": True, "reason": ""}
SECONDS = itertools.count()


def finished(settings, **manifest):
    """A generation with one table and factors; each is a second younger than the one before."""
    generation = generations.new(settings, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(SECONDS)))
    generations.write_rows(generation, generations.USERS, pa.table({"user": ["ann", "bob"]}))
    generations.write_factors(generation, "user_factors", np.array([1, 2]), np.eye(2))
    generations.finish(generation, METRICS, {"created_at": "2026-01-01T00:00:00+00:00"} | manifest)
    return generation


def killed_at(place, settings, program):
    """Runs a line with these settings in a process that kills itself at a fail point."""
    given = {"data_dir": settings.told(settings.data_dir), "results_dir": settings.told(settings.results_dir)}
    s3 = {"endpoint": settings.s3.endpoint, "copies": str(settings.s3.copies)}
    code = (
        "from spark_app import generations; from spark_app.running import failpoints; "
        "from spark_app.storage import results; from spark_app.settings import Given\n"
        f"s = Given(under_test=True, failpoint={place!r}, s3={s3!r}, **{given!r})\nfailpoints.arm(s)\n{program}"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_what_one_machine_publishes_another_reads_and_maps(on_s3):
    ours, theirs = on_s3("one"), on_s3("two")
    made = finished(ours)
    assert generations.published(theirs) is None
    generations.publish(ours, made)
    found = generations.published(theirs)
    assert (found.id, found.metrics) == (made.id, METRICS)
    # So far only what is small was brought.
    assert sorted(path.name for path in found.home.iterdir()) == ["manifest.json", "metrics.json"]
    assert generations.scan(found, generations.USERS)["user"].to_pylist() == ["ann", "bob"]
    assert np.load(found.folder / "user_factors.npy", mmap_mode="r").tolist() == [[1, 0], [0, 1]]


def test_a_generation_without_its_manifest_is_not_there_and_goes(on_s3):
    ours, theirs = on_s3("one"), on_s3("two")
    whole, torn = finished(ours), generations.new(ours)
    generations.write_rows(torn, generations.USERS, pa.table({"user": ["ann"]}))
    generations.send(torn)
    assert generations.listed(theirs) == [generations.find(theirs, whole.id)]
    assert generations.remove_unfinished(theirs) == [torn.id]
    assert not bucket.listed(torn.place)


@pytest.mark.whole
def test_a_kill_before_the_pointer_is_put_leaves_the_last_one_published(on_s3):
    ours, theirs = on_s3("one"), on_s3("two")
    first, second = finished(ours), finished(ours)
    generations.publish(ours, first)
    killed_at("between_files_and_pointer:1", ours, f"generations.publish(s, generations.find(s, {second.id!r}))")
    assert generations.published(theirs).id == first.id
    generations.resume(theirs)
    assert generations.published(ours).id == second.id
    assert not [name for name in bucket.listed(first.place._replace(key="data/generations")) if ".LATEST" in name]


def test_a_rollback_holds_until_the_next_promote(on_s3):
    ours, theirs = on_s3("one"), on_s3("two")
    first, second = finished(ours), finished(ours)
    generations.publish(ours, second)
    generations.rollback(theirs, generations.find(theirs, first.id))
    assert (generations.published(ours).id, generations.held(ours)) == (first.id, first.id)
    generations.promote(ours, second)
    assert (generations.published(theirs).id, generations.held(theirs)) == (second.id, "")


def test_old_generations_go_from_the_bucket_and_from_here(on_s3):
    settings = on_s3("one", keep_generations=1)
    old, new = finished(settings), finished(settings)
    generations.publish(settings, new)
    assert generations.remove_old(settings) == [old.id]
    assert not bucket.listed(old.place) and not old.home.exists()
    assert [one.id for one in generations.listed(settings)] == [new.id]


def test_who_serves_sees_another_pointer_within_its_next_look(on_s3, monkeypatch):
    monkeypatch.setattr("spark_app.serving.pointer.FAR", 0.0)
    ours, theirs = on_s3("one"), on_s3("two")
    pointer, made = Pointer(theirs), finished(ours)
    assert pointer.named() == ""
    generations.publish(ours, made)
    assert pointer.other_than("") == made.id and pointer.other_than(made.id) == ""


def test_segments_of_one_machine_are_those_of_the_other(on_s3):
    ours, theirs = on_s3("one"), on_s3("two")
    made = segmented.of(ours)
    (found,) = segment_files.intact(theirs, pytest.fail)
    assert (found.id, found.summary["segments"]) == (made.id, made.summary["segments"])
    assert segment_files.looked_up(found).of("ann") == segment_files.looked_up(made).of("ann") != []
    for _ in range(shelves.KEPT):
        segmented.of(theirs)
    assert made.id not in [folder.id for folder in segment_files.listed(ours, "behaviour")]


def test_interests_of_one_machine_are_those_of_the_other(on_s3):
    ours, theirs = on_s3("one"), on_s3("two")
    made = interested.keep(ours, interested.rows(9, none=1))
    found = interest_files.intact(theirs, pytest.fail)
    assert (found.id, found.summary) == (made.id, made.summary)
    assert interest_files.looked_up(found).of("u00008") == interest_files.looked_up(made).of("u00008") != []
    for _ in range(shelves.KEPT):
        interested.keep(theirs)
    assert interest_files.latest(ours).id != made.id and not bucket.listed(made.place)


def written(settings, generation, dated=None):
    """Results as an export writes them; gives what the bucket has then."""
    with results.held(settings, "export", 1):
        (settings.results_dir / "metrics.json").write_text(json.dumps({"generation": generation}))
        for name in ("edges.csv", "vertices.csv"):
            (settings.results_dir / name).write_text(generation)
            if dated:
                os.utime(settings.results_dir / name, (dated, dated))
    place = settings.place(settings.results_dir)
    return {name: bucket.text(place / name) for name in bucket.listed(place)}


def test_results_of_one_machine_are_those_of_the_other_dated_as_they_were(on_s3):
    ours, theirs = on_s3("one"), on_s3("two")
    assert written(ours, "g1", dated=1_700_000_000.5)["edges.csv"] == "g1"
    results.follow(theirs)
    assert (theirs.results_dir / "edges.csv").stat().st_mtime == 1_700_000_000.5
    there = theirs.place(theirs.results_dir)
    assert generations.published_in(theirs.results_dir, there) == "g1"
    assert written(theirs, "g2") == {
        "edges.csv": "g2", "vertices.csv": "g2", "metrics.json": json.dumps({"generation": "g2"})
    }  # fmt: skip


def test_what_was_taken_away_from_the_results_goes_from_the_bucket(on_s3):
    settings = on_s3()
    written(settings, "g1")
    with results.held(settings, "export", 1):
        (settings.results_dir / "edges.csv").unlink()
    assert sorted(bucket.listed(settings.place(settings.results_dir))) == ["metrics.json", "vertices.csv"]


@pytest.mark.whole
def test_results_whose_replacement_was_killed_have_no_seal_until_they_are_written_again(on_s3):
    ours, theirs = on_s3("one"), on_s3("two")
    written(ours, "g1")
    program = (
        "with results.held(s, 'export', 1):\n"
        "    for name in ('metrics.json', 'edges.csv', 'vertices.csv'):\n"
        "        (s.results_dir / name).write_text('{\"generation\": \"g2\"}')"
    )
    killed_at("mid_upload:1", ours, program)
    place = theirs.place(theirs.results_dir)
    assert generations.published_in(theirs.results_dir, place) is None
    assert sorted(bucket.listed(place)) == ["edges.csv", "vertices.csv"]
    assert set(written(theirs, "g2").values()) == {"g2", json.dumps({"generation": "g2"})}
    results.follow(ours)
    assert (ours.results_dir / "vertices.csv").read_text() == "g2"


def test_an_export_that_failed_leaves_the_bucket_as_it_was(on_s3):
    settings = on_s3()
    written(settings, "g1")
    with pytest.raises(RuntimeError), results.held(settings, "export", 1):
        (settings.results_dir / "edges.csv").write_text("half")
        raise RuntimeError("no")
    results.follow(settings)
    assert (settings.results_dir / "edges.csv").read_text() == "g1"
