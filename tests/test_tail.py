"""The event table followed without Spark: what came is told once, through compaction, removal, damage and repair."""

import json
import time
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
from conftest import settings_for
from deltalake import DeltaTable
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from test_fresh import event
from test_ledger import part

from spark_app import retention, schemas
from spark_app.serving import commits
from spark_app.serving.fresh import Event, Fresh
from spark_app.serving.tail import Tail
from spark_app.storage import ledger, tables
from spark_app.storage.tables import EVENTS

START = datetime(2026, 1, 1, tzinfo=UTC)
TEXT, TIME = pa.string(), pa.timestamp("us", "UTC")
PRODUCT_DATA = pa.struct(
    {"id": TEXT, "name": TEXT, "category": TEXT, "brand": TEXT, "price": pa.float64(), "in_stock": pa.bool_()}
)
CUSTOMER_DATA = pa.struct({"id": TEXT, "name": TEXT, "email": TEXT, "location": TEXT, "age": pa.int32()})
KINDS = dict.fromkeys(("quantity", "rating", "price", "total_price"), pa.float64())
KINDS |= {"occurred_at": TIME, "received_at": TIME, "position": pa.int64(), "properties": pa.map_(TEXT, TEXT)}
KINDS |= {"product_data": PRODUCT_DATA, "customer_data": CUSTOMER_DATA}
SCHEMA = pa.schema([(name, KINDS.get(name, TEXT)) for name in schemas.names(schemas.EVENT)])


def rows(*facts, **same):
    """Events of ann from (event_id, day); the position is the day."""
    columns = {"user": "ann", "product": "lamp", "event_type": "purchase", "quantity": 1.0}
    columns |= {"source": "kafka:sales", "partition": "0"}
    made = []
    for event_id, day in facts:
        times = {"occurred_at": START + timedelta(days=day), "received_at": START + timedelta(days=day, seconds=1)}
        made.append(columns | times | {"event_id": event_id, "position": day} | same)
    return pa.Table.from_pylist(made, SCHEMA)


def add(settings, *days, **same):
    """A batch of events of these days, e0 for day 0, with its row of the ledger; gives its version."""
    tables.append(settings, EVENTS, rows(*((f"e{day}", day) for day in days), **same), None)
    version = DeltaTable(tables.path(settings, EVENTS)).version()
    ledger.account(settings, [part(len(days), first=days[0])], {}, None)
    return version


def ids(fresh, user="ann"):
    return [one.event_id for one in fresh.of(user)]


def following(settings, since=-1):
    fresh = Fresh()
    tail = Tail(settings, fresh)
    tail.catch_up(since)
    assert tail.fault == ""
    return tail, fresh


def table(settings):
    return DeltaTable(tables.path(settings, EVENTS))


def entry(settings, version):
    return tables.path(settings, EVENTS) / "_delta_log" / f"{version:020}.json"


def shorten_log(settings, before):
    """As retention does it: a checkpoint, then the entries before it go."""
    table(settings).create_checkpoint()
    for version in range(before):
        entry(settings, version).unlink(missing_ok=True)


def vacuum(settings):
    table(settings).vacuum(0, dry_run=False, enforce_retention_duration=False, full=True)


def test_what_each_commit_added_is_read_once(settings):
    add(settings, 0, 1)
    tail, fresh = following(settings)
    assert (ids(fresh), tail.version) == (["e0", "e1"], 0)
    add(settings, 2)
    add(settings, 3, 4)
    assert [tail.poll(), tail.poll()] == [3, 0]
    assert (ids(fresh), tail.version) == (["e0", "e1", "e2", "e3", "e4"], 2)


def test_only_what_came_after_the_version_is_read(settings):
    for day in range(4):
        add(settings, day)
    tail, fresh = following(settings, since=1)
    assert (ids(fresh), tail.version) == (["e2", "e3"], 3)


def test_every_field_comes_as_the_table_has_it(settings):
    data = {"name": "Lamp", "category": "Light", "brand": "Lux", "price": 9.5, "in_stock": False}
    add(settings, 2, product_data=data, price=12.0, rating=4.0, quantity=-2.0, event_type="rate")
    add(settings, 3, product=None, event_type="post", price=7.0)
    _, fresh = following(settings)
    day = 86_400_000_000
    first = int(START.timestamp() * 1e6) + 2 * day
    assert fresh.of("ann") == (
        Event("e2", "ann", "lamp", "rate", -2.0, 4.0, first, 9.5, "Lux", "Light", "Lamp", False),
        Event("e3", "ann", None, "post", 1.0, None, first + day, 7.0, None, None, None, None),
    )


def test_times_that_spark_wrote_as_int96_are_read_alike(settings):
    add(settings, 2)
    (file,) = tables.path(settings, EVENTS).glob("*.parquet")
    pq.write_table(pq.read_table(file), file, use_deprecated_int96_timestamps=True)
    _, fresh = following(settings)
    assert fresh.of("ann")[0].occurred_at == int((START + timedelta(days=2)).timestamp() * 1e6)


def test_equal_texts_of_a_portion_are_held_once(settings):
    add(settings, *range(20))
    _, fresh = following(settings)
    assert len({id(one.product) for one in fresh.of("ann")}) == 1


def test_compaction_brings_nothing_new(settings, monkeypatch):
    monkeypatch.setattr(tables, "COMPACTED_AFTER", 3)
    tail, fresh = following(settings)
    for day in range(10):
        add(settings, day)
        assert tail.poll() == 1
    assert table(settings).history()[0]["version"] > 10
    assert ids(fresh) == [f"e{day}" for day in range(10)]


def test_a_removal_brings_nothing_new(settings):
    add(settings, 0, 1, 2)
    tail, fresh = following(settings, since=0)
    table(settings).delete("event_id = 'e1'")
    assert tail.poll() == 0 and tail.version == 1
    add(settings, 3)
    assert tail.poll() == 1 and ids(fresh) == ["e3"]


def test_an_event_that_was_posted_is_held_once_when_the_table_has_it(settings):
    tail, fresh = following(settings)
    fresh.posted([event("e0"), event("e9")])
    add(settings, 0, 1)
    tail.poll()
    assert sorted(ids(fresh)) == ["e0", "e1", "e9"]
    assert fresh.counts().waiting == 1 and fresh.knows("e1")
    tail.catch_up(0)
    assert ids(fresh) == ["e9"]


def test_a_generation_that_is_ahead_of_what_was_read_takes_what_was_posted(settings):
    tail, fresh = following(settings)
    fresh.posted([event("e0"), event("e1")])
    add(settings, 0)
    add(settings, 1)
    assert tail.catch_up(0) == 2
    assert (ids(fresh), tail.version) == (["e1"], 1)


def test_after_a_rollback_it_reads_again_what_the_older_generation_lacks(settings):
    for day in range(4):
        add(settings, day)
    tail, fresh = following(settings, since=2)
    assert ids(fresh) == ["e3"]
    tail.catch_up(0)
    assert ids(fresh) == ["e1", "e2", "e3"]
    tail.catch_up(3)
    assert ids(fresh) == []


def test_a_table_that_comes_later_is_followed_from_its_beginning(settings):
    tail, fresh = following(settings)
    assert (tail.poll(), tail.version, tail.fault) == (0, -1, "")
    add(settings, 0)
    assert tail.poll() == 1 and ids(fresh) == ["e0"]


def test_without_a_checkpoint_a_log_of_many_entries_is_read(settings):
    for day in range(30):
        add(settings, day)
    tail, fresh = following(settings)
    assert len(ids(fresh)) == 30 and tail.version == 29


def test_a_checkpoint_changes_nothing(settings):
    tail, fresh = following(settings)
    for day in range(3):
        add(settings, day)
        table(settings).create_checkpoint()
        assert tail.poll() == 1
    assert ids(fresh) == ["e0", "e1", "e2"]


def test_where_the_log_was_shortened_the_ledger_says_what_came_since(settings):
    for day in range(0, 8, 2):
        add(settings, day, day + 1)
    shorten_log(settings, before=3)
    tail, fresh = following(settings, since=0)
    assert (ids(fresh), tail.version) == (["e2", "e3", "e4", "e5", "e6", "e7"], 3)
    add(settings, 8)
    assert tail.poll() == 1
    tail.catch_up(1)
    assert ids(fresh) == ["e4", "e5", "e6", "e7", "e8"]


def test_a_log_that_is_shortened_while_it_is_followed_costs_nothing(settings):
    add(settings, 0)
    tail, fresh = following(settings)
    fresh.posted([event("e1"), event("e9")])
    for day in (1, 2, 3):
        add(settings, day)
    table(settings).optimize.compact()
    vacuum(settings)
    shorten_log(settings, before=4)
    with capture_logs() as logs:
        tail.poll()
    assert [(line["event"], line["since"], line["events"]) for line in logs] == [("events found by the ledger", 0, 3)]
    assert sorted(ids(fresh)) == ["e0", "e1", "e2", "e3", "e9"] and fresh.counts().waiting == 1
    tail.catch_up(2)
    assert sorted(ids(fresh)) == ["e3", "e9"]


def test_files_that_were_replaced_and_removed_are_found_by_the_ledger(settings):
    """As after retention beside a published generation: the log is there, the small files are not."""
    for day in range(4):
        add(settings, day)
    table(settings).optimize.compact()
    vacuum(settings)
    add(settings, 5)
    tail, fresh = following(settings, since=1)
    assert (ids(fresh), tail.version) == (["e2", "e3", "e5"], table(settings).version())
    tail.catch_up(2)
    assert ids(fresh) == ["e3", "e5"]


def test_a_batch_that_the_ledger_does_not_have_yet_is_found_by_its_entry(settings):
    for day in range(3):
        add(settings, day)
    table(settings).optimize.compact()
    vacuum(settings)
    tables.append(settings, EVENTS, rows(("e4", 4)), None)
    _, fresh = following(settings, since=0)
    assert ids(fresh) == ["e1", "e2", "e4"]


def test_the_ledger_tells_files_and_partitions_apart(settings):
    where = [("files", "a.csv"), ("kafka:sales", "0"), ("kafka:sales", "1"), ("files", "b.csv")]
    for number, (source, partition) in enumerate(where):
        placed = rows((f"x{number}", 0), (f"y{number}", 1), source=source, partition=partition)
        tables.append(settings, EVENTS, placed, None)
        ledger.account(settings, [part(2, partition, source=source)], {}, None)
    shorten_log(settings, before=3)
    _, fresh = following(settings, since=1)
    assert ids(fresh) == ["x2", "x3", "y2", "y3"]


def test_retention_beside_it_costs_no_event(settings):
    settings = settings.model_copy(update={"retention_days": 10.0})
    for day in range(0, 20, 2):
        add(settings, day, day + 1)
    tail, fresh = following(settings, since=6)
    retention.run(settings, lambda _: None)
    tail.poll()
    later, again = following(settings, since=6)
    assert ids(fresh) == ids(again) == [f"e{day}" for day in range(14, 20)]
    assert tail.version == later.version and tail.fault == ""
    add(settings, 20)
    assert tail.poll() == later.poll() == 1


def test_lag_and_age_say_how_old_the_knowledge_is(settings):
    tail = Tail(settings, Fresh())
    assert tail.lag == tail.age == float("inf")
    add(settings, 0)
    tail.poll()
    assert tail.lag < 5
    received = START + timedelta(seconds=1)
    assert abs(tail.age - (datetime.now(UTC) - received).total_seconds()) < 5
    entry(settings, 0).unlink()
    before = tail.lag
    tail.poll()
    assert tail.fault and tail.lag > before


def test_its_thread_follows_until_it_is_stopped_and_survives_damage(settings):
    fresh = Fresh()
    tail = Tail(settings, fresh, interval=0.01)
    tail.start()
    add(settings, 0)
    wait_until(lambda: ids(fresh) == ["e0"])
    log = entry(settings, 0).parent
    log.rename(log.with_name("aside"))
    wait_until(lambda: tail.fault)
    log.with_name("aside").rename(log)
    add(settings, 1)
    wait_until(lambda: ids(fresh) == ["e0", "e1"] and not tail.fault)
    tail.stop()
    add(settings, 2)
    time.sleep(0.1)
    assert ids(fresh) == ["e0", "e1"]


def wait_until(met, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def test_what_is_asked_for_beside_it_is_whole(settings, monkeypatch):
    monkeypatch.setattr(tables, "COMPACTED_AFTER", 5)
    fresh = Fresh()
    tail = Tail(settings, fresh, interval=0.001)
    tail.start()
    for day in range(30):
        add(settings, day)
        seen = ids(fresh)
        assert seen == [f"e{number}" for number in range(len(seen))]
        if day % 10 == 9:
            wait_until(lambda day=day: len(fresh.of("ann")) == day + 1)
    tail.stop()
    assert ids(fresh) == [f"e{day}" for day in range(30)]


STEPS = st.lists(
    st.sampled_from(["add", "add", "post", "compact", "vacuum", "shorten", "poll", "train", "back", "restart"]),
    max_size=14,
)


@hypothesis_settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS, share=st.floats(0, 1))
def test_whatever_is_done_to_the_table_each_event_beyond_the_generation_is_held_once(tmp_path_factory, steps, share):
    settings = settings_for(tmp_path_factory.mktemp("tail"))
    tail, fresh = following(settings)
    versions, posted, base = {}, set(), -1
    for step in steps:
        there = bool(versions)
        if step == "add":
            day = 2 * len(versions)
            versions[day] = add(settings, day, day + 1)
        elif step == "post":
            day = 2 * len(versions) + 1
            fresh.posted([event(f"e{day}")])
            posted.add(day)
        elif step == "poll":
            tail.poll()
        elif step == "restart":
            (tail, fresh), posted = following(settings, base), set()
        elif there:
            base = done_to_the_table(step, settings, share, base)
            tail.catch_up(base) if step in ("train", "back") else None
    tail.poll()
    in_table = {day for first in versions for day in (first, first + 1)}
    beyond = {day for first, version in versions.items() if version > base for day in (first, first + 1)}
    assert tail.fault == ""
    assert sorted(ids(fresh)) == sorted(f"e{day}" for day in beyond | (posted - in_table))
    assert fresh.counts().waiting == len(posted - in_table)


def done_to_the_table(step, settings, share, base):
    """Does it; gives the version that the generation is of after it."""
    newest = table(settings).version()
    if step == "compact":
        table(settings).optimize.compact()
    elif step == "vacuum":
        vacuum(settings)
    elif step == "shorten":
        shorten_log(settings, before=newest)
    return {"train": newest, "back": int(share * newest)}.get(step, base)


def _seconds(done):
    begun = time.perf_counter()
    done()
    return time.perf_counter() - begun


def test_an_entry_names_the_files_that_brought_rows(tmp_path):
    (tmp_path / "_delta_log").mkdir()
    added = {"add": {"path": "a%20part.parquet", "dataChange": True}}
    moved = {"add": {"path": "whole.parquet", "dataChange": False}}
    removed = {"remove": {"path": "a%20part.parquet", "dataChange": True}}
    for version, actions in enumerate([[added], [moved], [added, removed], [{"commitInfo": {}}]]):
        text = "\n".join(json.dumps(action) for action in actions)
        (tmp_path / "_delta_log" / f"{version:020}.json").write_text(text)
    found = [commits.read(tmp_path, version) for version in range(5)]
    assert [commit and commit.parts for commit in found] == [(tmp_path / "a part.parquet",), (), (), (), None]
