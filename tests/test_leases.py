"""Locks in a bucket: one of two has it, it lasts while it is renewed, and one that nobody renews is taken over."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from spark_app import locks
from spark_app.storage import bucket, leases

ROOT = Path(__file__).parent.parent
HOLDS = """
import sys
from spark_app import locks
from spark_app.settings import Given

settings = Given(data_dir=sys.argv[1], s3={"endpoint": sys.argv[2], "lease_seconds": 2})
with locks.held(settings, "ingest", "run --follow"):
    print(flush=True)
    sys.stdin.readline()
"""


@contextmanager
def another(settings):
    """A second process that holds `ingest` until its stdin is closed."""
    command = [sys.executable, "-c", HOLDS, settings.told(settings.data_dir), settings.s3.endpoint]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    try:
        yield process
    finally:
        process.communicate("\n" if process.poll() is None else None, timeout=30)


def place_of(settings, name="ingest"):
    return settings.place(settings.data_dir / "locks" / f"{name}.lock")


def left_by_another_machine(settings, seconds=1.0):
    """A lease whose holder was on a machine of which nothing is known here."""
    facts = {"verb": "run", "pid": 1, "host": "elsewhere", "since": "2026-01-01T00:00:00+00:00"}
    bucket.write(place_of(settings), json.dumps(facts | {"seconds": seconds, "space": "another boot"}).encode())


def test_a_second_process_is_refused_and_told_who_the_first_is_for_as_long_as_that_lives(on_s3):
    settings = on_s3()
    with another(settings) as process:
        # Longer than the lease: it was renewed meanwhile.
        time.sleep(3.5)
        with pytest.raises(locks.LockedError) as refused, locks.held(settings, "ingest", "ingest"):
            pass
        assert locks.holder(settings, "ingest").pid == process.pid
    assert re.fullmatch(
        rf"another ingest has this data folder: `run --follow`, process {process.pid} on \S+ since "
        r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC; wait for it or stop it",
        str(refused.value),
    )
    with locks.held(settings, "ingest", "ingest"):
        assert locks.holder(settings, "ingest").verb == "ingest"
    assert locks.holder(settings, "ingest") is None


def test_one_that_was_killed_on_this_machine_is_not_waited_for(on_s3):
    settings = on_s3()
    with another(settings) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with capture_logs() as said, locks.held(settings, "ingest", "ingest"):
        pass
    assert [(line["event"], line["left_by"]["pid"]) for line in said] == [("lock taken over", process.pid)]


def test_one_that_died_elsewhere_is_waited_for_until_its_lease_is_over(on_s3):
    settings = on_s3()
    left_by_another_machine(settings)
    with pytest.raises(locks.LockedError, match="process 1 on elsewhere"), locks.held(settings, "ingest", "ingest"):
        pass
    with locks.held(settings, "ingest", "ingest", wait=5):
        assert locks.holder(settings, "ingest").host != "elsewhere"


def test_of_many_who_take_over_one_has_it(on_s3):
    settings = on_s3()
    left_by_another_machine(settings, seconds=-1)
    together, got, all_tried = threading.Barrier(8), [], threading.Barrier(8)

    def take():
        together.wait()
        with ExitStack() as having:
            try:
                having.enter_context(locks.held(settings, "ingest", "ingest"))
                got.append(1)
            except locks.LockedError:
                pass
            all_tried.wait()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [1]


def test_who_has_lost_it_is_ended_as_by_ctrl_c_and_leaves_it_to_the_other(on_s3):
    settings = on_s3()
    with capture_logs() as said, pytest.raises(KeyboardInterrupt), locks.held(settings, "ingest", "ingest"):
        left_by_another_machine(settings, seconds=60)
        time.sleep(5)
    assert "lock lost: nobody saw it renewed" in [line["event"] for line in said]
    assert leases.holder(place_of(settings))["host"] == "elsewhere"


def test_what_is_no_lease_holds_nothing(on_s3):
    settings = on_s3()
    bucket.write(place_of(settings), b"")
    assert locks.holder(settings, "ingest") is None
    with locks.held(settings, "ingest", "ingest"):
        pass
