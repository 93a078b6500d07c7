"""The ledger without Spark: rows in, counts out, a batch once."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from spark_app.storage import ledger, tables
from spark_app.storage.ledger import NEW, Counts
from spark_app.storage.tables import BatchId

EVER = datetime(2020, 1, 1, tzinfo=UTC)


def part(records, partition="0", reason=None, state=NEW, first=0, source="kafka:sales"):
    place = {"source": source, "partition": partition, "first": first, "last": first + records - 1}
    return {"reason": reason, "state": state, "records": records} | place


def test_a_batch_adds_up_by_partition_and_reason(settings):
    counts = ledger.account(settings, [part(3), part(2, reason="not_json", first=3), part(1, "1")], {}, None)
    assert counts == Counts(6, 4, 0, {"not_json": 2})
    assert ledger.counts(settings) == counts
    assert ledger.next_positions(settings, "kafka:sales") == {"0": 5, "1": 1}
    assert ledger.next_positions(settings, "kafka:other") == {}


def test_a_named_batch_is_accounted_for_once(settings):
    for _ in range(2):
        assert ledger.account(settings, [part(3)], {}, BatchId("query", 7)).read == 3
    assert ledger.counts(settings).read == 3
    ledger.account(settings, [part(1, first=3)], {}, BatchId("query", 8))
    assert ledger.counts(settings).read == 4


def test_doubles_move_from_accepted_to_duplicates_of_their_partition():
    moved = ledger.moved([part(3), part(1, "1")], [("kafka:sales", "0", 1), ("kafka:sales", "1", 0)])
    assert [(one["partition"], one["state"], one["records"]) for one in moved] == [
        ("0", "duplicate", 1), ("0", "new", 2), ("1", "duplicate", 1),
    ]  # fmt: skip


def test_a_file_without_records_is_taken_too(settings):
    facts = {"bytes": 3, "modified_at": EVER, "sha256": "ab"}
    assert ledger.account(settings, [], {"inbox/blank.csv": facts}, None) == Counts(0, 0, 0, {})
    assert ledger.taken_files(settings) == {"inbox/blank.csv": (3, EVER, "ab")}


def test_where_records_are_that_were_taken_after_a_version(settings):
    for version in range(2):
        tables.append(settings, tables.EVENTS, pa.table({"event_id": ["a"]}), None)
        ledger.account(settings, [part(3, first=3 * version), part(1, "1", reason="bad_user")], {}, None)
    ledger.account(settings, [], {"inbox/blank.csv": {"bytes": 3, "modified_at": EVER, "sha256": "ab"}}, None)
    released = {"source": "kafka:sales", "partition": "1", "reason": "bad_user", "state": NEW, "records": 1}
    ledger.correct(settings, [released], BatchId("replay", 0))
    found = [(row["partition"], row["from"], row["to"]) for row in ledger.taken_since(settings, 0).to_pylist()]
    assert found == [("0", 3, 6), ("1", 0, 1)]
    assert len(ledger.taken_since(settings, -1)) == 4
    assert len(ledger.taken_since(settings, 1)) == 0


def test_the_newest_batches_come_first_and_whole(settings):
    ledger.account(settings, [part(3), part(2, "1", reason="bad_user")], {}, None)
    ledger.account(settings, [part(4, first=3)], {}, None)
    newest, oldest = ledger.batches(settings, EVER)
    assert (newest.counts.read, newest.partitions) == (4, 1)
    assert (oldest.counts, oldest.partitions) == (Counts(5, 3, 0, {"bad_user": 2}), 2)
    assert ledger.batches(settings, datetime.now(UTC)) == []


def test_many_small_files_become_one_and_say_the_same(settings, monkeypatch):
    monkeypatch.setattr(tables, "COMPACTED_AFTER", 3)
    for number in range(6):
        ledger.account(settings, [part(2, first=2 * number)], {}, BatchId("query", number))
    assert ledger.counts(settings).read == 12
    assert tables.rows(settings, tables.BATCHES) == 6
    assert ledger.account(settings, [part(2, first=10)], {}, BatchId("query", 5)).read == 2
    assert ledger.counts(settings).read == 12


def test_the_last_batches_are_told_however_long_ago_they_were(settings):
    for number in range(3):
        ledger.account(settings, [part(1, first=number)], {}, None)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert ledger.batches(settings, tomorrow) == []
    every = ledger.batches(settings, EVER)
    assert len(every) == 3 and ledger.batches(settings, tomorrow, least=2) == every[:2]
