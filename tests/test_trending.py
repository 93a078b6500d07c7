"""The stage finds what is found without Spark; the verb and the API show it."""

import json
import os
import random
import time
from pathlib import Path

import pytest
import segmented
import typer
from conftest import settings_for
from deltalake import DeltaTable
from fastapi.testclient import TestClient
from sold import Sold, planted, table, without
from test_cli import call
from test_pipeline import rows

from spark_app import lately, pipeline, schemas
from spark_app.cli import trending as verb
from spark_app.serving import app
from spark_app.serving.risers import Question, Risers
from spark_app.storage import segment_files, tables
from spark_app.timeline import activity, event_files, recency, rising, trends


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Settings of a shop whose events are shuffled, late, returned, and partly without a brand."""
    settings = settings_for(tmp_path_factory.mktemp("trending"))
    events, _ = planted()
    bare = {f"P{number:04d}" for number in range(1, 120, 5)}
    events = [one._replace(said=None) if one.product in bare else one for one in events]
    events += [Sold("ann", None, 2.0, "post")]
    random.Random(3).shuffle(events)
    half = len(events) // 2
    table(tables.path(settings, tables.EVENTS), events[:half], events[half:])
    return settings


@pytest.mark.parametrize(("begin", "end"), [(None, None), ("2026-09-05", "2026-10-25T06:00")], ids=["week", "halves"])
def test_the_stage_finds_what_is_found_without_spark(spark, shop, begin, end):
    of = lately.asked(shop, begin, end)
    events = spark.read.format("delta").load(str(tables.path(shop, tables.EVENTS)))
    seen = activity.read(DeltaTable(tables.path(shop, tables.EVENTS)), of.range, recency.turning(shop.weights))
    alone = [one for kind in rising.KINDS for one in trends.of(seen, of.range, kind, 25)]
    assert lately.by_spark(events, of.range, rising.KINDS, 25, shop.weights) == alone
    assert {one.kind for one in alone} >= {"product", "category"}


@pytest.mark.slow
def test_the_verb_writes_both_files_and_a_wrong_range_is_one_line(shop, tmp_path):
    home = {"MILLSTREAM_DATA_DIR": str(shop.data_dir), "MILLSTREAM_RESULTS_DIR": str(shop.results_dir)}
    done = call(tmp_path, "trending", "--last", "7d", "--top", "3", "--json", **home)
    assert done.returncode == 0, done.stderr
    assert (shop.results_dir / "trending.png").read_bytes().startswith(b"\x89PNG")
    assert [one["key"] for one in json.loads(done.stdout)["trending"]] == planted()[1]
    listed, buckets = (rows(shop.results_dir / name) for name in ("trending.csv", "trending_buckets.csv"))
    assert [(row["rank"], row["key"], row["growth_percent"] == "") for row in listed] == [
        ("1", "P0007", False), ("2", "P0011", False), ("3", "new", True),
    ]  # fmt: skip
    assert list(listed[0]) == schemas.names(schemas.TRENDING)
    assert list(buckets[0]) == schemas.names(schemas.TRENDING_BUCKET)
    for row in listed:
        mine = [int(bucket["total"]) for bucket in buckets if bucket["key"] == row["key"]]
        assert len(mine) == 7 and sum(mine) == int(row["total"])
    wrong = call(tmp_path, "trending", "--from", "2026-13-01", **home)
    assert wrong.returncode == 2 and wrong.stderr.startswith("error: from is '2026-13-01'")
    assert wrong.stderr.count("\n") == 1


class SparkIsAskedForError(Exception):
    """No Spark here."""


def no_spark():
    raise SparkIsAskedForError


def test_spark_counts_what_one_process_should_not_and_a_short_range_of_a_long_table_is_no_such_thing(
    tmp_path, monkeypatch
):
    settings = settings_for(tmp_path)
    old, new = ([Sold(f"u{number}", "lamp", days) for number in range(9)] for days in (200.0, 1.0))
    table(tables.path(settings, tables.EVENTS), old, new)
    monkeypatch.setattr(event_files, "ALONE", 9)
    assert [one.key for one in lately.answered(no_spark, settings, ["product"], 5, last="2d")[1]] == ["lamp"]
    with pytest.raises(SparkIsAskedForError):
        lately.answered(no_spark, settings, ["product"], 5, last="300d")


def test_what_rises_is_current_until_the_event_table_is_written_to(tmp_path):
    settings = settings_for(tmp_path)
    assert not lately.is_current(settings)
    events = tables.path(settings, tables.EVENTS)
    table(events, [Sold("ann", "lamp", 1.0)])
    assert not lately.is_current(settings)
    lately.Late(no_spark, settings).write()
    assert lately.is_current(settings) and not lately.is_current(settings, "another.csv")
    table(events, [Sold("bob", "lamp", 1.0)])
    then = (events / "_delta_log" / f"{1:020}.json").stat().st_mtime
    os.utime(settings.results_dir / lately.TRENDING, (then - 1, then - 1))
    assert not lately.is_current(settings)


def test_what_came_while_a_file_was_made_is_not_taken_for_shown(tmp_path, monkeypatch):
    """Neither by the file of what rises nor by one that is made of it later; a picture of before is outdated."""
    settings, read = settings_for(tmp_path), activity.read
    events = tables.path(settings, tables.EVENTS)
    table(events, [Sold("ann", "lamp", 1.0)])
    settings.results_dir.mkdir()
    (settings.results_dir / "trending.png").touch()
    time.sleep(0.05)

    def reading(*words, **more):
        table(events, [Sold("bob", "lamp", 0.5)])
        return read(*words, **more)

    monkeypatch.setattr(activity, "read", reading)
    late = lately.Late(no_spark, settings)
    late.write()
    another = settings.results_dir / "another.csv"
    another.touch()
    assert not lately.is_current(settings) and lately.is_current(settings, another.name)
    late.date(another.name)
    assert not lately.is_current(settings, another.name)
    assert "trending.png" in pipeline.outdated(settings)


def test_who_reads_beside_retention_asks_again_when_files_are_gone(tmp_path, monkeypatch):
    settings = settings_for(tmp_path)
    events = tables.path(settings, tables.EVENTS)
    sold = [Sold(f"u{number}", "lamp", 1.0) for number in range(9)] + [Sold("x", "other", 40.0)] * 20
    table(events, [*sold, Sold("gone", "lamp", 2.0)])
    extent, removed = event_files.extent, []

    def removing(found):
        """Between looking at the table and reading it, once."""
        held = extent(found)
        removed.append(without(events, "gone" if not removed else "nobody"))
        return held

    monkeypatch.setattr(event_files, "extent", removing)
    _, (lamp,) = lately.answered(no_spark, settings, ["product"], 5)
    assert (lamp.users, len(removed)) == (9, 2)
    table(events, [Sold("gone", "lamp", 2.0)])
    removed.clear()
    with TestClient(app.create(settings), base_url="http://127.0.0.1") as client:
        answer = client.get("/trending").json()
    assert answer["trending"][0]["users"] == 9 and len(removed) == 2


def test_a_file_that_is_gone_for_good_is_named(tmp_path):
    settings = settings_for(tmp_path)
    (file,) = table(tables.path(settings, tables.EVENTS), [Sold("ann", "lamp", 1.0)]).file_uris()
    Path(file).unlink()
    with pytest.raises(tables.DamagedError, match="is gone"):
        lately.answered(no_spark, settings, ["product"], 5)


def test_the_api_has_the_rows_of_the_verb(shop):
    of = lately.asked(shop, "2026-10-01", "2026-10-29")
    for kind in rising.KINDS:
        found = lately.rise(None, shop, of, [kind], 10)
        with TestClient(app.create(shop), base_url="http://127.0.0.1") as client:
            answer = client.get(f"/trending?from=2026-10-01&to=2026-10-29&by={kind}&limit=10").json()
        assert answer["events_version"] == of.version and answer["generation"] is None
        assert (answer["from"], answer["to"]) == ("2026-10-01T00:00:00Z", "2026-10-29T00:00:00Z")
        told = [trends.Trend(**{k: v for k, v in one.items() if k != "buckets"}, totals=one["buckets"]["total"],
                by_users=one["buckets"]["users"]) for one in answer["trending"]]  # fmt: skip
        assert told == found and len(answer["bucket_starts"]) == 28


def test_the_api_refuses_a_wrong_range_and_has_nothing_before_the_first_event(shop, tmp_path):
    with TestClient(app.create(shop), base_url="http://127.0.0.1") as client:
        for wrong in ("from=yesterday", "last=7", "from=2026-10-02&to=2026-10-01", "from=2026-10-02&last=7d"):
            answer = client.get(f"/trending?{wrong}")
            assert answer.status_code == 422 and answer.json()["detail"]
        first = client.get("/trending").json()
        assert client.get("/trending").json()["age_seconds"] > first["age_seconds"]
    with TestClient(app.create(settings_for(tmp_path)), base_url="http://127.0.0.1") as client:
        answer = client.get("/trending?last=2d")
        assert answer.status_code == 200 and answer.json()["trending"] == [] and answer.json()["events_version"] == -1


def test_an_answer_follows_the_table(tmp_path):
    settings = settings_for(tmp_path)
    folder = tables.path(settings, tables.EVENTS)
    table(folder, [Sold(f"u{number}", "lamp", number / 9) for number in range(9)] + [Sold("x", "old", 40.0)] * 20)
    with TestClient(app.create(settings), base_url="http://127.0.0.1") as client:
        assert [one["key"] for one in client.get("/trending").json()["trending"]] == ["lamp"]
        table(folder, [Sold(f"u{number}", "chair", number / 9) for number in range(12)])
        client.app.state.millstream.risers._answers.clear()
        assert [one["key"] for one in client.get("/trending").json()["trending"]] == ["chair", "lamp"]


@pytest.fixture(scope="module")
def two_segments(tmp_path_factory):
    """Segment 1 turns to chairs of late and segment 2 to lamps; what brand they are of, segment 1 alone says."""
    return shop_of_two(settings_for(tmp_path_factory.mktemp("segments")))


def shop_of_two(settings):
    users = {f"u{number:02}": 1 + number % 2 for number in range(40)}
    brand = {"chair": "Oak", "lamp": "Lux"}
    before = [
        Sold(user, product, 10.0 + place, said=(None, None, brand[product]) if segment == 1 else None)
        for user, segment in users.items() for place, product in enumerate(brand)
    ]  # fmt: skip
    late = [Sold(user, ("chair", "lamp")[segment - 1], 1.0) for user, segment in users.items()]
    table(tables.path(settings, tables.EVENTS), before, late)
    segmented.of(settings, users)
    return settings


@pytest.fixture
def two(tmp_path):
    """The same, to be changed."""
    return shop_of_two(settings_for(tmp_path))


@pytest.mark.parametrize(("segment", "product", "brand"), [(1, "chair", "Oak"), (2, "lamp", "Lux")])
def test_of_a_segment_alone_its_own_events_count_in_each_way(spark, two_segments, segment, product, brand):
    users, kinds = segment_files.among(segment_files.latest(two_segments, "behaviour"), segment), ["product", "brand"]
    alone = lately.answered(no_spark, two_segments, kinds, 5, last="7d", among=users)[1]
    assert [(one.key, one.brand, one.users) for one in alone] == [(product, brand, 20), (brand, brand, 20)]
    of = lately.asked(two_segments, last="7d")
    events = spark.read.format("delta").load(str(tables.path(two_segments, tables.EVENTS)))
    assert lately.by_spark(events, of.range, kinds, 5, two_segments.weights, among=users) == alone
    with TestClient(app.create(two_segments), base_url="http://127.0.0.1") as client:
        answer = client.get(f"/trending?last=7d&segment={segment}").json()
    assert [one["key"] for one in answer["trending"]] == [product] and answer["segment"] == segment


@pytest.mark.slow
def test_the_verb_tells_of_a_segment_and_leaves_the_files_of_the_shop(two_segments, tmp_path):
    home = {"MILLSTREAM_DATA_DIR": str(two_segments.data_dir), "MILLSTREAM_RESULTS_DIR": str(tmp_path / "results")}
    done = call(tmp_path, "trending", "--last", "7d", "--segment", "2", **home)
    assert done.returncode == 0 and "among 20 users of segment 2" in done.stdout and "lamp" in done.stdout
    assert not (tmp_path / "results" / "trending.csv").exists()
    wrong = call(tmp_path, "trending", "--segment", "3", **home)
    assert wrong.returncode == 2 and "expected one of 1, 2" in wrong.stderr
    with TestClient(app.create(two_segments), base_url="http://127.0.0.1") as client:
        assert client.get("/trending?segment=3").status_code == 404


def test_files_of_a_segment_are_not_written_to_where_they_are_wanted(tmp_path):
    with pytest.raises(typer.BadParameter, match="does not go with --segment 2: no files are written"):
        verb.trending(segment=2, results=tmp_path)


def test_segments_that_cannot_be_read_are_told_so_and_none_are_not_found(two):
    with TestClient(app.create(two), base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        assert client.get("/trending?segment=1&features=factors").status_code == 404
        (segment_files.home(two, "behaviour") / "LATEST").write_text("gone")
        answer = client.get("/trending?segment=1")
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "5"
    assert (answer.json()["title"], "names 'gone'" in answer.json()["detail"]) == ("Not readable now", True)


def test_whose_segment_is_told_with_the_answer_and_says_nothing_without_one(two, monkeypatch):
    read, times = activity.read, []
    monkeypatch.setattr(activity, "read", lambda *given, **more: times.append(1) or read(*given, **more))
    with TestClient(app.create(two), base_url="http://127.0.0.1") as client:
        whole, other = (client.get(f"/trending?last=7d&{asked}").json() for asked in ("", "features=factors"))
        segment = client.get("/trending?last=7d&segment=2").json()
    assert whole["trending"] == other["trending"] and len(times) == 2
    assert [whole[name] for name in ("segment", "features", "segments")] == [None] * 3
    kept = segment_files.latest(two, "behaviour").id
    assert [segment[name] for name in ("segment", "features", "segments")] == [2, "behaviour", kept]


def test_an_answer_is_of_the_segments_that_it_names_when_others_are_made_meanwhile(two, monkeypatch):
    first, version = segment_files.latest(two, "behaviour"), tables.version
    turned = {f"u{number:02}": 2 - number % 2 for number in range(40)}

    def making(settings, *name):
        """Between looking which segments are kept and reading them."""
        if segment_files.latest(two, "behaviour") == first:
            segmented.of(two, turned)
        return version(settings, *name)

    risers, asked = Risers(two), Question(None, None, "7d", "product", None, 5, 1)
    with monkeypatch.context() as patch:
        patch.setattr(tables, "version", making)
        before = risers.ask(asked)
    assert (before["segments"], [one["key"] for one in before["trending"]]) == (first.id, ["chair"])
    after = risers.ask(asked)
    assert after["segments"] == segment_files.latest(two, "behaviour").id != first.id
    assert [one["key"] for one in after["trending"]] == ["lamp"]
