"""Two processes on one folder, signals in each phase, and a folder that cannot be written."""

import shutil
import signal
import subprocess
import sys
import time
from itertools import cycle

import pytest
from conftest import settings_for
from sales import SMALL, Sales
from test_cli import call, environment
from test_following import wait_for

from spark_app import generations, locks, pipeline

pytestmark = pytest.mark.chaos
PHASES = ("start", "ingest", "index", "evaluate", "train", "recommend", "graph", "export", "draw")


def begun(home, *words):
    """A process of ours whose words can be read while it runs."""
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "spark_app", *words], cwd=home, env=environment(**SMALL),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.mark.night
@pytest.mark.slow
def test_a_signal_in_each_phase_ends_it_within_half_a_minute_and_the_next_run_goes_on(tmp_path, report):
    """SIGTERM and Ctrl-C in turn, sent when the line of the phase before is printed: they find the phase at work."""
    settings = settings_for(tmp_path)
    sales, slowest = Sales(settings), 0.0
    for _ in range(4):
        sales.add(good=300)
    for before, number in zip(("", *PHASES[:-1]), cycle((signal.SIGTERM, signal.SIGINT)), strict=False):
        process = begun(tmp_path, "run", "--now")
        said = []
        while before and not (said and said[-1].startswith(before)):
            line = process.stdout.readline()
            assert line, f"no phase after {before!r}: {''.join(said)}"
            said.append(line)
        if not before:
            # From here on a signal is expected, however long it took to begin.
            wait_for(lambda: any((settings.data_dir / "logs").glob("*-run.jsonl")))
        process.send_signal(number)
        then = time.monotonic()
        rest, _ = process.communicate(timeout=60)
        slowest = max(slowest, time.monotonic() - then)
        assert process.returncode == 130, (before, said, rest)
        assert "Traceback" not in rest and "the same command goes on from there" in rest, rest
    assert slowest < 30
    done = call(tmp_path, "run", "--now", **SMALL)
    assert done.returncode == 0, done.stderr
    published = generations.published(settings)
    assert pipeline.is_exported(settings, published) and not pipeline.outdated(settings)
    damage = sales.damage()
    report("SIGTERM and Ctrl-C in each phase", len(PHASES), *damage)
    assert damage == (0, 0)


@pytest.mark.slow
def test_a_second_ingest_or_training_is_refused_by_name_and_ingest_beside_train_is_not(tmp_path, report):
    settings = settings_for(tmp_path)
    sales = Sales(settings)
    sales.add(good=200)
    ingesting, training = (begun(tmp_path, verb, "--follow") for verb in ("ingest", "train"))
    try:
        wait_for(lambda: locks.holder(settings, locks.INGEST) and locks.holder(settings, locks.TRAIN))
        for words, first in (("ingest", ingesting), ("train --now", training), ("run", ingesting)):
            wait_for(lambda: sales.is_taken())
            refused = call(tmp_path, *words.split(), **SMALL)
            assert refused.returncode == 1, (words, refused.stdout)
            assert f"process {first.pid} on" in refused.stderr and "wait for it or stop it" in refused.stderr
        sales.add(good=50)
        wait_for(lambda: sales.is_taken())
    finally:
        for process in (training, ingesting):
            process.terminate()
            process.communicate(timeout=60)
    damage = sales.damage()
    report("a second ingest, a second training", 3, *damage)
    assert damage == (0, 0)


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="root may write anywhere, and setpriv is not here")
@pytest.mark.slow
def test_a_folder_that_may_not_be_written_stops_it_in_words_and_it_goes_on_when_it_may(spark, tmp_path, report):
    settings = settings_for(tmp_path)
    sales = Sales(settings)
    sales.add()
    sales.take(spark)
    sales.add()
    tables = [settings.data_dir / "events", settings.data_dir / "events" / "_delta_log"]
    for folder in tables:
        folder.chmod(0o555)
    unprivileged = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]
    refused = subprocess.run(
        [*unprivileged, sys.executable, "-m", "spark_app", "ingest"], cwd=tmp_path, env=environment(**SMALL),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    for folder in tables:
        folder.chmod(0o755)
    assert refused.returncode == 1, refused.stdout
    assert refused.stderr.startswith("error: ") and len(refused.stderr.splitlines()) == 1, refused.stderr
    assert "ermission denied" in refused.stderr
    sales.take(spark)
    damage = sales.damage()
    report("folder read-only", 1, *damage)
    assert damage == (0, 0)
