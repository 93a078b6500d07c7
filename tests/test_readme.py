"""What the README says is there: commands, verbs, settings, files and columns."""

import re
import subprocess
from pathlib import Path

import pytest

from kafka_producer.__main__ import app as producer
from spark_app import settings
from spark_app.cli import verbs as verbs_

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_two_commands_open_it():
    first_block = README.split("```")[1]
    assert [line.split("#")[0].strip() for line in first_block.strip().splitlines()] == ["make run", "make test"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_it_names_is_there(page):
    spoken = re.findall(r"(?:`|^ {4})make ([a-z]+)\b", page.read_text(), re.M)
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{target}:", makefile, re.M) for target in spoken)


TARGETS = [
    "run", "serve", "web", "kafka", "mlflow", "airflow", "test", "test-long", "test-browser", "test-whole", "lint",
    "test-all", "bench", "reset", "help",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_make_knows_what_each_target_would_do(target):
    planned = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert planned.returncode == 0, planned.stderr


def test_every_verb_of_the_table_is_a_command():
    cells = re.findall(r"^\| (`.+?`) \|", README, re.M)
    verbs = {name.split()[0] for cell in cells for name in re.findall("`([^`]+)`", cell)} - {"make", "python"}
    assert verbs and verbs <= verbs_of(verbs_.line())


@pytest.mark.parametrize(("program", "known"), [("spark_app", verbs_.line()), ("kafka_producer", producer)])
def test_every_command_line_has_a_verb_of_its_program(program, known):
    for page in PAGES:
        spoken = re.findall(rf"python -m {program} ([a-z]+)", page.read_text())
        assert set(spoken) <= verbs_of(known), page.name


def verbs_of(program):
    names = {command.name or command.callback.__name__ for command in program.registered_commands}
    return names | {group.name for group in program.registered_groups}


def test_every_setting_it_names_is_one(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    known = {row[0] for row in settings.listed(settings.load())}
    for page in PAGES:
        named = set(re.findall(r"MILLSTREAM_[A-Z0-9_]*[A-Z0-9]", page.read_text()))
        assert named <= known, page.name


def test_every_file_it_links_to_is_there():
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
