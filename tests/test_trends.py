"""What is rising, found without Spark: planted risers, what only seems to rise, and independent counts."""

import json
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from sold import SCHEMA, Sold, planted, table

from spark_app.schemas import EVENT_WEIGHTS
from spark_app.storage.tables import DamagedError
from spark_app.timeline import activity, coded, event_files, recency, spans, trends

TURNING = recency.turning(EVENT_WEIGHTS)


def rises(found, kind="product", limit=20, last=None, **more):
    range_ = spans.asked(None, None, last, event_files.extent(found))
    return trends.of(activity.read(found, range_, TURNING), range_, kind, limit, **more)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    events, _ = planted()
    random.Random(1).shuffle(events)
    third = len(events) // 3
    return table(tmp_path_factory.mktemp("events"), events[:third], events[third : 2 * third], events[2 * third :])


def test_three_planted_risers_one_of_them_new_have_the_first_three_places(shop):
    found = rises(shop)
    assert [one.key for one in found[:3]] == planted()[1]
    assert found[2].growth_percent is None and found[2].total == found[2].users == 90
    assert not {"two", "hoard", "back", "away"} & {one.key for one in found}


def test_buckets_add_up_to_the_totals(shop):
    for one in rises(shop, limit=1000):
        assert sum(one.totals) == one.total and len(one.totals) == 7
        assert max(one.by_users) <= one.users <= sum(one.by_users)


def test_totals_are_the_events_that_count_whatever_their_order(shop):
    """The newest event is a few minutes old: the last seven days end a second behind it."""
    events, _ = planted()
    newest = min(one.days for one in events)
    late = [one for one in events if newest <= one.days < newest + 7 - 1 / 86_400]
    for found in rises(shop, limit=3):
        met = [one for one in late if one.product == found.key and one.quantity >= 0]
        assert (found.total, found.users) == (len(met), len({one.user for one in met}))


def test_the_newest_that_is_said_of_a_product_stands_whichever_file_has_it(tmp_path):
    new = [Sold(f"u{number}", "lamp", 1.0) for number in range(9)] + [Sold("x", "other", 40.0)] * 20
    old, late = ("Old", "light", "Lux"), ("New", None, "Lumo")
    found = table(tmp_path / "e", [Sold("a", "lamp", 20.0, said=late)], new, [Sold("b", "lamp", 30.0, said=old)])
    (lamp,) = rises(found)
    assert (lamp.label, lamp.category, lamp.brand) == ("New", "light", "Lumo")


def test_what_has_no_brand_or_category_only_misses_those_views(tmp_path):
    said = ("Lamp", None, "Lux")
    sold = [Sold(f"u{number}", product, 1.0, said=said if product == "lamp" else None)
            for number in range(9) for product in ("lamp", "chair")]  # fmt: skip
    found = table(tmp_path / "e", sold, [Sold("x", "other", 40.0)] * 20)
    assert [one.key for one in rises(found)] == ["chair", "lamp"]
    assert [(one.key, one.brand, one.users) for one in rises(found, "brand")] == [("Lux", "Lux", 9)]
    assert rises(found, "category") == []


def test_a_category_is_a_filter_before_the_ranking_and_leaves_scores_as_they_are(shop):
    whole = rises(shop, limit=1000)
    some = rises(shop, limit=1000, category=whole[0].category)
    assert [one[2:] for one in some] == [one[2:] for one in whole if one.category == whole[0].category]
    assert rises(shop, category="nothing") == [] == rises(shop, "brand", category="nothing")


def test_of_the_categories_that_rise_one_alone_is_listed(tmp_path):
    sold = [
        Sold(f"u{number}", product, 1.0, said=(product, category, None))
        for number in range(9) for product, category in (("lamp", "light"), ("chair", "seat"))
    ]  # fmt: skip
    found = table(tmp_path / "e", sold, [Sold("x", "other", 40.0)] * 20)
    assert [one.key for one in rises(found, "category")] == ["light", "seat"]
    assert [one.key for one in rises(found, "category", category="seat")] == ["seat"]


def test_files_are_read_once_for_what_they_say_of_products(shop, monkeypatch):
    range_, read, asked = spans.asked(None, None, "1d", event_files.extent(shop)), event_files.read, []
    monkeypatch.setattr(event_files, "read", lambda files, work: asked.append(files) or read(files, work))
    memory = {"gone": []}
    first, again = (activity.read(shop, range_, TURNING, memory) for _ in range(2))
    describing = [file for files in asked for file, columns in files.items() if "product_data.name" in columns]
    assert sorted(describing) == sorted(shop.file_uris()) == sorted(memory)
    assert trends.of(first, range_, "brand", 9) == trends.of(again, range_, "brand", 9)


def test_who_turned_is_not_read_of_files_outside_the_range(tmp_path, monkeypatch):
    said = ("Lamp", "light", "Lux")
    old, new = [Sold("x", "lamp", 90.0, said=said)] * 20, [Sold(f"u{number}", "lamp", 1.0) for number in range(9)]
    found, read, asked = table(tmp_path / "e", old, new), event_files.read, []
    monkeypatch.setattr(event_files, "read", lambda files, work: asked.append(files) or read(files, work))
    (lamp,) = rises(found, last="10d")
    assert (lamp.label, lamp.brand, lamp.users) == ("Lamp", "Lux", 9)
    columns = {file: columns for files in asked for file, columns in files.items()}
    assert len(columns) == 2 and sum("user" in one for one in columns.values()) == 1


def test_words_of_rows_that_do_not_count_are_not_kept():
    column = pa.array(["a", None, "b", "c", "d", "b"]).dictionary_encode()
    few, most, none = (coded.some(column, np.array(places, int)) for places in ([5, 1, 2], [4, 0, 3, 1], []))
    assert few.to_pylist() == ["b", None, "b"] and few.dictionary.to_pylist() == ["b"]
    assert most.to_pylist() == ["d", "a", "c", None] and most.dictionary.to_pylist() == ["a", "b", "c", "d"]
    assert none.to_pylist() == [] and none.dictionary.to_pylist() == []


def test_an_empty_table_has_no_extent(tmp_path):
    assert event_files.extent(table(tmp_path / "e", [])) is None


def test_a_table_without_statistics_of_its_files_is_read_all_the_same(tmp_path):
    sold = [Sold(f"u{number}", "lamp", number / 9) for number in range(9)] + [Sold("x", "old", 40.0)] * 20
    expected = rises(table(tmp_path / "e", sold))
    for entry in (tmp_path / "e" / "_delta_log").glob("*.json"):
        said = [json.loads(line) for line in entry.read_text().splitlines()]
        for one in said:
            one.get("add", {}).pop("stats", None)
        entry.write_text("\n".join(map(json.dumps, said)))
    bare = DeltaTable(tmp_path / "e")
    assert pa.table(bare.get_add_actions(flatten=True))["num_records"].null_count == 1
    assert rises(bare) == expected and expected
    assert event_files.number(bare, event_files.extent(bare)) == 29


def test_a_file_without_a_column_is_named_with_it(tmp_path):
    found = table(tmp_path / "e", [Sold("ann", "lamp", 1.0)])
    (file,) = found.file_uris()
    whole = pq.read_table(file)
    pq.write_table(whole.drop_columns(["quantity"]), file)
    with pytest.raises(DamagedError, match=rf"{Path(file).name} cannot be read: it has no column quantity"):
        rises(found)
    said = pa.array([{"name": "Lamp", "category": None}])
    pq.write_table(whole.set_column(whole.schema.get_field_index("product_data"), "product_data", said), file)
    with pytest.raises(DamagedError, match=r"it has no column product_data\.brand"):
        rises(found)


def test_november_in_online_retail_shows_its_christmas_goods_and_agrees_with_pandas(shared_data, tmp_path):
    files = sorted((shared_data / "online_retail").glob("*.csv.gz"))
    raw = pd.concat([pd.read_csv(file, dtype=str) for file in files], ignore_index=True)
    raw = raw[raw["CustomerID"].notna()].assign(at=pd.to_datetime(raw["InvoiceDate"]), n=raw["Quantity"].astype(float))
    sold = pd.DataFrame({"user": raw["CustomerID"], "product": raw["StockCode"], "quantity": raw["n"]})
    said = [{"name": name} for name in raw["Description"]]
    sold = sold.assign(event_type="purchase", occurred_at=raw["at"].dt.tz_localize("UTC"), product_data=said)
    write_deltalake(tmp_path / "e", pa.Table.from_pandas(sold, SCHEMA, preserve_index=False))
    found = DeltaTable(tmp_path / "e")
    range_ = spans.asked("2011-11-01", "2011-12-01", None, event_files.extent(found))
    best = trends.of(activity.read(found, range_, TURNING), range_, "product", 20)
    assert sum("CHRISTMAS" in one.label for one in best) >= 4
    counted = raw[(raw["n"] >= 0) & (raw["at"] >= "2011-11-01") & (raw["at"] < "2011-12-01")]
    for one in best:
        mine = counted[counted["StockCode"] == one.key]
        assert (one.total, one.users) == (len(mine), mine["CustomerID"].nunique())
        assert one.totals == [int((mine["at"].dt.day == day).sum()) for day in range(1, 31)]
