"""The image: what the Dockerfile says holds, checked without Docker."""

import ast
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from spoken import ROOT
from taken import PROGRAMS
from test_compose import INSTRUCTIONS, copied, given, instructions, of

from spark_app.running import java


def test_the_dockerfile_begins_with_its_base_and_says_only_what_is_known():
    words = [word for word, _ in instructions()]
    assert words[0] == "FROM" and set(words) <= INSTRUCTIONS
    assert all(rest for _, rest in instructions())


@pytest.mark.parametrize("step", of("RUN"))
def test_each_step_is_a_shell_command(step):
    assert subprocess.run(["sh", "-nc", step], check=False).returncode == 0


@pytest.mark.parametrize("path", copied())
def test_what_is_copied_is_there_and_is_sent(path):
    assert (ROOT / path).exists()
    assert "!" + path.split("/")[0] in (ROOT / ".dockerignore").read_text().splitlines()


def test_nothing_is_sent_that_is_not_copied():
    first, *rest = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert first == "*"
    assert {line[1:] for line in rest if line.startswith("!")} == {path.split("/")[0] for path in copied()}


def test_all_of_our_programs_are_copied():
    assert {"spark_app", "kafka_producer", "pictures", "visualize_graph.py"} <= set(copied())


def test_packages_are_installed_from_the_pinned_list_before_the_code_comes():
    steps = [f"{word} {rest}" for word, rest in instructions()]
    listed = next(number for number, step in enumerate(steps) if step.endswith("requirements.txt ./"))
    installed = next(number for number, step in enumerate(steps) if step.endswith("-r requirements.txt"))
    assert "requirements-serve.txt" in steps[listed] and "-r requirements-serve.txt" in steps[installed]
    code = next(number for number, step in enumerate(steps) if "spark_app" in step)
    assert listed < installed < code


def test_an_apt_step_installs_the_java_that_the_code_looks_for_and_leaves_no_lists():
    apt = next(rest for rest in of("RUN") if "apt-get" in rest)
    assert java.APT_LINE.split()[-1] in apt.split()
    assert "apt-get update" in apt and apt.endswith("rm -rf /var/lib/apt/lists/*")


def test_the_jars_are_fetched_with_all_that_fetching_imports_and_no_more():
    steps = instructions()
    fetch = next(number for number, (_, rest) in enumerate(steps) if "fetch_jars" in rest)
    paths = [path for _, rest in steps[:fetch] for path in rest.split()]
    early = {path for path in paths if path.startswith("spark_app/") and path.endswith(".py")}
    rooms = {f"spark_app/{room}__init__.py" for room in ("", "running/", "storage/")}
    assert early == rooms | needed("spark_app/session.py")
    compile(shlex.split(steps[fetch][1])[2], "Dockerfile", "exec")


def needed(path: str) -> set[str]:
    """A module of ours and all that it imports, however far."""
    found = {path}
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "spark_app":
            home = Path(*(node.module or "").split("."))
            named = [home.with_suffix(".py"), *(home / f"{alias.name}.py" for alias in node.names)]
            found |= {deeper for one in named if (ROOT / one).is_file() for deeper in needed(str(one))}
    return found


def test_jars_lie_where_the_app_looks_for_them():
    fetch = next(rest for rest in of("RUN") if "fetch_jars" in rest)
    assert f'Path("{given("app")["MILLSTREAM_SPARK__JARS"]}")' in fetch


def test_folders_that_are_written_are_open_to_any_user():
    told = given("app")
    made = next(rest for rest in of("RUN") if rest.startswith("install -d")).split()
    assert "0777" in made and {told["MILLSTREAM_DATA_DIR"], told["MILLSTREAM_RESULTS_DIR"]} <= set(made)
    assert all(told[name].startswith("/tmp") for name in ("HOME", "NUMBA_CACHE_DIR", "MPLCONFIGDIR"))


def test_the_image_ends_as_a_user_that_is_not_root():
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", of("USER")[-1])
    assert [word for word, _ in instructions()].index("USER") > max(
        number for number, (word, _) in enumerate(instructions()) if word in ("RUN", "COPY")
    )


def test_the_image_says_what_it_can_do_when_it_is_told_nothing():
    command = ast.literal_eval(of("CMD")[-1])
    assert tuple(command[:3]) in PROGRAMS and command[3:] == ["--help"]
