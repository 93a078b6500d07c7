"""Two processes on one data folder: the second is told who the first is, and a dead one holds nothing."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import settings_for
from structlog.testing import capture_logs

from spark_app import locks

ROOT = Path(__file__).parent.parent
HOLDS = """
import subprocess, sys, time
from pathlib import Path
from spark_app import locks
from spark_app.settings import Settings

with locks.held(Settings(_env_file=None, data_dir=Path(sys.argv[1])), "ingest", "run --follow"):
    child = subprocess.Popen(["sleep", "60"], close_fds=False)
    print(child.pid, flush=True)
    sys.stdin.readline()
child.kill()
"""


@contextmanager
def another(settings):
    """A second process that holds `ingest` until its stdin is closed, and has a child; gives both, in that order."""
    command = [sys.executable, "-c", HOLDS, str(settings.data_dir)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    child = int(process.stdout.readline())
    try:
        yield process, child
    finally:
        process.communicate("\n" if process.poll() is None else None, timeout=30)


def file_of(settings, name="ingest"):
    return settings.data_dir / "locks" / f"{name}.lock"


def test_a_second_process_is_refused_and_told_who_the_first_is(settings):
    with (
        another(settings) as (process, _),
        pytest.raises(locks.LockedError) as refused,
        locks.held(settings, "ingest", "ingest"),
    ):
        pass
    assert re.fullmatch(
        rf"another ingest has this data folder: `run --follow`, process {process.pid} on \S+ since "
        r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC; wait for it or stop it",
        str(refused.value),
    )


def test_one_that_was_refused_does_not_take_the_name_of_the_holder_away(settings):
    with another(settings) as (process, _):
        for _ in range(2):
            with pytest.raises(locks.LockedError, match=str(process.pid)), locks.held(settings, "ingest", "ingest"):
                pass


def test_ingest_and_train_are_held_side_by_side_and_in_two_folders(settings, tmp_path):
    elsewhere = settings_for(tmp_path / "elsewhere")
    with (
        locks.held(settings, "ingest", "ingest"),
        locks.held(settings, "train", "train"),
        locks.held(elsewhere, "ingest", "ingest"),
    ):
        assert locks.holder(settings, "train").verb == "train"


def test_the_same_process_is_refused_too_and_has_it_again_once_it_is_released(settings):
    with locks.held(settings, "train", "train"):
        refusal = pytest.raises(locks.LockedError, match=f"another train .* process {os.getpid()} ")
        with refusal, locks.held(settings, "train", "train --now"):
            pass
        assert locks.holder(settings, "train").verb == "train"
    with locks.held(settings, "train", "train --now"):
        assert locks.holder(settings, "train").verb == "train --now"


def test_a_lock_is_released_when_the_work_fails(settings):
    with pytest.raises(ZeroDivisionError), locks.held(settings, "train", "train"):
        raise ZeroDivisionError
    assert locks.holder(settings, "train") is None
    with locks.held(settings, "train", "train"):
        pass


def test_a_process_that_was_killed_holds_nothing_even_when_its_child_lives_on(settings):
    with another(settings) as (process, child):
        process.kill()
        process.wait()
        os.kill(child, 0)
        assert file_of(settings).read_text()
        assert locks.holder(settings, "ingest") is None
        with capture_logs() as said, locks.held(settings, "ingest", "ingest"):
            assert locks.holder(settings, "ingest").pid == os.getpid()
        os.kill(child, signal.SIGKILL)
    assert [(entry["log_level"], entry["left_by"]["pid"]) for entry in said] == [("info", process.pid)]


def test_one_who_waits_gets_the_lock_when_it_is_released(settings):
    with another(settings) as (process, _):
        process.stdin.close()
        process.stdin = None
        with locks.held(settings, "ingest", "ingest", wait=20):
            assert locks.holder(settings, "ingest").pid == os.getpid()


def test_one_who_waits_gives_up_after_so_many_seconds(settings):
    with locks.held(settings, "publish", "train"):
        begun = time.monotonic()
        refusal = pytest.raises(locks.LockedError, match="another has the lock 'publish' of this data folder: `train`")
        with refusal, locks.held(settings, "publish", "promote", wait=0.5):
            pass
    assert 0.5 <= time.monotonic() - begun < 5


def test_the_holder_is_told_while_it_holds_and_nobody_before_or_after(settings):
    assert locks.holder(settings, "ingest") is None
    with locks.held(settings, "ingest", "ingest --follow"):
        found = locks.holder(settings, "ingest")
        assert (found.verb, found.pid) == ("ingest --follow", os.getpid())
        assert json.loads(file_of(settings).read_text())["since"] == found.since.isoformat()
    assert locks.holder(settings, "ingest") is None
    assert file_of(settings).read_text() == ""


def test_to_ask_for_the_holder_never_gets_in_the_way(settings):
    """A name left by a dead process: who asks has to try the lock, and has it for a moment."""
    file_of(settings).parent.mkdir(parents=True)
    asks = "while True: locks.holder(settings, 'ingest')"
    script = HOLDS.partition("with locks")[0] + f"settings = Settings(data_dir=Path(sys.argv[1]))\nprint()\n{asks}"
    asking = subprocess.Popen(
        [sys.executable, "-u", "-c", script, str(settings.data_dir)], cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        asking.stdout.readline()
        left = '{"verb": "run", "pid": 1, "host": "h", "since": "2026-11-21T10:50:12+00:00"}'
        for _ in range(50):
            file_of(settings).write_text(left)
            with locks.held(settings, "ingest", "ingest"):
                pass
    finally:
        asking.kill()
        asking.communicate()


@pytest.mark.parametrize("left", ["", "garbage", "[]", '{"verb": "run"}', "\0" * 80])
def test_what_was_left_in_the_file_does_not_matter(settings, left):
    file_of(settings).parent.mkdir(parents=True)
    file_of(settings).write_text(left)
    assert locks.holder(settings, "ingest") is None
    with locks.held(settings, "ingest", "ingest"):
        file_of(settings).write_text(left)
        unnamed = pytest.raises(locks.LockedError, match="another ingest has this data folder; wait for it")
        with unnamed, locks.held(settings, "ingest", "ingest"):
            pass


def test_a_folder_that_cannot_be_written_is_the_systems_error(settings):
    settings.data_dir.parent.mkdir(exist_ok=True)
    settings.data_dir.write_text("a file where a folder should be")
    with pytest.raises(OSError, match="locks"), locks.held(settings, "ingest", "ingest"):
        pass
    assert locks.holder(settings, "ingest") is None
