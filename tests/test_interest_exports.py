"""Kept interests as files of the results: replaced together, once, and left whole where what is kept is damaged."""

import csv
import json

import interested
import pytest

from spark_app.cli import outcome
from spark_app.cohorts import interest_exports
from spark_app.storage import interest_files


def read(path):
    with path.open(newline="") as file:
        return [*csv.reader(file)]


def test_users_groups_and_what_is_said_of_them_are_written(spark, settings):
    users = [
        {"user": "=ann", "group": 2, "nearest": 2, "confidence": 0.75, "x": 1.0, "y": -0.5, "posts": 3},
        {"user": "bob", "group": None, "nearest": 1, "confidence": 0.4, "x": 0.0, "y": 0.0, "posts": 1},
    ]
    folder = interested.keep(settings, users)
    assert interest_exports.write(spark, settings) == {"interests.csv": 2, "interest_groups.csv": 1}
    header, *rows = read(settings.results_dir / "interests.csv")
    assert header == ["user", "group", "nearest", "confidence", "x", "y", "posts"]
    assert rows == [["'=ann", "2", "2", "0.75", "1", "-0.5", "3"], ["bob", "", "1", "0.4", "0", "0", "1"]]
    header, row = read(settings.results_dir / "interest_groups.csv")
    assert header == ["group", "label", "size", "share", "keywords", "top_products", "strategy"]
    words = ["seeds", "rose", "compost", "bloom"]
    assert row[:4] == ["2", "seeds, rose, compost", "1", "0.5"]
    assert [json.loads(cell) for cell in row[4:6]] == [words, ["p2"]] and row[6] == "Speak of seeds."
    assert json.loads((settings.results_dir / "interests.json").read_text()) == folder.summary


def test_what_a_killed_run_did_not_export_is_exported_later_unless_it_is_damaged(spark, settings, capsys):
    outcome.beside(pytest.fail, settings)
    first = interested.keep(settings, interested.rows(6, none=0))
    outcome.beside(lambda: spark, settings)
    shown = settings.results_dir / "interests.json"
    assert json.loads(shown.read_text())["id"] == first.id
    outcome.beside(pytest.fail, settings)
    second = interested.keep(settings, interested.rows(6, none=0))
    (second.path / interest_files.USERS / "part-00000.parquet").write_bytes(b"half")
    outcome.beside(pytest.fail, settings)
    assert interest_exports.write(spark, settings) == {}
    assert json.loads(shown.read_text())["id"] == first.id
    said = " ".join(capsys.readouterr().err.split())
    assert "users.parquet cannot be read" in said and "`python -m spark_app interests` makes them again" in said
