"""What all users turned to last, found without Spark: as recency.py has it of each, and as a file."""

import random
from datetime import timedelta

import pytest
from conftest import settings_for
from sold import UNTIL, Sold, table, without
from test_cli import call
from test_trending import SparkIsAskedForError, no_spark

from spark_app import personal
from spark_app.schemas import EVENT_WEIGHTS
from spark_app.storage import tables
from spark_app.timeline import event_files, looked, recency, spans
from spark_app.timeline.recency import Look

TURNING = recency.turning(EVENT_WEIGHTS)
BRANDS = [f"B{number}" for number in range(6)]


def lists(found, kind="brand", n=50):
    """User -> looks in order of rank."""
    told = {}
    for row in looked.last(looked.read(found, TURNING), kind, n).to_pylist():
        look = Look(row["product"], row["brand"], spans.micros(row["last_event_at"]))
        mine = told.setdefault(row["user"], [])
        assert row["rank"] == len(mine) + 1
        mine.append(look)
    return told


def shuffled(seed=5, number=3_000):
    """Events of few days, so that many are of one time; a product has one brand, said now and then, or none."""
    drawn = random.Random(seed)
    brand = {f"P{place:02d}": BRANDS[place % 6] if place % 7 else None for place in range(40)}
    return [
        Sold(
            f"U{int(20 * drawn.random() ** 3):02d}", product, float(drawn.randrange(9)),
            drawn.choice(["view", "purchase", "cart", "dislike", "remove_from_cart"]), drawn.choice([1.0, 2.0, -1.0]),
            drawn.choice([None, (None, None, brand[product])]),
        )
        for product in drawn.choices(sorted(brand), k=number)
    ], brand  # fmt: skip


@pytest.mark.parametrize(("kind", "n"), [("brand", 50), ("brand", 3), ("product", 50), ("product", 2)])
def test_each_user_is_told_what_the_definition_says(tmp_path, kind, n):
    events, brand = shuffled()
    found = table(tmp_path / "e", events[:700], events[700:2000], events[2000:])
    looks = {}
    for one in events:
        if one.kind in TURNING and one.quantity > 0:
            look = Look(one.product, brand[one.product], spans.micros(UNTIL - timedelta(days=one.days)))
            looks.setdefault(one.user, []).append(look)
    expected = {user: recency.last(sorted(mine, key=recency.order), kind, n) for user, mine in sorted(looks.items())}
    told = lists(found, kind, n)
    assert told == expected and list(told) == list(expected) and len(told) > 15


def test_a_brand_that_changed_takes_its_past_along_whichever_file_says_so(tmp_path):
    said = [(None, None, "New"), (None, None, "Old")]
    found = table(
        tmp_path / "e", [Sold("ann", "lamp", 3.0)], [Sold("bob", "lamp", 1.0, said=said[0])],
        [Sold("cem", "lamp", 2.0, "dislike", said=said[1])],
    )  # fmt: skip
    assert {user: one[0].brand for user, one in lists(found).items()} == {"ann": "New", "bob": "New"}


def test_nothing_is_told_of_nothing(tmp_path):
    assert lists(table(tmp_path / "e", [])) == {}
    assert lists(table(tmp_path / "f", [Sold("ann", "lamp", 1.0)])) == {}
    assert len(lists(table(tmp_path / "g", [Sold("ann", None, 1.0, "post"), Sold("ann", "lamp", 1.0)]), "product")) == 1


def test_the_file_has_a_header_is_in_order_and_what_a_spreadsheet_would_run_is_guarded(tmp_path):
    settings = settings_for(tmp_path)
    sold = [
        Sold("bob", "lamp", 1.5, said=(None, None, "=Lux")), Sold("ann", "bed", 2.0, said=(None, None, "Oak, old")),
        Sold("ann", "lamp", 3.0), Sold("ann", "nail", 0.0),
    ]  # fmt: skip
    table(tables.path(settings, tables.EVENTS), sold)
    assert personal.write_recent(no_spark, settings, "brand", 50) == (settings.results_dir / "recent_brands.csv", 3)
    assert (settings.results_dir / "recent_brands.csv").read_bytes().decode().split("\r\n") == [
        "user,rank,brand,product,last_event_at",
        'ann,1,"Oak, old",bed,2026-10-29T00:00:00Z',
        "ann,2,'=Lux,lamp,2026-10-28T00:00:00Z",
        "bob,1,'=Lux,lamp,2026-10-29T12:00:00Z",
        "",
    ]
    personal.write_recent(no_spark, settings, "product", 1)
    assert "ann,1,,nail,2026-10-31T00:00:00Z" in (settings.results_dir / "recent_products.csv").read_text()


def test_spark_reads_what_one_process_should_not(tmp_path, monkeypatch):
    settings = settings_for(tmp_path)
    table(tables.path(settings, tables.EVENTS), [Sold("ann", "lamp", 1.0)] * 3)
    monkeypatch.setattr(event_files, "ALONE", 2)
    with pytest.raises(SparkIsAskedForError):
        personal.write_recent(no_spark, settings, "brand", 50)


def test_beside_retention_they_are_read_again(tmp_path, monkeypatch):
    settings = settings_for(tmp_path)
    events = tables.path(settings, tables.EVENTS)
    table(events, [Sold("ann", "lamp", 1.0), Sold("gone", "lamp", 2.0)])
    read, removed = looked.read, []

    def removing(found, turning):
        """Before it is read, once."""
        removed.append(without(events, "gone" if not removed else "nobody"))
        return read(found, turning)

    monkeypatch.setattr(looked, "read", removing)
    assert personal.write_recent(no_spark, settings, "product", 50)[1] == 1 and len(removed) == 2


def test_a_shop_without_brands_is_told_where_to_look(tmp_path):
    settings = settings_for(tmp_path)
    table(tables.path(settings, tables.EVENTS), [Sold("ann", "lamp", 1.0)])
    home = {"MILLSTREAM_DATA_DIR": str(settings.data_dir), "MILLSTREAM_RESULTS_DIR": str(settings.results_dir)}
    done = call(tmp_path, "recent", **home)
    assert done.returncode == 0, done.stderr
    assert "no product that somebody turned to has a brand: `recent --kind product`" in done.stdout
    assert "start" not in done.stdout
    assert (settings.results_dir / "recent_brands.csv").read_text() == "user,rank,brand,product,last_event_at\n"
