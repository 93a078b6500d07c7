"""Streams that go on for ever: what is taken while a broker dies and comes back, and while a generation trains."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import SMALL_SPARK, settings_for
from sold import Sold, table
from test_ledger import EVER

from kafka_producer import send
from kafka_producer.send import Message
from spark_app import following, generations, ingestion, locks, status
from spark_app.cli import endless
from spark_app.ingestion import Intake
from spark_app.storage import ledger, tables

ROOT = Path(__file__).parent.parent
on_a_broker = pytest.mark.kafka


def produce(kafka, first, count):
    """Events numbered from `first`, each with its number as event_id."""
    events = [
        {"user": f"u{n % 40}", "product": f"p{n * 7 % 25}", "event_id": f"e{n:05d}"}
        for n in range(first, first + count)
    ]
    with send.opened(kafka) as outbox:
        outbox.send([Message(event["user"].encode(), json.dumps(event).encode()) for event in events])
    assert outbox.acknowledged == count


def taken(settings):
    return sorted(tables.scan(settings, tables.EVENTS, ["event_id"])["event_id"].to_pylist())


def numbered(count):
    return [f"e{n:05d}" for n in range(count)]


def wait_for(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.1)


class Followed:
    """A stream that is followed in a thread while a test acts."""

    def __init__(self, spark, settings):
        self.settings, self.stop, self.told, self.error = settings, threading.Event(), [], None
        self.intake = Intake()
        self.inlet = ingestion.topic(spark, settings, self.intake)
        self.thread = threading.Thread(target=self._run, args=(spark,))

    def _run(self, spark):
        try:
            following.ingest(spark, self.settings, [self.inlet], self.stop, self.told.append, lambda: None)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(60)
        assert not self.thread.is_alive()


def followed(settings, kafka, **changes):
    return settings.model_copy(update={"source": "kafka", "kafka": kafka, "trigger_interval": 0.2} | changes)


@on_a_broker
@pytest.mark.slow
def test_taking_in_does_not_pause_while_a_generation_trains(tmp_path, kafka):
    """As a user runs it: one process follows, trains and publishes; batches go on all the while; SIGTERM ends it."""
    settings = settings_for(tmp_path, source="kafka", kafka=kafka.model_dump())
    produce(kafka, 0, 1200)
    address = {"MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "MILLSTREAM_KAFKA__TOPIC": kafka.topic}
    process = following_process(tmp_path, "run", "--source", "kafka", **address)
    try:
        sent = keep_producing(kafka, 1200, until=lambda: generations.published(settings) is not None)
        wait_for(lambda: (tmp_path / "results" / "top_products.png").exists())
        wait_for(lambda: ledger.counts(settings).accepted == sent)
    finally:
        process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        said, _ = process.communicate(timeout=60)
    assert time.monotonic() - begun < 30
    assert process.returncode == 0, said
    assert taken(settings) == numbered(sent)
    times = sorted(batch.taken_at.timestamp() for batch in ledger.batches(settings, EVER))
    trained = generations.published(settings)
    seconds = trained.metrics["seconds"]
    ended = trained.folder.stat().st_mtime
    during = [then for then in times if ended - seconds["evaluate"] - seconds["train"] < then < ended]
    gaps = [after - before for before, after in pairwise(during)]
    assert len(during) >= 3, said
    assert max(gaps) < 0.5 * (seconds["evaluate"] + seconds["train"]), (gaps, seconds)


@pytest.mark.night
@pytest.mark.slow
def test_one_process_takes_in_and_another_trains_and_they_share_the_tables_alone(tmp_path):
    settings = settings_for(tmp_path)
    inbox = settings.data_dir / "inbox"
    inbox.mkdir(parents=True)
    ingesting, training = (following_process(tmp_path, verb) for verb in ("ingest", "train"))
    try:
        rows = [f"u{n % 40},p{n * 7 % 25},1,2026-01-{1 + n % 28:02d}" for n in range(1500)]
        hidden = tmp_path / "sales.csv"
        hidden.write_text("user,product,quantity,timestamp\n" + "\n".join(rows) + "\n")
        hidden.rename(inbox / "sales.csv")
        wait_for(lambda: (tmp_path / "results" / "top_products.png").exists(), 240)
    finally:
        said = [ended(process) for process in (training, ingesting)]
    assert [code for code, _ in said] == [0, 0], said
    assert ledger.counts(settings).accepted == 1500
    assert "1,500 taken" in said[1][1] and "is published" in said[0][1]


def ended(process):
    """What a process says to SIGTERM: (exit code, all its words)."""
    process.send_signal(signal.SIGTERM)
    words, _ = process.communicate(timeout=30)
    return process.returncode, words


def following_process(home, *words, **environment):
    environment |= {"MILLSTREAM_ALS__FACTORS": "8", "PYTHONPATH": str(ROOT)}
    environment |= {f"MILLSTREAM_SPARK__{name.upper()}": str(value) for name, value in SMALL_SPARK.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "spark_app", *words, "--follow"],
        cwd=home, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def keep_producing(kafka, first, until, seconds=240.0):
    """Twenty events five times a second, until it is so; gives how many there are then."""
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "nothing was published"
        produce(kafka, first, 20)
        first += 20
        time.sleep(0.2)
    return first


@pytest.mark.slow
def test_what_is_old_goes_once_a_day_beside_a_stream_that_goes_on(spark, settings, monkeypatch):
    """A taken file is moved aside; the stream, whose memory is then of another version, takes the next."""
    monkeypatch.setattr(following, "SETTLES", 0.0)
    intake, stop = Intake(), threading.Event()
    inbox = settings.data_dir / "inbox"
    inbox.mkdir(parents=True)
    settings = settings.model_copy(update={"retention_days": 10.0, "train_threshold": 1000})

    def put(name, *days):
        rows = [f"u{day},p{day},1,2026-01-{day:02d}" for day in days]
        (inbox / name).write_text("\n".join(["user,product,quantity,timestamp", *rows]) + "\n")

    put("old.csv", *range(1, 21))
    ingestion._drain(ingestion.files(spark, settings, inbox, intake))
    training = following.beside(spark, settings, stop, pytest.fail, lambda: endless._tidy(settings, intake.memory))
    wait_for(lambda: (settings.data_dir / "taken" / "old.csv").exists())
    wait_for(lambda: ledger.removed(settings) == 9)
    stop.set()
    training.join(30)
    put("new.csv", 21, 22)
    ingestion._drain(ingestion.files(spark, settings, inbox, intake))
    counts = ledger.counts(settings)
    assert (counts.read, counts.accepted, tables.rows(settings, tables.EVENTS)) == (22, 22, 13)
    assert not ledger.is_cut_short(settings)


def test_retention_waits_while_segments_are_made_and_runs_when_they_are(tmp_path, monkeypatch, capsys):
    settings, memory, ran = settings_for(tmp_path), Intake().memory, []
    monkeypatch.setattr(endless.outcome, "PATIENCE", 0.0)
    monkeypatch.setattr(endless.retention, "run", lambda *_: ran.append(locks.holder(settings, locks.SEGMENTS).verb))
    with locks.held(settings, locks.SEGMENTS, "segments"):
        endless._tidy(settings, memory)
    assert ran == [] and "retention waits for its next turn" in capsys.readouterr().out
    endless._tidy(settings, memory)
    assert ran == ["run"]


def test_what_shows_the_newest_events_is_renewed_at_a_bounded_pace_when_the_table_has_changed(tmp_path, monkeypatch):
    """Once in a tenth of a second at the most, and for a tenth of the time; at first what came before it began."""
    settings, begun = settings_for(tmp_path), []
    events = tables.path(settings, tables.EVENTS)

    def renewed():
        begun.append((time.monotonic(), tables.version(settings)))
        time.sleep(0.02)

    table(events, [Sold("ann", "lamp", 1.0)])
    with renewing_fast(monkeypatch, settings, renewed):
        time.sleep(0.6)
        assert [version for _, version in begun] == [0]
        for day in range(20):
            table(events, [Sold("ann", "lamp", 1.0 + day)])
            time.sleep(0.05)
        wait_for(lambda: begun[-1][1] == 20, 10)
    assert all(after - before >= 10 * 0.02 for (before, _), (after, _) in pairwise(begun))
    assert len(begun) >= 3


def test_a_renewal_that_failed_is_tried_again_though_nothing_has_come_since(tmp_path, monkeypatch):
    settings, begun = settings_for(tmp_path), []

    def renewed():
        begun.append(time.monotonic())
        if len(begun) < 3:
            raise OSError("not now")

    table(tables.path(settings, tables.EVENTS), [Sold("ann", "lamp", 1.0)])
    with renewing_fast(monkeypatch, settings, renewed):
        wait_for(lambda: len(begun) == 3, 10)
        time.sleep(0.3)
    assert len(begun) == 3
    assert all(after - before >= 0.1 for before, after in pairwise(begun))


def test_a_log_that_cannot_be_read_for_a_while_ends_no_renewing(tmp_path, monkeypatch, capsys):
    settings, begun = settings_for(tmp_path), []
    log = tables.path(settings, tables.EVENTS) / "_delta_log"
    log.parent.mkdir(parents=True)
    log.touch()
    with renewing_fast(monkeypatch, settings, lambda: begun.append(tables.version(settings))):
        time.sleep(0.3)
        assert begun == []
        log.unlink()
        table(log.parent, [Sold("ann", "lamp", 1.0)])
        wait_for(lambda: begun == [0], 10)
    assert "renewing what is rising failed: " in capsys.readouterr().err


def test_a_look_whether_training_is_due_that_fails_is_raised_once_and_taken_again_in_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr(following, "LOOKS_AGAIN_AFTER", 0.3)
    settings, trained = settings_for(tmp_path), []
    trainings = following._Trainings(settings, lambda: trained.append(True))
    with monkeypatch.context() as fault:
        fault.setattr(status, "due", failing)
        with pytest.raises(OSError, match="not now"):
            trainings.look()
        trainings.look()
    monkeypatch.setattr(status, "due", lambda _: status.Due(5, 1, True))
    trainings.look()
    assert not trained
    time.sleep(0.3)
    trainings.look()
    trainings.look()
    assert trained == [True]


def test_the_end_breaks_off_a_renewal_that_is_at_work_in_spark(spark, tmp_path, monkeypatch):
    fast(monkeypatch)
    settings, stop, broken = settings_for(tmp_path), threading.Event(), []

    def renewed():
        try:
            spark.range(10**14).selectExpr("sum(id % 7)").collect()
        except Exception as error:
            broken.append(error)
            raise

    table(tables.path(settings, tables.EVENTS), [Sold("ann", "lamp", 1.0)])
    thread = following.renewing(spark, settings, stop, renewed)
    wait_for(lambda: spark.sparkContext.statusTracker().getActiveJobsIds())
    stop.set()
    begun = time.monotonic()
    following.end(spark, thread)
    assert not thread.is_alive() and time.monotonic() - begun < following.TRAINING_ENDS_WITHIN
    assert "cancelled" in str(broken[0])


def test_the_newest_entry_of_a_log_is_told_among_checkpoints_and_what_is_half_written(tmp_path):
    settings = settings_for(tmp_path)
    assert tables.newest_entry(settings) == ""
    events = tables.path(settings, tables.EVENTS)
    table(events, [Sold("ann", "lamp", 1.0)], [Sold("bob", "lamp", 1.0)]).create_checkpoint()
    (events / "_delta_log" / f"{7:020}.json.tmp").touch()
    assert tables.newest_entry(settings) == f"{1:020}.json"


def failing(_):
    raise OSError("not now")


def fast(monkeypatch):
    monkeypatch.setattr(following, "LOOKS_EVERY", 0.01)
    monkeypatch.setattr(following, "RENEWS_EVERY", 0.1)


@contextmanager
def renewing_fast(monkeypatch, settings, renewed):
    """A thread that renews up to ten times a second while a test acts."""
    fast(monkeypatch)
    stop = threading.Event()
    thread = threading.Thread(target=following.renew, args=(settings, stop, renewed))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
