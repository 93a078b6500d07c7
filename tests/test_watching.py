"""--watch as a process: it waits, draws each generation once, lives through half a folder, and ends when told to."""

import json
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from pictured import PICTURES, SCRIPT, run, write_results

from pictures import document, drawing, watching


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
    assert watched.line() == f"waiting for a generation in {folder}"
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


def test_new_numbers_of_what_is_trending_are_a_reason_to_draw(tmp_path):
    generation(tmp_path / "results", "one")
    before = watching.stamp(tmp_path / "results")
    drawing.draw(tmp_path / "results")
    assert watching.stamp(tmp_path / "results") == before
    (tmp_path / "results" / "trending.csv").write_text("")
    assert watching.stamp(tmp_path / "results") != before
