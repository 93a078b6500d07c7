"""Kept segments: published whole or not at all, three of them, and found user by user without Spark."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest
import segmented

from spark_app.storage import by_user, segment_files, shelves
from spark_app.storage.by_user import ByUser
from spark_app.storage.segment_files import Folder
from spark_app.storage.tables import DamagedError

ROOT = Path(__file__).parent.parent


def test_before_the_first_there_is_none(settings):
    assert segment_files.latest(settings, "behaviour") is None
    assert segment_files.intact(settings, pytest.fail) == [] and segment_files.newest([]) is None


def test_what_is_written_is_seen_once_it_is_published(settings):
    folder = segment_files.new(settings, "browsing")
    shelves.write_rows(folder, segment_files.SEGMENTS, segmented.rows(segmented.planted(10)))
    assert segment_files.latest(settings, "browsing") is None
    segment_files.publish(folder, {"segments": {}, "k": 4})
    found = segment_files.latest(settings, "browsing")
    assert found == folder and segment_files.latest(settings, "behaviour") is None
    assert found.summary | {"made_at": ""} == {
        "id": folder.id, "features": "browsing", "made_at": "", "segments": {}, "k": 4
    }  # fmt: skip


def test_the_newest_of_each_set_of_features_is_found(settings):
    factors, old, new = (segmented.of(settings, features=name) for name in ("factors", "behaviour", "behaviour"))
    found = segment_files.intact(settings, pytest.fail)
    assert [(folder.features, folder.id) for folder in found] == [("behaviour", new.id), ("factors", factors.id)]
    assert {old.id, new.id} == {folder.id for folder in segment_files.listed(settings, "behaviour")}


@pytest.mark.parametrize("damage", [segmented.gone, *segmented.DAMAGES])
def test_where_the_last_ones_are_damaged_the_newest_before_that_can_be_read_are_told_and_taken(settings, damage):
    told = []
    _, good, broken, named = (segmented.of(settings) for _ in range(4))
    assert segment_files.last_intact(settings, "behaviour", told.append) == named and told == []
    segmented.cut_part(broken)
    damage(named)
    assert segment_files.last_intact(settings, "behaviour", told.append) == good
    assert len(told) == 1 and f"their numbers go on from {good.id}" in told[0]


def test_where_all_are_damaged_there_is_nothing_to_go_on_from(settings):
    told = []
    assert segment_files.last_intact(settings, "behaviour", told.append) is None and told == []
    segmented.cut_summary(segmented.of(settings))
    assert segment_files.last_intact(settings, "behaviour", told.append) is None
    assert len(told) == 1 and "their numbers go on from nothing" in told[0]


def test_three_are_kept_and_what_a_crash_left_goes_with_the_next(settings):
    made = []
    for second in range(5):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
        left = segment_files.new(settings, "behaviour", at)
        folder = segment_files.new(settings, "behaviour", at)
        assert not left.path.exists()
        segment_files.publish(folder, {"segments": {}})
        made.append(folder.id)
    assert [folder.id for folder in segment_files.listed(settings, "behaviour")] == made[-3:]
    assert segment_files.latest(settings, "behaviour").id == made[-1]


def test_what_latest_names_stays_however_old_it_is_by_its_name(settings):
    for year in (2026, 2027, 2028, 2020):
        folder = segment_files.new(settings, "behaviour", datetime(year, 1, 1, tzinfo=UTC))
        segment_files.publish(folder, {"segments": {}})
    assert segment_files.latest(settings, "behaviour") == folder
    assert len(segment_files.listed(settings, "behaviour")) == 4


def test_a_kill_before_the_pointer_moves_leaves_the_last_one(settings):
    first = segmented.of(settings)
    program = (
        "from spark_app.running import failpoints; from spark_app.storage import segment_files; "
        "from spark_app.settings import Settings; "
        f"s = Settings(data_dir={str(settings.data_dir)!r}, under_test=True, failpoint='between_files_and_pointer:1'); "
        "failpoints.arm(s); segment_files.publish(segment_files.new(s, 'behaviour'), {'segments': {}})"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == -9
    assert segment_files.latest(settings, "behaviour") == first
    assert segmented.of(settings) == segment_files.latest(settings, "behaviour")


def test_a_number_that_json_has_not_is_refused_and_the_last_one_stays(settings):
    first = segmented.of(settings)
    with pytest.raises(ValueError):
        segmented.of(settings, agreement=float("nan"))
    assert segment_files.latest(settings, "behaviour") == first


def test_a_user_is_looked_up_by_each_method(settings):
    folder = segmented.of(settings, {"ann": 1, "bob": 1, "Å": 2}, {"ann": 1, "bob": 2, "Å": 2})
    found = segment_files.looked_up(folder)
    assert {row["method"]: row["segment"] for row in found.of("bob")} == {"kmeans": 1, "agglomerative": 2}
    assert {row["segment"] for row in found.of("Å")} == {2}
    assert [found.of(name) for name in ("", "a", "bo", "bobb", "\ud800", "zed")] == [[]] * 6


def test_columns_and_rows_of_a_table_are_read(settings):
    folder = segmented.of(settings)
    found = shelves.table(folder, segment_files.SEGMENTS, ["user"], pc.field("method") == "kmeans")
    assert found.to_pydict() == {"user": ["ann", "bob", "cid"]}
    assert shelves.table(folder, segment_files.STRATEGIES)["top_products"][0].as_py() == ["P1", "P9"]


def test_every_user_is_found_in_many_batches_whose_order_is_mended(tmp_path, monkeypatch):
    monkeypatch.setattr(by_user, "_AT_ONCE", 7)
    names = [f"user {place // 3}" for place in np.random.default_rng(1).permutation(300)]
    table = pa.table({"user": names, "place": range(300)})
    for number, given in enumerate((table, table.sort_by("user"))):
        by_user.write(ds.dataset(given), tmp_path / f"{number}.arrow")
        found = ByUser(tmp_path / f"{number}.arrow")
        assert len(found) == 300
        for name in {*names}:
            assert {row["place"] for row in found.of(name)} == {at for at, one in enumerate(names) if one == name}


def test_a_table_without_rows_has_nobody(tmp_path):
    by_user.write(ds.dataset(pa.table({"user": pa.array([], pa.string())})), tmp_path / "none.arrow")
    assert len(ByUser(tmp_path / "none.arrow")) == 0 and ByUser(tmp_path / "none.arrow").of("ann") == []


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


@pytest.mark.parametrize(
    ("damage", "reading", "said"),
    [
        (lambda path: (path.parent / "LATEST").write_text("other"), Folder._asdict, "names 'other'"),
        (lambda path: (path / "summary.json").unlink(), Folder._asdict, "which is not there"),
        (lambda path: _cut(path / "summary.json"), lambda folder: folder.summary, "summary.json cannot be read"),
        (
            lambda path: (path / "summary.json").write_text("[]"),
            lambda folder: folder.summary,
            "it says nothing of segments",
        ),
        (
            lambda path: _cut(path / "tops.parquet" / "part-00000.parquet"),
            lambda folder: shelves.table(folder, segment_files.TOPS),
            "tops.parquet cannot be read",
        ),
        (
            lambda path: (path / "tops.parquet" / "part-00000.parquet").unlink(),
            lambda folder: shelves.table(folder, segment_files.TOPS),
            "it has no parts",
        ),
        (
            lambda path: _cut(path / "segments.arrow"),
            lambda folder: segment_files.looked_up(folder),
            "segments.arrow cannot be read",
        ),
        (
            lambda path: (path / "segments.arrow").unlink(),
            lambda folder: segment_files.looked_up(folder),
            "segments --features behaviour",
        ),
    ],
)
def test_damage_is_said_in_words(settings, damage, reading, said):
    damage(segmented.of(settings).path)
    with pytest.raises(DamagedError, match=said):
        reading(segment_files.latest(settings, "behaviour"))


def test_the_made_up_summary_has_what_the_page_and_the_pictures_read(settings):
    found = segmented.keep(settings, segmented.planted(300)).summary
    assert json.dumps(found, allow_nan=False)
    assert found["k"] == 4 and len(found["dendrogram"]["leaves"]) == 30 and len(found["dendrogram"]["merges"]) == 29
    assert found["dendrogram"]["merges"][-1][3] == sum(found["dendrogram"]["leaves"]) == 300
