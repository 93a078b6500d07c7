"""What is rising is found beside the others who write results; writing and drawing wait for their turn."""

import pytest
from conftest import settings_for
from sold import Sold, table

from spark_app import generations, lately, locks, personal, pipeline
from spark_app.cli import endless, outcome
from spark_app.storage import tables
from spark_app.timeline import activity


@pytest.fixture
def shop(tmp_path):
    """Settings of a shop that has published nothing."""
    settings = settings_for(tmp_path)
    table(tables.path(settings, tables.EVENTS), [Sold(f"U{number}", "lamp", 1.0) for number in range(6)])
    return settings


def no_spark():
    raise AssertionError("Spark was started")


def holders(monkeypatch, settings, room, name):
    """Who holds the results at each call of a function from now on."""
    found, called = [], getattr(room, name)

    def noting(*words, **more):
        found.append(locks.holder(settings, locks.RESULTS))
        return called(*words, **more)

    monkeypatch.setattr(room, name, noting)
    return found


def test_what_rises_is_found_while_others_may_write_results_and_written_when_they_may_not(shop, monkeypatch):
    reading, writing = holders(monkeypatch, shop, activity, "read"), holders(monkeypatch, shop, lately, "write")
    outcome.trending(no_spark, shop)
    assert reading == [None] and [holder.verb for holder in writing] == ["trending"]
    assert lately.is_current(shop)


def test_an_export_finds_what_rises_before_it_keeps_others_waiting(shop, monkeypatch):
    reading = holders(monkeypatch, shop, activity, "read")
    with pytest.raises(generations.NoGenerationError):
        outcome.export(None, shop)
    assert reading == [None]


def test_what_an_export_says_of_an_older_table_is_not_current(shop, monkeypatch):
    """The files of a generation that has no tables: what rises for its users stands there already."""
    monkeypatch.setattr(pipeline, "_EXPORTED", {})
    monkeypatch.setattr(personal, "csvs", lambda *_: [])
    made = generations.new(shop)
    generations.finish(made, {"generation": made.id, "published": True}, {"rmse": "1.0"})
    shop.results_dir.mkdir()
    (shop.results_dir / personal.MATCHES).touch()
    late = lately.Late(no_spark, shop)
    late.prepare()
    pipeline.export(None, shop, made, late)
    assert lately.is_current(shop, personal.MATCHES)
    table(tables.path(shop, tables.EVENTS), [Sold("ann", "lamp", 1.0)])
    pipeline.export(None, shop, made, late)
    assert not lately.is_current(shop, personal.MATCHES)


def test_nobody_replaces_results_while_they_are_drawn_and_the_first_trends_need_no_publication(shop, monkeypatch):
    drawing = holders(monkeypatch, shop, pipeline, "draw")
    endless._renew(None, shop)
    assert [holder.verb for holder in drawing] == ["draw"]
    assert (shop.results_dir / lately.TRENDING).exists() and (shop.results_dir / pipeline.TRENDING_PICTURE).exists()
    endless._renew(None, shop)
    assert len(drawing) == 1
