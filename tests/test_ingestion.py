"""The intake on real streams: each record once, in the tables and in the ledger."""

import gzip
import json
import shutil

import pytest
from conftest import settings_for
from test_cli import call

from spark_app import ingestion, store
from spark_app.intake import offered
from spark_app.storage import ledger, tables
from spark_app.storage.ledger import Counts
from spark_app.storage.tables import BatchId

HEADER = "user,product,quantity,timestamp"


def inbox(settings):
    folder = settings.data_dir / "inbox"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def lines(*events):
    return "\n".join(json.dumps({"user": "ann", "product": "lamp"} | event) for event in events) + "\n"


def ids(spark, settings):
    return sorted(row.event_id for row in store.read(spark, settings, tables.EVENTS).select("event_id").collect())


def test_read_is_accepted_plus_duplicates_plus_rejected(spark, settings):
    good = lines({"event_id": "1"}, {"event_id": "1"}, {"quantity": "x"}, {})
    (inbox(settings) / "a.jsonl").write_text(good + "not json\n\n")
    taken = ingestion.take_files(spark, settings, inbox(settings))
    assert (taken.read, taken.accepted, taken.duplicates) == (5, 2, 1)
    assert taken.rejected == {"bad_quantity": 1, "not_json": 1}
    assert ledger.counts(settings) == Counts(5, 2, 1, {"not_json": 1, "bad_quantity": 1})
    kept = store.read(spark, settings, tables.QUARANTINE).collect()
    assert {(row.reason, bytes(row.value)) for row in kept} >= {("not_json", b"not json")}
    assert not ledger.is_cut_short(settings)


def test_an_event_id_counts_once_over_all_files_and_the_first_wins(spark, settings):
    (inbox(settings) / "a.jsonl").write_text(lines({"event_id": "1", "product": "first"}))
    ingestion.take_files(spark, settings, inbox(settings))
    (inbox(settings) / "b.jsonl").write_text(lines({"event_id": "1", "product": "second"}, {"event_id": "2"}))
    taken = ingestion.take_files(spark, settings, inbox(settings))
    assert (taken.accepted, taken.duplicates) == (1, 1)
    assert ids(spark, settings) == ["1", "2"]
    assert store.read(spark, settings, tables.EVENTS).filter("event_id = '1'").first().product == "first"


def test_event_ids_that_are_too_many_to_remember_are_asked_for(spark, settings, monkeypatch):
    monkeypatch.setattr(store, "_REMEMBERED", 1)
    (inbox(settings) / "a.jsonl").write_text(lines({"event_id": "1"}, {"event_id": "2"}, {}))
    ingestion.take_files(spark, settings, inbox(settings))
    (inbox(settings) / "b.jsonl").write_text(lines({"event_id": "1"}, {"event_id": "3"}, {"event_id": "3"}, {}))
    taken = ingestion.take_files(spark, settings, inbox(settings))
    assert (taken.accepted, taken.duplicates) == (2, 2)


def test_two_equal_lines_without_an_id_are_two_events(spark, settings):
    (inbox(settings) / "a.jsonl").write_text(lines({}, {}))
    assert ingestion.take_files(spark, settings, inbox(settings)).accepted == 2


def test_a_file_is_taken_once_under_every_name_it_is_given(spark, settings):
    path = inbox(settings) / "sales [1] 100%.csv"
    path.write_text(f"{HEADER}\nann,lamp,1,2026-01-01\n")
    assert ingestion.take_files(spark, settings, inbox(settings)).accepted == 1
    assert ingestion.take_files(spark, settings, path).read == 0
    assert ingestion.take_files(spark, settings, inbox(settings)).read == 0


def test_a_lost_checkpoint_doubles_nothing(spark, settings):
    (inbox(settings) / "a.jsonl").write_text(lines({}, {"event_id": "7"}, {"quantity": "x"}))
    ingestion.take_files(spark, settings, inbox(settings))
    before = ids(spark, settings)
    shutil.rmtree(settings.data_dir / "checkpoints")
    assert ingestion.take_files(spark, settings, inbox(settings)).read == 0
    assert ids(spark, settings) == before


def test_a_batch_that_comes_again_writes_nothing_twice(spark, settings):
    (inbox(settings) / "a.jsonl").write_text(lines({}, {"event_id": "7"}, {"quantity": "x"}))
    waiting = offered.waiting(settings, inbox(settings)).good
    judged = ingestion._judged_files(spark, settings, waiting)
    first = store.add(judged, settings, BatchId("query", 0))
    again = store.add(judged, settings, BatchId("query", 0))
    assert first == Counts(3, 2, 0, {"bad_quantity": 1})
    assert again.read == 3 and len(ids(spark, settings)) == 2
    assert ledger.counts(settings) == first


def test_a_changed_file_is_refused_by_name_and_a_touched_one_is_not(spark, settings):
    path = inbox(settings) / "a.jsonl"
    path.write_text(lines({}))
    ingestion.take_files(spark, settings, inbox(settings))
    path.touch()
    assert offered.waiting(settings, inbox(settings)).refused == []
    path.write_text(lines({}, {}))
    refused = offered.waiting(settings, inbox(settings)).refused
    assert [(refusal.path, "changed since" in refusal.reason) for refusal in refused] == [(str(path), True)]


def test_an_unknown_header_refuses_its_file_alone_until_the_settings_know_it(spark, settings, tmp_path):
    (inbox(settings) / "good.csv").write_text(f"{HEADER}\nann,lamp,1,2026-01-01\n")
    (inbox(settings) / "odd.csv").write_text("Kunde,Artikel\nbob,Stuhl\n")
    taken = ingestion.take_files(spark, settings, inbox(settings))
    assert taken.accepted == 1
    assert "unknown header 'Kunde,Artikel'" in taken.refused[0].reason
    mapping = json.loads(taken.refused[0].reason.partition("MILLSTREAM_COLUMNS='")[2].rstrip("'"))
    assert mapping == {"user": "Kunde", "product": "Artikel"}
    knowing = settings_for(tmp_path, columns=mapping)
    assert ingestion.take_files(spark, knowing, inbox(settings)).accepted == 1
    assert store.read(spark, settings, tables.EVENTS).filter("user = 'bob'").first().product == "Stuhl"


def test_gzip_is_read_as_it_is_and_one_cut_short_is_refused_whole(spark, settings):
    whole = gzip.compress(f"{HEADER}\n".encode() + b"ann,lamp,1,2026-01-01\n" * 5000)
    (inbox(settings) / "a.csv.gz").write_bytes(whole)
    (inbox(settings) / "b.csv.gz").write_bytes(whole[: len(whole) // 2])
    taken = ingestion.take_files(spark, settings, inbox(settings))
    assert taken.accepted == 5000
    assert [refusal.path.endswith("b.csv.gz") for refusal in taken.refused] == [True]


def test_what_is_no_data_file_is_passed_over_and_an_empty_one_is_not_waited_for(spark, settings):
    (inbox(settings) / "LICENSE").write_text("text")
    (inbox(settings) / ".hidden.jsonl").write_text(lines({}))
    (inbox(settings) / "empty.csv").write_text("")
    taken = ingestion.take_files(spark, settings, inbox(settings))
    assert (taken.read, taken.files, taken.refused) == (0, 0, [])
    assert [path.rsplit("/")[-1] for path in taken.passed_over] == ["LICENSE"]
    assert offered.waiting(settings, inbox(settings)).good == []


def test_a_dry_run_shows_and_writes_nothing(spark, settings):
    path = inbox(settings) / "a.csv"
    path.write_text(f"{HEADER}\nann,lamp,1,2026-01-01\n,lamp,1,2026-01-01\n")
    preview = ingestion.preview(spark, settings, path)
    assert preview.counts == {"accepted": 1, "missing_user": 1}
    assert list(preview.layouts.values()) == ["plain"] and preview.rows[0]["user"] == "ann"
    assert not (settings.data_dir / "events").exists()


@pytest.mark.chaos
def test_a_kill_after_the_write_and_before_the_commit_loses_and_doubles_nothing(spark, tmp_path, report):
    """With the checkpoint, and without it in a copy of the folder."""
    killed, bereft = settings_for(tmp_path / "killed"), settings_for(tmp_path / "bereft")
    events = [{"event_id": "1"}, {"event_id": "1"}, {}, {"quantity": "x"}, {"event_id": "2"}]
    (inbox(killed) / "a.jsonl").write_text(lines(*events))
    environment = {"MILLSTREAM_UNDER_TEST": "true", "MILLSTREAM_FAILPOINT": "after_write_before_commit:1"}
    assert call(tmp_path / "killed", "ingest", **environment).returncode == -9
    shutil.copytree(killed.data_dir, bereft.data_dir, ignore=shutil.ignore_patterns("checkpoints"))
    for settings in (killed, bereft):
        assert ledger.is_cut_short(settings)
        ingestion.take_files(spark, settings, inbox(settings))
        held, expected = ids(spark, settings), ["1", "2", "files:inbox/a.jsonl:2"]
        checkpoint = "with its checkpoint" if settings is killed else "the checkpoint lost too"
        lost, doubled = len(set(expected) - set(held)), len(held) - len(set(held))
        report(f"SIGKILL after the write, before the commit; {checkpoint}", 1, lost, doubled)
        assert held == expected
        assert ledger.counts(settings) == Counts(5, 3, 1, {"bad_quantity": 1})
        assert not ledger.is_cut_short(settings)


@pytest.mark.slow
def test_few_rows_and_many_are_added_to_one_table(spark, settings, monkeypatch):
    for number, few in enumerate((20_000, 0, 20_000)):
        monkeypatch.setattr(store, "_FEW", few)
        (inbox(settings) / f"{number}.jsonl").write_text(
            lines({"event_id": f"e{number}", "properties": {"page": str(number)} if number else {}}) + "nonsense\n"
        )
        intake = ingestion.take_files(spark, settings, inbox(settings))
        assert (intake.accepted, intake.rejected) == (1, {"not_json": 1})
    events = store.read(spark, settings, tables.EVENTS).orderBy("event_id").collect()
    assert [row.event_id for row in events] == ["e0", "e1", "e2"]
    assert events[2].properties == {"page": "2"}
    assert store.read(spark, settings, tables.QUARANTINE).count() == 3
    assert not ledger.is_cut_short(settings)


def test_a_column_without_any_text_or_map_has_offsets_all_the_same(spark):
    rows = spark.createDataFrame([(None,), (None,)], "properties MAP<STRING, STRING>").toArrow()
    (column,) = store._with_offsets(rows)["properties"].chunks
    assert column.keys.buffers()[1].size >= 4


@pytest.mark.slow
def test_many_small_batches_leave_few_files(spark, settings, monkeypatch):
    monkeypatch.setattr(tables, "COMPACTED_AFTER", 2)
    for number in range(5):
        (inbox(settings) / f"{number}.jsonl").write_text(lines({"event_id": f"e{number}"}))
        ingestion.take_files(spark, settings, inbox(settings))
    assert len(store.read(spark, settings, tables.EVENTS).inputFiles()) <= 3
    assert ids(spark, settings) == [f"e{number}" for number in range(5)]
