"""The event table followed through damage: what is half written, gone, cut short, swapped or put back."""

import os
import shutil
import time

import pytest
from structlog.testing import capture_logs
from test_fresh import event
from test_tail import add, entry, following, ids

from spark_app.storage import tables
from spark_app.storage.tables import BATCHES, EVENTS


def test_an_entry_that_is_half_written_is_waited_for(settings):
    add(settings, 0)
    tail, fresh = following(settings)
    add(settings, 1)
    whole = entry(settings, 1).read_bytes()
    for length in (0, 1, 100, len(whole) - 1):
        entry(settings, 1).write_bytes(whole[:length])
        assert (tail.poll(), tail.version, tail.fault) == (0, 0, "")
    entry(settings, 1).write_bytes(whole)
    assert tail.poll() == 1 and ids(fresh) == ["e0", "e1"]


@pytest.mark.parametrize("content", [b"", b'{"add": {"path": "part', b"[]", b"7", b'{"add": {"path": "a"}}', b"\xff"])
def test_an_entry_that_stays_unreadable_is_named_until_it_is_put_back(settings, content):
    add(settings, 0)
    tail, fresh = following(settings)
    add(settings, 1)
    whole = entry(settings, 1).read_bytes()
    entry(settings, 1).write_bytes(content)
    os.utime(entry(settings, 1), (time.time() - 60,) * 2)
    assert tail.poll() == 0 and entry(settings, 1).name in tail.fault
    entry(settings, 1).write_bytes(whole)
    assert tail.poll() == 1 and tail.fault == "" and ids(fresh) == ["e0", "e1"]


def test_a_file_that_is_gone_is_named_once_and_waited_for(settings, tmp_path):
    add(settings, 0)
    tail, fresh = following(settings)
    before = set(tables.path(settings, EVENTS).glob("*.parquet"))
    add(settings, 1)
    (file,) = set(tables.path(settings, EVENTS).glob("*.parquet")) - before
    shutil.move(file, tmp_path / "aside")
    add(settings, 2)
    with capture_logs() as logs:
        assert [tail.poll() for _ in range(3)] == [0, 0, 0]
        assert file.name in tail.fault and ids(fresh) == ["e0"]
        shutil.move(tmp_path / "aside", file)
        assert tail.poll() == 2
    assert tail.fault == "" and ids(fresh) == ["e0", "e1", "e2"]
    assert [line["event"] for line in logs] == ["event table cannot be followed", "event table is followed again"]


def test_a_file_that_is_cut_short_is_named(settings):
    tail, fresh = following(settings)
    add(settings, 0)
    (file,) = tables.path(settings, EVENTS).glob("*.parquet")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert tail.poll() == 0 and file.name in tail.fault
    file.write_bytes(whole)
    assert tail.poll() == 1 and ids(fresh) == ["e0"]


def test_a_table_that_is_gone_is_told_and_one_in_its_place_is_new(settings):
    add(settings, 0)
    add(settings, 1)
    tail, fresh = following(settings, since=0)
    fresh.posted([event("e9")])
    shutil.rmtree(tables.path(settings, EVENTS))
    shutil.rmtree(tables.path(settings, BATCHES))
    assert tail.poll() == 0 and "is gone" in tail.fault
    assert sorted(ids(fresh)) == ["e1", "e9"]
    add(settings, 5)
    assert tail.poll() == 1 and tail.fault == ""
    assert (sorted(ids(fresh)), tail.version) == (["e5", "e9"], 0)


def test_a_table_that_was_swapped_between_two_looks_is_noticed(settings):
    for day in range(3):
        add(settings, day)
    tail, fresh = following(settings)
    shutil.rmtree(tables.path(settings, EVENTS))
    for day in range(5, 12):
        add(settings, day)
    tail.poll()
    assert ids(fresh) == sorted((f"e{day}" for day in range(5, 12)), key=lambda name: int(name[1:]))


def test_an_older_copy_that_was_put_back_is_followed_from_where_it_is(settings, tmp_path):
    add(settings, 0)
    shutil.copytree(tables.path(settings, EVENTS), tmp_path / "copy")
    add(settings, 1)
    add(settings, 2)
    tail, fresh = following(settings, since=2)
    shutil.rmtree(tables.path(settings, EVENTS))
    shutil.copytree(tmp_path / "copy", tables.path(settings, EVENTS))
    tail.poll()
    assert tail.version == 0 and ids(fresh) == []
    add(settings, 4)
    assert tail.poll() == 1 and ids(fresh) == ["e4"]


def test_a_generation_of_a_later_version_than_the_table_has_holds_nothing_back(settings):
    add(settings, 0)
    tail, fresh = following(settings, since=7)
    add(settings, 1)
    assert tail.poll() == 1 and ids(fresh) == ["e1"]
