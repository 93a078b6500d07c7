"""What README.md and docs/ name is there: commands, verbs, options, settings, routes, files, tests, places to go to."""

import ast
import json
import re
import tomllib
from contextlib import suppress
from functools import cache

import pytest
import spoken
import taken
from spoken import PAGES, ROOT
from taken import PROGRAMS, leaves
from test_walk import BY_A_TEST, NOT_RUN, is_run
from typer._click.exceptions import MissingParameter

from spark_app import shop_rules
from spark_app.layouts import KNOWN
from spark_app.rules import REASONS
from spark_app.schemas import EVENT_WEIGHTS

OURS = r"spark_app|kafka_producer|pictures|tests|benchmarks|dags|docs|notebooks|deploy|\.ci"
FILE = re.compile(rf"(?:{OURS})/[\w./-]*|requirements[\w-]*\.txt|Dockerfile|docker-compose\.yml|visualize_graph\.py")
MODULE = re.compile(r"(?:\w+/)*\w+\.py(?:::(\w+))?")


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch, tmp_path):
    """No .env of whoever runs the tests is read."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=PAGES, ids=lambda page: page.stem)
def page(request):
    return request.param


def named(line):
    return f"{line.page}: {line.text}"


@pytest.mark.parametrize("line", spoken.commands(), ids=named)
def test_each_program_of_a_command_takes_it(line, monkeypatch):
    steps = list(spoken.steps(line.text))
    assert steps
    for step in steps:
        taken.take(step, monkeypatch)


WRONG = [
    "python -m spark_app run --bogus",
    "python -m spark_app generations lst",
    "MILLSTREAM_TOP_M=3 python -m spark_app run",
    "MILLSTREAM_TOP_N=x python -m spark_app run",
    "python -m kafka_producer simulate --evnts 3",
    "python visualize_graph.py --htm2",
    "python -m benchmarks.topn --userz 3",
    "python -m benchmarks.nothing",
    "make nothing",
    "make run INPT=3",
    "docker compose up nobody",
    "docker compose --profile kafkaui up",
    "docker compose run app statu",
    "curl http://127.0.0.1:8000/recommendation/U1",
    "curl http://127.0.0.1:8000/recommendations/U1?limt=3",
    "curl http://127.0.0.1:8000/popular -d '{}'",
    "pip install -r requirements-none.txt",
    "frobnicate x",
]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_found(text, monkeypatch):
    (step,) = spoken.steps(text)
    with pytest.raises((Exception, SystemExit, AssertionError)):
        taken.take(step, monkeypatch)


@pytest.mark.parametrize("line", spoken.commands(), ids=named)
def test_a_command_is_run_or_it_is_said_why_not(line):
    """Each is run by test_walk.py, by the test that is named there, or not, with the reason there."""
    ways = [pattern for pattern in (*NOT_RUN, *BY_A_TEST) if re.search(pattern, line.text)]
    assert len(ways) + is_run(line.text) == 1, f"run, and also: {ways}" if is_run(line.text) else ways


@pytest.mark.parametrize("pattern", [*NOT_RUN, *BY_A_TEST])
def test_what_is_not_run_here_still_occurs(pattern):
    assert any(re.search(pattern, line.text) for line in spoken.commands())


@pytest.mark.parametrize("name", sorted(set(BY_A_TEST.values())))
def test_a_test_that_is_named_is_there(name):
    file, _, test = name.partition("::")
    assert test in functions(file)


def test_a_block_without_a_language_holds_commands_alone(page):
    for language, body in spoken.blocks(page):
        typed = spoken.whole(body) if language in spoken.TYPED else ()
        other = [line for line in typed if not spoken.BEGINS.match(line)]
        assert not other, other


def test_every_block_of_data_can_be_read(page, tmp_path):
    for language, body in spoken.blocks(page):
        if language == "json":
            json.loads(body)
        elif language == "python":
            ast.parse(body)
        elif language == "toml" and page.stem == "policy":
            (tmp_path / "rules.toml").write_text(body)
            assert tomllib.loads(body) and shop_rules.read(tmp_path / "rules.toml")


def test_verbs_that_are_named_alone_are_taken_too(page):
    """Such as `run --follow`, `recommend USER` or `generations rebuild`, without the words before or behind them."""
    verbs = {path[0]: program for program in PROGRAMS.values() for path, _ in leaves(program)}
    for span in map(spoken.filled, spoken.spans(page)):
        first, _, rest = span.partition(" ")
        inner = getattr(verbs[first].commands[first], "commands", {}) if first in verbs else {}
        if first in verbs and (rest.startswith("-") or rest.split(" ")[0] in (*inner, *spoken.STANDS_FOR.values())):
            (step,) = spoken.steps(span)
            with suppress(MissingParameter):
                taken.parse(verbs[first], step.words)


def test_every_option_that_is_named_alone_is_one(page):
    known = set().union(*(taken.options(verb) for program in PROGRAMS.values() for _, verb in leaves(program)))
    known |= set(re.findall(r'"(--[\w-]+)"', " ".join(path.read_text() for path in sources())))
    known |= set().union(*taken.COMPOSE.values())
    for span in spoken.spans(page):
        if span.startswith("--"):
            assert set(re.findall(r"(?<![\w-])--[\w-]+", span)) <= known, span


def test_options_in_the_row_of_a_verb_are_its_own(page):
    verbs = {" ".join(path): verb for path, verb in leaves(PROGRAMS["python", "-m", "spark_app"])}
    for row in re.findall(r"^\| (`.+)$", spoken.prose(page), re.M):
        head, _, said = row.partition(" | ")
        own = [verb for name, verb in verbs.items() if re.search(rf"`{name}(?= [A-Z]|`)", head)]
        if own:
            spans = " ".join(re.findall(r"`(-[^`]+)`", said))
            assert set(re.findall(r"(?<!\S)--?[a-z][\w-]*", spans)) <= set().union(*map(taken.options, own)), row


def test_every_setting_it_names_is_one(page):
    assert set(re.findall(r"MILLSTREAM_[A-Z0-9_]*[A-Z0-9]", spoken.text_of(page))) <= taken.dict_of_settings().keys()


def test_every_make_target_it_names_is_there(page):
    spoken_of = re.findall(r"(?:`|# .*)make ([a-z-]+)\b", spoken.text_of(page))
    assert all(re.search(rf"^{target}:", taken.MAKEFILE, re.M) for target in spoken_of)


def test_every_route_it_names_is_one(page):
    """In coming-from-oryx.md the last cell of a row has ours; what else is named there are Oryx's."""
    said = spoken.prose(page)
    if "oryx" in page.stem:
        said = "\n".join(line.rpartition(" | ")[2] for line in said.splitlines() if line.startswith("| "))
    for span in spoken.SPAN.findall(said):
        if found := re.fullmatch(r"(GET|HEAD|POST|DELETE) (/\S+(?: \w+)?)", span):
            taken.answer(*found.groups())


def test_every_route_stands_in_the_page_of_the_api():
    said = spoken.text_of(ROOT / "docs" / "serving.md")
    assert [path for _, path in taken.routes() if not re.search(rf"{re.escape(path)}(?=[`?])", said)] == []


def test_every_file_it_names_is_there(page):
    for span in spoken.spans(page):
        if FILE.fullmatch(span):
            assert (ROOT / span).exists(), span
        elif found := MODULE.fullmatch(span):
            path = span.partition("::")[0]
            assert functions(path) is not None and (not found[1] or found[1] in functions(path)), span


def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)]+)\)", spoken.prose(page)):
        path, _, place = link.partition("#")
        if "://" in path:
            continue
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not place or place in places(target.resolve()), link


def test_events_of_the_page_are_those_of_the_rules():
    said = spoken.text_of(ROOT / "docs" / "events.md")
    assert {reason for reason in REASONS if f"`{reason}`" not in said} == set()
    assert {kind for kind in EVENT_WEIGHTS if f"`{kind}`" not in said} == set()
    headers = [",".join(layout.required) for layout in KNOWN]
    assert [header for header in headers if f"`{header}" not in said] == []


@cache
def places(page):
    """Where a link may go to within a page: its headings, as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", spoken.prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def sources():
    rooms = ("spark_app", "kafka_producer", "pictures", "benchmarks", "dags", "tests")
    return [ROOT / "visualize_graph.py", *(path for room in rooms for path in (ROOT / room).rglob("*.py"))]


@cache
def functions(path):
    """Names of the functions of a file, found by the end of its path; None where there is no such file."""
    found = [file for file in sources() if str(file).endswith(f"/{path}")]
    return set(re.findall(r"^ *def (\w+)", found[0].read_text(), re.M)) if found else None
