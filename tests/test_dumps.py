"""Dump and restore: what cannot be made again comes back as it was, and everything goes on from there."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import settings_for
from test_generations import finished
from test_pipeline import plain, refreshed, rows, simulate
from test_retention import LONG_AGO, add, held, take, waiting
from typer.testing import CliRunner

from spark_app import dumps, generations, ingestion, locks, pipeline
from spark_app.cli import verbs
from spark_app.intake import offered
from spark_app.running import endings, failpoints
from spark_app.settings import tuned_file
from spark_app.storage import archive, ledger, tables
from spark_app.storage.archive import WrongDumpError
from spark_app.storage.tables import BATCHES, EVENTS, QUARANTINE, BatchId, DamagedError


class Killed(BaseException):
    """In the place of SIGKILL, within one process."""


@pytest.fixture
def shop(settings):
    """A small data folder with something in every room, without Spark."""
    add(settings, LONG_AGO, LONG_AGO)
    rejected = pa.table({"value": [b"\xff\x00 raw"], "reason": ["not_json"], "partition": ["0"]})
    tables.append(settings, QUARANTINE, rejected, BatchId("query", 4))
    add(settings, LONG_AGO)
    take(settings, "taken.csv")
    plain(settings.data_dir / "inbox" / "shop" / "new.csv", "eve,lamp,1,")
    generation = finished(settings, events_version=tables.version(settings))
    finished(settings, events_version=0)
    generations.promote(settings, generation)
    tuned_file(settings.data_dir).write_text('{"settings": {"top_n": 20}}')
    kept = settings.data_dir / "segments" / "behaviour" / "20260101T000000Z-abcd"
    kept.mkdir(parents=True)
    (kept / "summary.json").write_text("{}")
    (kept.parent / "LATEST").write_text(kept.name)
    return settings.model_copy(update={"rules_file": settings.data_dir.parent / "shop.toml"})


@pytest.fixture
def elsewhere(tmp_path):
    return settings_for(tmp_path / "elsewhere")


@pytest.fixture
def dump(shop, tmp_path):
    shop.rules_file.write_text('hide.brands = ["Acme"]')
    dumps.write(shop, tmp_path / "shop.tar")
    return tmp_path / "shop.tar"


def restored(dump, settings):
    dumps.restore(settings, dump, archive.checked(dump))
    return settings


def contents(settings):
    """Every file of the data folder by its name."""
    there = [path for path in settings.data_dir.rglob("*") if path.is_file() and not path.name.endswith(".crc")]
    return {path.relative_to(settings.data_dir).as_posix(): path.read_bytes() for path in there}


def killed_at(place, monkeypatch):
    def reach(name):
        if name == place:
            raise Killed

    monkeypatch.setattr(failpoints, "reach", reach)


def test_a_restored_folder_holds_what_was_dumped_byte_for_byte(shop, dump, elsewhere):
    before, after = contents(shop), contents(restored(dump, elsewhere))
    assert set(before) - set(after) == {"inbox/taken.csv"}
    assert after.pop("rules/shop.toml") == shop.rules_file.read_bytes()
    assert after.items() <= before.items()


def test_the_books_are_right_and_batches_are_known_by_their_names(shop, dump, elsewhere):
    restored(dump, elsewhere)
    assert ledger.counts(elsewhere) == ledger.counts(shop) and held(elsewhere).equals(held(shop))
    assert [tables.version(elsewhere, name) for name in dumps.TABLES] == [1, 0, 2]
    assert tables.last_batch(elsewhere, QUARANTINE, "query") == 4
    assert tables.scan(elsewhere, QUARANTINE, ["value"])["value"].to_pylist() == [b"\xff\x00 raw"]
    assert held(elsewhere, 0).num_rows == 2


def test_generations_and_what_is_published_go_on(shop, dump, elsewhere):
    restored(dump, elsewhere)
    assert generations.published(elsewhere).id == generations.published(shop).id
    assert generations.newest(elsewhere).id == generations.newest(shop).id


def test_files_that_were_taken_are_known_and_those_that_wait_wait(shop, dump, elsewhere):
    restored(dump, elsewhere)
    assert waiting(elsewhere) == ["new.csv"]
    new = "inbox/shop/new.csv"
    assert (elsewhere.data_dir / new).stat().st_mtime_ns == (shop.data_dir / new).stat().st_mtime_ns
    # Copied in again, with another time: it is known by what it holds.
    shutil.copyfile(shop.data_dir / "inbox" / "taken.csv", elsewhere.data_dir / "inbox" / "taken.csv")
    assert waiting(elsewhere) == ["new.csv"]


def test_the_manifest_counts_and_names_the_settings_that_decide(shop, dump, elsewhere):
    manifest = archive.checked(dump)
    assert manifest["counts"]["events"] == 3 and manifest["counts"]["quarantine"] == 1
    assert manifest["published"] == generations.published(shop).id
    assert dumps.differing(shop, manifest) == []
    assert dumps.differing(shop.model_copy(update={"top_n": 3}), manifest) == [("MILLSTREAM_TOP_N", "10", "3")]
    assert dumps.rules_file(elsewhere, manifest) == elsewhere.data_dir / "rules" / "shop.toml"


def test_a_folder_with_a_file_in_it_is_refused_and_left_as_it_is(shop, dump):
    before = contents(shop)
    with pytest.raises(WrongDumpError, match=r"is not empty: .*batches/.* is there"):
        restored(dump, shop)
    assert contents(shop) == before


def test_locks_logs_and_empty_folders_do_not_fill_it(dump, elsewhere):
    for name in ("locks/ingest.lock", "logs/one.jsonl", "inbox/"):
        path = elsewhere.data_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.touch()
    assert tables.rows(restored(dump, elsewhere), EVENTS) == 3


def test_a_dump_never_takes_the_place_of_a_file(shop, dump, tmp_path):
    with pytest.raises(WrongDumpError, match=r"shop\.tar is there already"):
        dumps.write(shop, dump)
    with pytest.raises(WrongDumpError, match="nowhere is no folder"):
        dumps.write(shop, tmp_path / "nowhere" / "shop.tar")


def test_an_empty_folder_has_nothing_to_dump(elsewhere, tmp_path):
    elsewhere.data_dir.mkdir(parents=True)
    with pytest.raises(WrongDumpError, match="nothing to dump"):
        dumps.write(elsewhere, tmp_path / "none.tar")


def test_a_table_with_a_part_gone_is_not_dumped(shop, tmp_path):
    shop.rules_file.touch()
    next(tables.path(shop, EVENTS).glob("*.parquet")).unlink()
    with pytest.raises(DamagedError, match="is gone"):
        dumps.write(shop, tmp_path / "shop.tar")
    assert not (tmp_path / "shop.tar").exists()


def test_a_restore_that_is_killed_before_all_is_there_leaves_the_folder_empty(dump, elsewhere, monkeypatch):
    with monkeypatch.context() as armed, pytest.raises(Killed):
        killed_at("before_restored", armed)
        restored(dump, elsewhere)
    dumps.finish(elsewhere)
    assert contents(elsewhere) == {}
    assert tables.rows(restored(dump, elsewhere), EVENTS) == 3


def test_a_restore_that_is_killed_later_is_carried_to_its_end_by_whoever_comes_next(
    shop, dump, elsewhere, monkeypatch
):
    with monkeypatch.context() as armed, pytest.raises(Killed):
        killed_at("restored_before_moved", armed)
        restored(dump, elsewhere)
    assert not tables.exists(elsewhere, BATCHES)
    (elsewhere.data_dir / "inbox").mkdir()
    (elsewhere.data_dir / ".restored" / "events").rename(elsewhere.data_dir / "events")
    pipeline.recover(lambda: pytest.fail("no Spark is needed"), elsewhere)
    assert ledger.counts(elsewhere) == ledger.counts(shop) and waiting(elsewhere) == ["new.csv"]
    assert not (elsewhere.data_dir / ".restored").exists()


@pytest.fixture
def said(shop, tmp_path, monkeypatch):
    """Calls a verb on the shop, or with other settings; gives what became of it."""
    monkeypatch.chdir(tmp_path)

    def call_(*words, **settings):
        for name, value in ({"DATA_DIR": shop.data_dir, "ALGORITHM": "als"} | settings).items():
            monkeypatch.setenv(f"MILLSTREAM_{name}", str(value))
        return CliRunner().invoke(verbs.line(), list(words))

    return call_


def test_wrong_input_is_one_line_and_code_2(said, tmp_path, capsys):
    (tmp_path / "sales.csv").write_text("user,product\n")
    error = said("restore", "sales.csv", DATA_DIR="empty").exception
    with pytest.raises(SystemExit, match="2"):
        endings.leave(error)
    assert capsys.readouterr().err == "error: sales.csv is damaged: it was cut short, or never was a dump\n"
    assert not Path("empty").exists()


def test_the_verbs_say_what_they_kept_and_what_comes_next(said):
    done = said("dump", "shop.tar")
    assert done.exit_code == 0 and "3 events, 1 in quarantine, generation 2026" in done.stdout
    back = said("restore", "shop.tar", DATA_DIR="back", ALGORITHM="bm25")
    assert back.exit_code == 0 and "spark_app run` brings the results up to date" in back.stdout
    assert "MILLSTREAM_ALGORITHM was als when it was dumped, and is bm25 here\n" in back.stderr


def test_a_verb_is_refused_while_another_works_and_before_it_touches_anything(said, shop):
    with locks.held(shop, locks.TRAIN, "train"):
        assert "another train has this data folder" in str(said("dump", "shop.tar").exception)
    assert said("dump", "shop.tar").exit_code == 0
    for words in (["dump", "shop.tar"], ["restore", "shop.tar"]):
        assert isinstance(said(*words).exception, WrongDumpError)
    assert "nothing to dump" in str(said("dump", "none.tar", DATA_DIR="nowhere").exception)
    assert not Path("nowhere").exists()


@pytest.mark.whole
def test_what_is_trained_or_made_again_in_a_restored_folder_is_the_same_byte_for_byte(spark, tmp_path):
    settings, other = (settings_for(tmp_path / name, als={"factors": 8, "iterations": 3}) for name in ("one", "two"))
    inbox, copied = (one.data_dir / "inbox" for one in (settings, other))
    simulate(inbox, events=1500, users=60, products=40)
    ingestion.take_files(spark, settings, inbox)
    pipeline.refresh(spark, settings)
    dumps.write(settings, tmp_path / "shop.tar")
    restored(tmp_path / "shop.tar", other)
    shutil.copytree(inbox, copied)
    assert offered.waiting(other, copied).good == []
    assert ingestion.take_files(spark, other, copied).read == 0

    for one in (settings, other):
        # A comes before all others by its name, and after them by its id, which goes on from those in the dump.
        plain(one.data_dir / "inbox" / "two.csv", "A,b,1,2026-01-04", "U00001,b,1,2026-01-05", "zoe,a,1,2026-01-05")
        ingestion.take_files(spark, one, one.data_dir / "inbox")
        refreshed(spark, one)
    assert {row["user"]: int(row["userId"]) for row in rows(other.results_dir / "user_mappings.csv")}["A"] > 1
    for name in ("recommendations.csv", "user_mappings.csv", "product_mappings.csv", "edges.csv", "vertices.csv"):
        assert (settings.results_dir / name).read_bytes() == (other.results_dir / name).read_bytes(), name
    assert len(rows(other.results_dir / "recommendations.csv")) > 500
    # What came along is made again from the events that came along.
    came = generations.listed(other)[0]
    assert came.id in {one.id for one in generations.listed(settings)}
    assert pipeline.rebuild(spark, other, came)[1] == []
