"""What the README is: the two commands, a table of all verbs, and short enough for five minutes; what make knows."""

import re
import subprocess

import pytest
from spoken import PAGES, ROOT, text_of
from taken import PROGRAMS, leaves

README = text_of(ROOT / "README.md")
MOST_LINES = 200


def test_the_two_commands_open_it():
    first_block = README.split("```")[1]
    assert [line.split("#")[0].strip() for line in first_block.strip().splitlines()] == ["make run", "make test"]


def test_it_is_short_enough_to_be_read_at_once():
    assert len(README.splitlines()) <= MOST_LINES


def test_every_page_is_reached_from_it():
    pages = {page.name for page in PAGES if page.parent.name == "docs"}
    assert pages == set(re.findall(r"\(docs/([\w-]+\.md)(?:#[\w-]+)?\)", README))


def test_the_table_of_verbs_holds_each_of_them_and_no_other():
    """In the first cell of a row, such as `recommend USER`, or `generations list`, `generations show`."""
    cells = re.findall(r"^\| (`.+?`) \| ", README, re.M)
    told = {re.sub(r" [A-Z ]+$", "", name) for cell in cells for name in re.findall("`([^`]+)`", cell)}
    assert told == {" ".join(path) for path, _ in leaves(PROGRAMS["python", "-m", "spark_app"])}


TARGETS = [
    "run", "serve", "web", "kafka", "mlflow", "airflow", "test", "test-long", "test-browser", "test-whole", "lint",
    "test-all", "bench", "reset", "help",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_make_knows_what_each_target_would_do(target):
    planned = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert planned.returncode == 0, planned.stderr
