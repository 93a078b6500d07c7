"""--watch as a process: it waits, draws each generation once, lives through half a folder, and ends when told to."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from pictured import PICTURES, SCRIPT, run, write_csv, write_results, write_segments

from pictures import document, drawing, watching

GROUPED = {"clusters.png", "elbow.png", "dendrogram.png"}


class Watcher:
    """The command, and its lines as they come."""

    def __init__(self, *arguments):
        command = [sys.executable, str(SCRIPT), "--watch", "--interval", "0.05", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.process, self.lines = subprocess.Popen(command, **pipes), queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip())

    def line(self):
        """The next one, without its time."""
        return self.lines.get(timeout=60).partition("  ")[2]

    def ended(self, sent):
        self.process.send_signal(sent)
        return self.process.wait(timeout=30)


@pytest.fixture
def watcher():
    started = []

    def start(*arguments):
        started.append(Watcher(*arguments))
        return started[-1]

    yield start
    for of in started:
        of.process.kill()
        of.process.wait()


def generation(folder, name, **lists):
    """As an export does it: metrics.json away first, and written last."""
    (folder / "metrics.json").unlink(missing_ok=True)
    made = write_results(folder.with_name("made"), lists or {"ann": ["lamp"]})
    (made / "metrics.json").write_text(json.dumps({"generation": name}))
    folder.mkdir(exist_ok=True)
    for path in sorted(made.iterdir(), key=lambda path: path.name == "metrics.json"):
        path.rename(folder / path.name)


def test_it_waits_draws_each_generation_once_and_ends_by_sigterm(tmp_path, watcher):
    folder = tmp_path / "results"
    watched = watcher("--results", folder, "--html")
    assert watched.line() == f"waiting for a generation, segments or interests in {folder}"
    generation(folder, "one")
    assert watched.line().startswith("drew generation one: recommendation_graph.png ")
    assert all((folder / name).exists() for name in [*PICTURES, document.FILE])
    shutil.rmtree(folder)
    time.sleep(0.3)
    generation(folder, "two", ann=["lamp", "rug"])
    assert watched.line().startswith("drew generation two: ")
    time.sleep(0.3)
    assert watched.ended(signal.SIGTERM) == 0
    assert watched.lines.empty()
    assert not list(folder.glob(".drawing-*"))


def test_a_broken_file_is_told_once_and_the_whole_one_drawn(tmp_path, watcher):
    folder = tmp_path / "results"
    generation(folder, "one")
    whole = (folder / "edges.csv").read_bytes()
    (folder / "edges.csv").write_bytes(whole[:-3])
    watched = watcher("--results", folder)
    assert "edges.csv cannot be read" in watched.line()
    time.sleep(0.3)
    (folder / "edges.csv").write_bytes(whole)
    assert watched.line().startswith("drew generation one: ")
    assert watched.ended(signal.SIGINT) == 0
    assert not (folder / document.FILE).exists()


@pytest.mark.parametrize("interval", ["0", "-1", "soon", "nan", "1e9"])
def test_a_wrong_interval_is_wrong_usage(interval):
    done = run("--watch", "--interval", interval)
    assert done.returncode == 2
    assert "--interval" in done.stderr.splitlines()[-1]


def rise(folder):
    """What is trending, written at another time than before."""
    for name, rows in (("trending_buckets.csv", []), ("trending.csv", [])):
        write_csv(folder / name, rows)


def test_new_numbers_of_what_is_trending_draw_that_alone(tmp_path):
    folder = tmp_path / "results"
    generation(folder, "one")
    before = watching.stamp(folder)
    drawing.draw(folder)
    assert watching.stamp(folder, before) == before
    rise(folder)
    now = watching.stamp(folder, before)
    assert now != before and watching.news(before, now) == "what is trending"
    assert [path.name for path in watching.redraw(folder, before, now, page=True)] == ["trending.png"]
    assert len(watching.redraw(folder, None, now, page=False)) == 4


@pytest.mark.parametrize("away", ["segments.json", "trending.csv", "trending_buckets.csv"])
def test_a_file_that_is_being_replaced_is_no_reason_to_draw(tmp_path, away):
    folder = tmp_path / "results"
    generation(folder, "one")
    rise(folder)
    (folder / "segments.json").write_text("{}")
    before = watching.stamp(folder)
    (folder / away).unlink()
    assert watching.stamp(folder, before) == before


def test_segments_alone_are_drawn_as_they_come_and_a_generation_after_them(tmp_path):
    folder = tmp_path / "results"
    assert watching.stamp(folder) is None
    write_segments(folder, {}, [])
    alone = watching.stamp(folder)
    assert alone.generation == "" and watching.news(None, alone) == "segments"
    assert {path.name for path in watching.redraw(folder, None, alone, page=True)} == GROUPED
    generation(folder, "one")
    both = watching.stamp(folder, alone)
    assert watching.news(alone, both) == "generation one"
    os.utime(folder / "segments.json", (1, 1))
    assert watching.news(both, watching.stamp(folder, both)) == "new segments beside generation one"
    (folder / "metrics.json").unlink()
    assert watching.stamp(folder, both) is None
