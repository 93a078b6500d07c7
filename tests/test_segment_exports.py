"""Kept segments as files: all sets of features together, sealed by segments.json, beside those of a generation."""

import json

import pytest
import segmented
from test_exports import names_in, read

from spark_app.cli import outcome
from spark_app.cohorts import segment_exports
from spark_app.storage import segment_files

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


def shown(settings):
    """Features -> the id of their segments, as segments.json says."""
    said = json.loads((settings.results_dir / "segments.json").read_text())
    return {features: summary["id"] for features, summary in said["features"].items()}


def damage(folder):
    (folder.path / "profiles.parquet" / "part-00000.parquet").unlink()


def test_what_a_killed_run_did_not_export_is_exported_later_without_what_is_damaged(spark, settings, capsys):
    """Segments that cannot be read take nothing away from what is shown, and others are written without them."""
    browsing = segmented.of(settings, features="browsing")
    outcome.beside(lambda: spark, settings)
    assert shown(settings) == {"browsing": browsing.id}
    outcome.beside(pytest.fail, settings)
    damage(browsing)
    outcome.beside(pytest.fail, settings)
    assert segment_exports.write(spark, settings) == {} and shown(settings) == {"browsing": browsing.id}
    behaviour = segmented.of(settings)
    outcome.beside(lambda: spark, settings)
    assert shown(settings) == {"behaviour": behaviour.id}
    said = " ".join(capsys.readouterr().err.split())
    assert "profiles.parquet cannot be read" in said and "segments --features browsing` makes them again" in said
    assert not [name for name in names_in(settings.results_dir) if name.startswith(".")]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"features": []}', '{"features": {"behaviour": 1}}'])
def test_results_that_say_nothing_of_segments_are_not_current_where_some_are_kept(settings, text):
    assert segment_exports.is_current(settings)
    segmented.of(settings)
    assert not segment_exports.is_current(settings)
    settings.results_dir.mkdir(parents=True)
    (settings.results_dir / "segments.json").write_text(text)
    assert not segment_exports.is_current(settings)
