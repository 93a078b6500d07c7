"""Kept segments as files: all sets of features together, sealed by segments.json, beside those of a generation."""

import json

import pytest
import segmented
from test_exports import names_in, read

from spark_app import segment_exports, segment_files
from spark_app.tables import DamagedError

FILES = [f"{name}.csv" for name in ("segment_profiles", "segment_strategies", "segments")]
FILES += ["user_communities.csv", "user_similarity.csv"]


def test_without_kept_segments_nothing_is_written(spark, settings):
    assert segment_exports.write(spark, settings) == {}
    assert not settings.results_dir.exists()


def test_all_sets_of_features_are_written_whole_and_others_stay(spark, settings):
    segmented.of(settings, {"=ann": 1, "bob": 2}, features="factors")
    segmented.of(settings, {"cid": 1, "bob": 1, "=ann": 2})
    settings.results_dir.mkdir(parents=True)
    (settings.results_dir / "metrics.json").write_text("of a generation")
    rows = segment_exports.write(spark, settings)
    assert names_in(settings.results_dir) == sorted([*FILES, "metrics.json", "segments.json"])
    assert rows == {name: len(read(settings.results_dir / name)) - 1 for name in FILES}
    header, *found = read(settings.results_dir / "segments.csv")
    assert ",".join(header) == "user,features,method,segment,x,y,distance"
    assert [row[:4] for row in found[:4]] == [
        ["=ann", "behaviour", "agglomerative", "2"], ["=ann", "behaviour", "kmeans", "2"],
        ["=ann", "factors", "agglomerative", "1"], ["=ann", "factors", "kmeans", "1"],
    ]  # fmt: skip
    _, *strategies = read(settings.results_dir / "segment_strategies.csv")
    assert strategies[0] == ["behaviour", "agglomerative", "1", "Reward them", '["P1","P9"]']
    header, *profiles = read(settings.results_dir / "segment_profiles.csv")
    assert ",".join(header) == "features,method,segment,label,size,share,feature,mean,overall_mean,lift"
    assert profiles[0][:4] == ["behaviour", "agglomerative", "1", "Buys often"] and profiles[0][6] == "money"
    # Of the set that was made last, the most similar first.
    _, *similar = read(settings.results_dir / "user_similarity.csv")
    assert similar == [["=ann", "bob", "0.9"], ["bob", "cid", "0.9"], ["bob", "=ann", "0.8"], ["cid", "bob", "0.8"]]
    assert read(settings.results_dir / "user_communities.csv")[1] == ["=ann", "1", "2"]
    told = json.loads((settings.results_dir / "segments.json").read_text())
    assert told["latest"] == "behaviour" and [*told["features"]] == ["behaviour", "factors"]
    assert told["features"]["behaviour"] == segment_files.latest(settings, "behaviour").summary


def test_what_is_damaged_is_named_and_the_old_files_stay(spark, settings):
    folder = segmented.of(settings)
    segment_exports.write(spark, settings)
    before = (settings.results_dir / "segments.json").read_bytes()
    (folder.path / "profiles.parquet" / "part-00000.parquet").unlink()
    with pytest.raises(DamagedError, match=r"profiles\.parquet cannot be read"):
        segment_exports.write(spark, settings)
    assert (settings.results_dir / "segments.json").read_bytes() == before
    assert not [name for name in names_in(settings.results_dir) if name.startswith(".")]
