"""The command line, without Spark: what each verb says, and its exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SMALL_SPARK
from typer.main import get_command
from typer.testing import CliRunner

from spark_app.cli import verbs

ROOT = Path(__file__).parent.parent
VERBS = (
    "run", "ingest", "train", "evaluate", "recommend", "export", "draw", "graph", "generations", "quarantine",
    "status", "settings", "doctor", "retention", "tune", "explain", "serve", "web", "segments", "interests",
    "dump", "restore", "forget",
)  # fmt: skip


def call(folder, *arguments, **settings):
    """Run a verb in an empty folder; gives the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "spark_app", *map(str, arguments)],
        cwd=folder, env=environment(**settings), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def environment(**settings):
    """That of a process of ours: this one's without its settings, a small Spark, and the settings given."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")}
    spark = {f"MILLSTREAM_SPARK__{name.upper()}": str(value) for name, value in SMALL_SPARK.items()}
    return given | {"PYTHONPATH": str(ROOT)} | spark | {"MILLSTREAM_ALGORITHM": "als"} | settings


def test_every_verb_has_a_help_text_with_an_example():
    def helped(*words):
        return CliRunner().invoke(verbs.line(), [*words, "--help"], env={"COLUMNS": "200"})

    listed = helped().stdout
    assert all(verb in listed for verb in VERBS)
    groups = {
        "generations": ("list", "show", "promote", "rollback", "rebuild"),
        "quarantine": ("list", "show", "replay"),
    }
    for verb in VERBS:
        for words in [(verb, inner) for inner in groups.get(verb, ())] or [(verb,)]:
            found = helped(*words)
            assert found.exit_code == 0
            assert "Example: " in found.stdout, words


@pytest.mark.parametrize("room", verbs.ROOMS)
def test_a_room_has_the_verbs_that_are_looked_for_there(room):
    alone = get_command(verbs.line(verbs.ROOMS[room][0])).commands
    assert tuple(alone) == verbs.ROOMS[room]


@pytest.mark.parametrize("verb", ["recommend ann", "graph", "generations show"])
def test_before_the_first_generation_a_verb_says_what_comes_first(tmp_path, verb):
    found = call(tmp_path, *verb.split())
    assert (found.returncode, "Traceback" in found.stderr) == (3, False)
    assert "nothing is published yet" in found.stdout


def test_training_below_the_threshold_is_code_3_with_three_ways_on(tmp_path):
    found = call(tmp_path, "train")
    assert found.returncode == 3
    assert "0 of 1,000 new events" in found.stdout
    assert all(way in found.stdout for way in ("more data", "MILLSTREAM_TRAIN_THRESHOLD", "--now"))


def test_status_is_json_when_asked_for(tmp_path):
    found = json.loads(call(tmp_path, "status", "--json").stdout)
    assert (found["read"], found["missing"], found["published"]) == (0, 1000, None)


@pytest.mark.parametrize("verb", ["status", "quarantine list", "generations list", "quarantine show"])
def test_an_empty_data_folder_is_no_error(tmp_path, verb):
    assert call(tmp_path, *verb.split()).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        (["frobnicate"], {}, 2, "No such command"),
        (["recommend"], {}, 2, "Missing argument"),
        (["status"], {"MILLSTREAM_TOP_N": "-1"}, 2, "MILLSTREAM_TOP_N=-1"),
        (["settings", "colour"], {}, 2, "MILLSTREAM_COLOUR is not a setting"),
        (["run", "--source", "pigeon"], {}, 2, "'files' or 'kafka'"),
        (["run", "--input", "nowhere.csv"], {}, 1, "nowhere.csv does not exist"),
        (["ingest", "--dry-run", "nowhere.csv"], {}, 1, "nowhere.csv does not exist"),
        (["generations", "show", "nope"], {}, 1, "no generation 'nope'"),
        (["train", "--now", "--follow"], {}, 2, "does not go with"),
        (["train", "--force", "--follow"], {}, 2, "--force does not go with --follow"),
        (["train", "--now"], {"MILLSTREAM_ALGORITHM": "magic"}, 2, "MILLSTREAM_ALGORITHM=magic"),
        (["evaluate"], {"MILLSTREAM_RULES_FILE": "no.toml"}, 2, "no.toml"),
        (["train"], {"MILLSTREAM_ALGORITHM": "ratings"}, 2, "MILLSTREAM_FEEDBACK=explicit alone"),
        (["run"], {"MILLSTREAM_RULES_FILE": "no.toml"}, 2, "no.toml"),
        (["tune", "--minutes", "0"], {}, 2, "--minutes"),
        (["tune"], {}, 3, "no events to tune on"),
        (["explain", "ann"], {}, 2, "Missing argument"),
        (["explain", "ann", "lamp"], {}, 3, "nothing is published yet"),
        (["export"], {}, 3, "nothing is published yet"),
        (["generations", "rollback"], {}, 3, "nothing is published yet"),
        (["generations", "promote"], {}, 1, "no sound generation yet"),
        (["generations", "rebuild", "nothing"], {}, 1, "no generation 'nothing'"),
        (["quarantine", "replay", "--reason", "ugly"], {}, 2, "is no reason"),
        (["draw"], {}, 1, "results"),
        (["serve", "--port", "99999"], {}, 2, "--port"),
        (["serve", "--host", "0.0.0.0"], {}, 2, "set MILLSTREAM_SERVE__READ_KEY"),
        (["serve"], {"MILLSTREAM_SERVE__ORIGINS": "shop.example"}, 2, "'shop.example' is not an origin"),
        (["status"], {"MILLSTREAM_FAILPOINT": "nowhere:1", "MILLSTREAM_UNDER_TEST": "true"}, 0, ""),
        (["run"], {"MILLSTREAM_FAILPOINT": "nowhere:1", "MILLSTREAM_UNDER_TEST": "true"}, 2, "nowhere:1"),
    ],
)
def test_a_wrong_call_is_one_clear_line_and_the_right_code(tmp_path, arguments, environment, code, words):
    found = call(tmp_path, *arguments, **environment)
    assert found.returncode == code
    said = found.stderr + found.stdout
    assert words in said and "Traceback" not in said


def test_settings_name_where_each_value_comes_from(tmp_path):
    found = call(tmp_path, "settings", MILLSTREAM_SEED="11").stdout
    line = next(line for line in found.splitlines() if "MILLSTREAM_SEED" in line)
    assert "11" in line and "environment" in line
    assert call(tmp_path, "settings", "seed", MILLSTREAM_SEED="11").stdout == "11\n"


def test_the_doctor_finds_this_machine_well(tmp_path):
    found = call(tmp_path, "doctor", "--quick")
    assert found.returncode == 0
    assert all(line.startswith("ok") for line in found.stdout.splitlines())


def test_the_doctor_says_what_to_do_about_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "data").write_text("a file where a folder should be")
    found = call(tmp_path, "doctor", "--quick")
    assert found.returncode == 1
    assert "FAIL data folder" in found.stdout and "make data writable" in found.stdout


def test_a_java_of_the_wrong_version_is_named(monkeypatch, tmp_path):
    from spark_app.running import java

    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    program.chmod(0o755)
    monkeypatch.setattr(java, "_candidates", lambda: iter([tmp_path]))
    with pytest.raises(java.NoJavaError, match=r"is Java 11.*openjdk-17-jre-headless"):
        java.home()


def test_a_data_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "data").write_text("a file where a folder should be")
    found = call(tmp_path, "run")
    assert found.returncode == 1
    assert "Traceback" not in found.stderr and "data" in found.stderr
