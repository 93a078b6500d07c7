"""The tables of a data folder in a bucket: written, checked, followed, read here and shortened, without Spark."""

import pytest
from test_ledger import part
from test_tail import rows

from spark_app import retention
from spark_app.serving.fresh import Fresh
from spark_app.serving.inbox import NotKeptError, opened
from spark_app.serving.tail import Tail
from spark_app.storage import bucket, ledger, table_copies, tables
from spark_app.storage.ledger import Counts
from spark_app.storage.tables import BATCHES, EVENTS, BatchId, DamagedError
from spark_app.timeline import event_files


def add(settings, *days, query=None):
    """A batch of events of these days, e0 for day 0, with its row of the ledger."""
    batch = BatchId(query, 0) if query else None
    tables.append(settings, EVENTS, rows(*((f"e{day}", day) for day in days)), batch)
    ledger.account(settings, [part(len(days), first=days[0])], {}, batch)


def test_a_batch_is_written_once_by_whichever_machine(on_s3):
    ours, theirs = on_s3("one"), on_s3("two")
    assert (tables.version(ours), tables.rows(ours, EVENTS), ledger.counts(ours).read) == (-1, 0, 0)
    for settings in (ours, theirs):
        add(settings, 0, 1, query="sales")
    assert tables.last_batch(ours, EVENTS, "sales") == 0
    assert (tables.rows(ours, EVENTS), ledger.counts(theirs)) == (2, Counts(2, 2, 0, {}))
    assert not ledger.is_cut_short(theirs)
    assert tables.newest_entry(ours) == f"{0:020}.json" and tables.written_at(ours, EVENTS) > 1e9


def test_a_file_that_is_gone_from_the_bucket_is_named(on_s3):
    settings = on_s3()
    add(settings, 0)
    tables.ensure_whole(settings, EVENTS, 0)
    place = settings.place(tables.path(settings, EVENTS))
    (lost,) = tables.files(settings, EVENTS)
    bucket.remove(place / lost)
    with pytest.raises(DamagedError, match=f"{place}/{lost} is gone"):
        tables.ensure_whole(settings, EVENTS, 0)


def test_what_reads_files_itself_reads_copies_and_only_new_ones_are_brought(on_s3, monkeypatch):
    ours, theirs = on_s3("one"), on_s3("two")
    add(ours, 0, 1)
    assert table_copies.here(theirs, EVENTS).to_pyarrow_dataset().count_rows() == 2
    add(ours, 2)
    brought = []
    fetch = bucket.fetch
    monkeypatch.setattr(bucket, "fetch", lambda place, path: (brought.append(path.suffix), fetch(place, path)))
    table = table_copies.here(theirs, EVENTS)
    assert sorted(brought) == [".json", ".parquet"]
    found = event_files.read({file: ["user"] for file in event_files.held(table)}, lambda batch: batch.num_rows)
    assert sum(map(sum, found.values())) == 3
    assert table_copies.here(theirs, EVENTS, 0).to_pyarrow_dataset().count_rows() == 2


def test_the_tail_follows_a_table_in_a_bucket(on_s3):
    ours, theirs = on_s3("one"), on_s3("two")
    fresh = Fresh()
    tail = Tail(theirs, fresh)
    assert (tail.catch_up(-1), tail.fault) == (0, "")
    add(ours, 0, 1)
    add(ours, 2)
    assert (tail.poll(), tail.poll(), tail.fault) == (3, 0, "")
    assert [event.event_id for event in fresh.of("ann")] == ["e0", "e1", "e2"]
    # What was there before is not brought.
    late = Tail(on_s3("three"), Fresh())
    assert (late.catch_up(0), late.fault) == (1, "")
    assert len(list(tables.path(on_s3("three"), EVENTS).glob("*.parquet"))) == 1


@pytest.mark.whole
def test_the_tail_goes_on_by_the_ledger_where_the_log_was_shortened(on_s3):
    settings = on_s3(retention_days=36_000)
    for day in range(4):
        add(settings, day)
    retention.run(settings, lambda _: None)
    fresh = Fresh()
    tail = Tail(on_s3("two"), fresh)
    assert (tail.catch_up(1), tail.fault) == (2, "")


@pytest.mark.whole
def test_old_events_files_and_log_entries_go_and_the_totals_stay(on_s3):
    settings = on_s3(retention_days=10.0)
    for day in range(0, 30, 5):
        add(settings, *range(day, day + 5))
    assert len(tables.files(settings, EVENTS)) == 6
    lines = []
    retention.run(settings, lines.append, dry_run=True)
    assert any("would remove" in line for line in lines) and tables.rows(settings, EVENTS) == 30
    retention.run(settings, lines.append)
    assert (tables.rows(settings, EVENTS), ledger.removed(settings)) == (11, 19)
    assert ledger.counts(settings) == Counts(30, 30, 0, {})
    assert [len(tables.files(settings, name)) for name in (EVENTS, BATCHES)] == [1, 1]
    assert len([entry for entry in tables.log(settings, EVENTS) if entry.endswith(".json")]) == 1
    again = []
    retention.run(settings, again.append)
    assert again == []


def test_taken_files_of_the_inbox_wait_aside_and_go(on_s3):
    settings = on_s3()
    inbox, aside = (settings.place(settings.data_dir / name) for name in ("inbox", "taken"))
    for name in ("a.csv", "b.csv"):
        bucket.write(inbox / name, b"user,product\n")
    one = bucket.entry(inbox / "a.csv")
    facts = {"bytes": one.bytes, "modified_at": one.modified_at, "sha256": "x"}
    ledger.account(settings, [], {"inbox/a.csv": facts}, None)
    retention.run(settings, lambda _: None)
    assert ([*bucket.listed(inbox)], [*bucket.listed(aside)]) == (["b.csv"], ["a.csv"])
    retention.run(settings.model_copy(update={"taken_days": -1.0}), lambda _: None)
    assert not bucket.listed(aside)


def test_what_is_posted_is_in_the_bucket_when_it_is_answered(on_s3):
    settings = on_s3()
    posted = [type("Posted", (), {"line": b'{"user": "ann"}'})]
    with opened(settings) as sink:
        sink.add(posted)
        inbox = settings.place(settings.data_dir / "inbox")
        assert [bucket.read(inbox / name) for name in bucket.listed(inbox)] == [b'{"user": "ann"}\n']
    elsewhere = settings.data_dir.parent.parent / "nobody" / "data"
    nowhere = settings.model_copy(update={"data_dir": elsewhere})
    with opened(nowhere) as sink, pytest.raises(NotKeptError, match="s3a://nobody/data/inbox cannot be written"):
        sink.add(posted)
