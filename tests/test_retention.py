"""Retention on small tables without Spark: what goes, what stays, and books that are right after a kill."""

import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError
from pyspark.errors import AnalysisException
from test_cli import call
from test_generations import finished
from test_ingestion import HEADER, inbox
from test_ledger import EVER, part
from typer.testing import CliRunner

from spark_app import ingestion, retention, status, store
from spark_app.cli import verbs
from spark_app.intake import offered
from spark_app.retention import RetentionError
from spark_app.running import failpoints
from spark_app.settings import WrongSettingError, load
from spark_app.storage import ledger, tables
from spark_app.storage.ledger import Counts
from spark_app.storage.tables import BATCHES, EVENTS, BatchId, DamagedError

LONG_AGO = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
ALL = (EVENTS, tables.QUARANTINE, BATCHES)


class Killed(BaseException):
    """In the place of SIGKILL, within one process."""


@pytest.fixture
def month(settings):
    """Events of each of the last 30 days before LONG_AGO, in 6 batches; those older than 10 days are old."""
    for first in range(0, 30, 5):
        add(settings, *(LONG_AGO - timedelta(days=29 - day) for day in range(first, first + 5)))
    return settings.model_copy(update={"retention_days": 10.0})


def add(settings, *times):
    """A batch of events that occurred at these times."""
    first = ledger.counts(settings).read
    written = write(settings, *times)
    ledger.account(settings, [part(len(times), first=first)], {}, None)
    return written


def write(settings, *times):
    """Events without their row of the ledger."""
    occurred = pa.array(times, pa.timestamp("us", "UTC"))
    ids = pa.array([f"{time_.isoformat()}" for time_ in times])
    tables.append(settings, EVENTS, pa.table({"event_id": ids, "occurred_at": occurred}), None)


def done(settings, **how):
    """The lines of a run."""
    lines = []
    retention.run(settings, lines.append, **how)
    return lines


def said(lines, pattern):
    return any(re.fullmatch(pattern, line) for line in lines)


def held(settings, version=None):
    return DeltaTable(tables.path(settings, EVENTS), version=version).to_pyarrow_dataset().to_table()


def files(settings):
    """Every file of the data folder with its size, and when it was modified."""
    there = [path for path in settings.data_dir.rglob("*") if path.is_file()]
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in there}


def killed(settings, monkeypatch):
    def reach(name):
        assert name == "after_removal_before_ledger"
        raise Killed

    with monkeypatch.context() as armed, pytest.raises(Killed):
        armed.setattr(failpoints, "reach", reach)
        retention.run(settings, print)


def test_old_events_go_and_the_totals_stay(month):
    lines = done(month)
    assert "events: removed 19 from before 2011-11-29 12:50:00 UTC" in lines
    assert held(month).num_rows == tables.rows(month, EVENTS) == 11
    assert ledger.counts(month) == Counts(30, 30, 0, {})
    assert ledger.removed(month) == 19
    assert not ledger.is_cut_short(month)


def test_it_counts_back_from_the_newest_event_and_not_from_the_clock(month):
    done(month)
    kept = held(month)["occurred_at"].to_pylist()
    assert (min(kept), max(kept)) == (LONG_AGO - timedelta(days=10), LONG_AGO)


def test_a_microsecond_more_is_older(settings):
    edge = LONG_AGO - timedelta(days=1)
    add(settings, LONG_AGO, edge, edge - timedelta(microseconds=1))
    done(settings.model_copy(update={"retention_days": 1.0}))
    assert sorted(held(settings)["occurred_at"].to_pylist()) == [edge, LONG_AGO]


def test_without_the_setting_no_event_goes(month):
    done(month.model_copy(update={"retention_days": None}))
    assert held(month).num_rows == 30
    assert ledger.removed(month) == 0


def test_a_second_run_has_nothing_to_do(month):
    assert done(month)
    before = files(month)
    assert done(month) == []
    assert files(month) == before


def test_an_empty_folder_has_nothing_to_do(settings):
    assert done(settings) == done(settings, force=True) == done(settings, dry_run=True) == []


def test_a_dry_run_says_what_would_go_and_changes_nothing(month):
    finished(month, events_version=tables.version(month))
    take(month, "a.csv")
    before = files(month)
    lines = done(month, dry_run=True)
    assert files(month) == before
    assert "events: would remove 19 from before 2011-11-29 12:50:00 UTC" in lines
    assert said(lines, r"events: 6 files, \d\.\d kB kept for 1 generation; --force lets go of them")
    assert "inbox: would move 1 taken file to taken/" in lines
    forced = done(month, dry_run=True, force=True)
    assert files(month) == before
    assert said(forced, r"events: would remove 6 files, \d\.\d kB that no kept version needs")


def test_a_dry_run_counts_the_files_that_hold_old_events(month, monkeypatch):
    monkeypatch.setattr(retention, "_WHOLE_FILE", 0)
    would = [line for line in done(month, dry_run=True) if line.startswith("events: would remove 4 files")]
    assert [line.replace("would remove", "removed") in done(month) for line in would] == [True]


def test_status_tells_of_batches_and_not_of_removals(month):
    before = status.found(month)
    done(month)
    after = status.found(month)
    assert after["last_batches"] == before["last_batches"]
    assert (after["read"], after["accepted"], after["new_since_last_training"]) == (30, 30, 30)
    assert not after["cut_short"]
    assert len(ledger.batches(month, EVER)) == 6
    assert ledger.taken_files(month) == {} and ledger.next_positions(month, "kafka:sales") == {"0": 30}


@pytest.mark.parametrize("settled_by", [retention.settle, lambda settings: len(done(settings))])
def test_a_removal_that_was_killed_is_accounted_for_once(month, monkeypatch, settled_by):
    killed(month, monkeypatch)
    assert held(month).num_rows == 11 and ledger.removed(month) == 0
    assert ledger.is_cut_short(month)
    assert settled_by(month)
    assert ledger.removed(month) == 19 and not ledger.is_cut_short(month)
    assert retention.settle(month) == 0
    assert ledger.counts(month) == Counts(30, 30, 0, {})


@pytest.mark.chaos
def test_a_run_that_is_killed_there_leaves_books_that_the_next_one_sets_right(month, tmp_path, report):
    asked = {"MILLSTREAM_RETENTION_DAYS": "10", "MILLSTREAM_UNDER_TEST": "true"}
    assert call(tmp_path, "retention", **asked, MILLSTREAM_FAILPOINT="after_removal_before_ledger:1").returncode == -9
    assert (held(month).num_rows, ledger.removed(month)) == (11, 0)
    assert call(tmp_path, "retention", **asked).returncode == 0
    report("SIGKILL of retention, before the ledger", 1, 11 - held(month).num_rows, ledger.removed(month) - 19)
    assert (held(month).num_rows, ledger.removed(month)) == (11, 19)


def test_a_dry_run_leaves_what_a_killed_one_left(month, monkeypatch):
    killed(month, monkeypatch)
    assert "ledger: 19 rows that a killed run removed, not yet accounted for" in done(month, dry_run=True)
    assert ledger.removed(month) == 0


def test_books_that_are_right_are_left_alone(month):
    version = tables.version(month, BATCHES)
    assert retention.settle(month) == 0
    assert tables.version(month, BATCHES) == version


def test_a_batch_that_was_cut_short_comes_first(month):
    write(month, LONG_AGO)
    with pytest.raises(RetentionError, match="run ingest first"):
        done(month)
    assert held(month).num_rows == 31
    assert retention.settle(month) == 0


def test_a_file_of_a_table_that_is_gone_is_named_and_nothing_goes(month):
    lost = next(tables.path(month, EVENTS).glob("*.parquet"))
    lost.unlink()
    with pytest.raises(DamagedError, match=lost.name):
        done(month)
    assert tables.rows(month, EVENTS) == 30


def test_a_ledger_from_before_removals_is_read_and_written(settings):
    write(settings, LONG_AGO - timedelta(days=1), LONG_AGO)
    row = ledger._row("kafka:sales", "0") | {"read": 2, "accepted": 2, "events_version": 0, "taken_at": EVER}
    before = ledger._SCHEMA.remove(ledger._SCHEMA.get_field_index("removed"))
    write_deltalake(tables.path(settings, BATCHES), pa.Table.from_pylist([row], before))
    assert ledger.removed(settings) == 0 and not ledger.is_cut_short(settings)
    done(settings.model_copy(update={"retention_days": 0.5}))
    add(settings, LONG_AGO)
    assert (ledger.removed(settings), ledger.counts(settings).accepted) == (1, 3)
    assert not ledger.is_cut_short(settings)


def test_many_small_files_become_one_and_only_what_is_needed_stays(month):
    (tables.path(month, EVENTS) / "part-of-a-killed-write.parquet").write_bytes(b"PAR1")
    lines = done(month)
    assert "batches: compacted 7 small files into 1" in lines
    for name in (EVENTS, BATCHES):
        assert len(list(tables.path(month, name).glob("*.parquet"))) == 1
        assert len(list((tables.path(month, name) / "_delta_log").glob("0*"))) == 2
    assert held(month).num_rows == 11 and ledger.counts(month).read == 30


def test_a_batch_is_known_by_its_name_when_the_log_is_shorter(month):
    rows = held(month).slice(0, 1)
    tables.append(month, EVENTS, rows, BatchId("query", 7))
    ledger.account(month, [part(1, first=30)], {}, BatchId("query", 7))
    done(month)
    before = held(month).num_rows
    tables.append(month, EVENTS, rows, BatchId("query", 7))
    ledger.account(month, [part(1, first=30)], {}, BatchId("query", 7))
    assert (held(month).num_rows, ledger.counts(month).read) == (before, 31)


def test_what_a_kept_generation_was_made_from_stays_readable(month):
    version = tables.version(month)
    finished(month, events_version=version)
    add(month, LONG_AGO)
    lines = done(month)
    assert said(lines, r"events: 6 files, \d\.\d kB kept for 1 generation; --force lets go of them")
    assert (held(month, version).num_rows, held(month).num_rows) == (30, 12)
    with pytest.raises(DeltaError):
        held(month, version - 1)
    assert done(month) == [line for line in lines if "kept for" in line]


def test_force_lets_it_go_and_says_which_generation_cannot_be_rebuilt(month):
    version = tables.version(month)
    old = finished(month, events_version=version)
    assert f"generations that could not be rebuilt any more: {old.id}" in done(month, dry_run=True, force=True)
    assert f"generations that cannot be rebuilt any more: {old.id}" in done(month, force=True)
    with pytest.raises(DeltaError):
        held(month, version)
    assert held(month).num_rows == 11
    assert done(month, force=True) == done(month) == []


def test_force_spares_a_generation_whose_files_are_all_in_use(settings):
    add(settings, LONG_AGO)
    finished(settings, events_version=tables.version(settings))
    assert not any("rebuilt" in line for line in done(settings, force=True))
    assert held(settings, 0).num_rows == 1


def test_a_generation_that_is_deleted_holds_nothing_any_more(month):
    generation = finished(month, events_version=tables.version(month))
    done(month)
    (generation.folder / "manifest.json").unlink()
    assert said(done(month), r"events: removed 6 files, \d\.\d kB that no kept version needs")
    assert len(list(tables.path(month, EVENTS).glob("*.parquet"))) == 1


def test_delta_itself_cannot_clean_away_the_log_of_a_kept_generation(month):
    """It removes entries of more than 30 days when it makes a checkpoint."""
    version = tables.version(month)
    finished(month, events_version=version)
    done(month)
    DeltaTable(tables.path(month, EVENTS)).alter.set_table_properties({"delta.checkpointInterval": "2"})
    for _ in range(6):
        for path in (tables.path(month, EVENTS) / "_delta_log").iterdir():
            os.utime(path, (time.time() - 40 * 86_400,) * 2)
        add(month, LONG_AGO)
    assert held(month, version).num_rows == 30


def take(settings, name, rows="ann,lamp,1,2026-01-01"):
    """A file of the inbox that was taken, as the ledger has it."""
    path = inbox(settings) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEADER}\n{rows}\n")
    (file,) = [one for one in offered.waiting(settings, inbox(settings)).good if one.path == str(path)]
    facts = {"bytes": file.bytes, "modified_at": file.modified_at, "sha256": file.sha256}
    ledger.account(settings, [], {file.partition: facts}, None)
    return path


def waiting(settings):
    found = offered.waiting(settings, inbox(settings))
    return [Path(file.path).name for file in (*found.good, *found.refused)]


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e9", "ten"])
def test_days_that_make_no_sense_are_refused(monkeypatch, value):
    monkeypatch.setenv("MILLSTREAM_RETENTION_DAYS", value)
    with pytest.raises(WrongSettingError, match=f"MILLSTREAM_RETENTION_DAYS={value}"):
        load()


def test_the_verb_says_what_it_did_and_then_that_there_is_nothing(month, monkeypatch):
    monkeypatch.setenv("MILLSTREAM_DATA_DIR", str(month.data_dir))
    monkeypatch.setenv("MILLSTREAM_RETENTION_DAYS", "10")
    says = [CliRunner().invoke(verbs.line(), ["retention", *how]) for how in (["--dry-run"], [], [])]
    assert [said.exit_code for said in says] == [0, 0, 0]
    assert "would remove 19 from before" in says[0].stdout
    assert "removed 19 from before" in says[1].stdout
    assert says[2].stdout == "there is nothing to remove\n"


@pytest.mark.slow
def test_spark_reads_what_stays_and_goes_on_from_there(spark, settings, monkeypatch):
    """Tables that were written by Spark and without it."""
    for days, few in (((1, 2), 0), ((3, 4), 20_000)):
        monkeypatch.setattr(store, "_FEW", few)
        lines = "".join(f"ann,lamp,1,2026-01-0{day}\nbob,,1,2026-01-01\n" for day in days)
        (inbox(settings) / f"{few}.csv").write_text(f"{HEADER}\n{lines}")
        ingestion.take_files(spark, settings, inbox(settings))
    kept = settings.model_copy(update={"retention_days": 1.0})
    version = tables.version(settings)
    finished(settings, events_version=version)
    assert "events: removed 2 from before 2026-01-03 00:00:00 UTC" in done(kept)
    assert waiting(settings) == [] and list(inbox(settings).iterdir()) == []
    assert [store.read(spark, settings, EVENTS, at).count() for at in (version, None)] == [4, 2]
    (inbox(settings) / "more.csv").write_text(f"{HEADER}\nann,lamp,1,2026-02-01\n")
    assert ingestion.take_files(spark, settings, inbox(settings)).accepted == 1
    assert ledger.counts(settings) == Counts(9, 5, 0, {"missing_product": 4})
    assert not ledger.is_cut_short(settings)
    done(kept, force=True)
    assert store.read(spark, settings, EVENTS).count() == 1
    assert store.read(spark, settings, tables.QUARANTINE).count() == 4
    assert store.read(spark, settings, BATCHES).agg({"removed": "sum"}).first()[0] == 4
    assert len([path for path in tables.path(settings, EVENTS).iterdir() if path.is_file()]) <= 2
    with pytest.raises(AnalysisException):
        store.read(spark, settings, EVENTS, version)
