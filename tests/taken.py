"""Whether a program would take a command, asked of its own parser, its own file or its own description; nothing is run.

Each asserts, or raises what the parser raises. What is only an installer, or a tool of the system, is taken as it is.
"""

import argparse
import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from spoken import ROOT, Step
from typer.main import get_command

import visualize_graph
from kafka_producer import __main__ as kafka_producer
from spark_app import settings
from spark_app.cli import verbs

SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
MAKEFILE = (ROOT / "Makefile").read_text()
PROGRAMS = {
    ("python", "-m", "spark_app"): get_command(verbs.line()),
    ("python", "-m", "kafka_producer"): get_command(kafka_producer.app),
}
# Of `docker compose`: the commands that are spoken of, and their options; those with a value end in "=".
COMPOSE = {
    "up": {"--build", "--detach", "--scale="}, "down": {"-v"}, "logs": {"--follow"}, "run": {"--rm", "--no-deps"},
    "start": set(), "stop": set(), "cp": set(), "build": set(), "ps": set(),
}  # fmt: skip
NOT_OURS = {
    "apt-get", "openssl", "printf", "grep", "head", "sed", "mlflow", "airflow", "env/bin/venv-pack", "aws", "git",
    "kubectl", "sudo", "export",
}  # fmt: skip
_ASKED = {"-d": "POST", "--data-binary": "POST", "-F": "POST"}
_ADDRESS = re.compile(r"(?:https?://)?(?:127\.0\.0\.1:8000|localhost:8000|\$API)(?=/)")


class Parsed(Exception):  # noqa: N818 - no fault: the parser is through, and the program is not to go on
    """Raised in the place of running what was parsed."""


def parse(command: Any, words: Sequence[str], parent: Any = None) -> None:
    """As a program made with Typer would, down to the last of its verbs; a usage error when it cannot."""
    with command.make_context("program", list(words), parent=parent) as context:
        if rest := [*context._protected_args, *context.args]:
            _, verb, rest = command.resolve_command(context, rest)
            parse(verb, rest, context)


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(its words, the verb) of all that can be run, such as ("generations", "list")."""
    inner = getattr(command, "commands", {})
    if path and (not inner or command.invoke_without_command):
        yield path, command
    for name, verb in inner.items():
        yield from leaves(verb, (*path, name))


def options(command: Any) -> set[str]:
    return {name for parameter in command.params for name in getattr(parameter, "opts", ())}


@cache
def routes() -> dict[tuple[str, str], set[str]]:
    """(method, path) of each operation that the API describes, and the names that its query may have."""
    from conftest import settings_for

    from spark_app.serving import app

    found = app.create(settings_for(Path("nowhere"))).openapi()["paths"]
    return {
        (method.upper(), path): {one["name"] for one in said.get("parameters", []) if one["in"] == "query"}
        for path, operations in found.items()
        for method, said in operations.items()
    }


def answer(method: str, target: str) -> None:
    """The API has an operation for it; a name without a value, as in `?limit&cursor`, is one too."""
    path, _, query = target.partition("?")
    fitting = [known for known in routes() if known[0] == method.replace("HEAD", "GET") and _fits(known[1], path)]
    assert fitting, f"the API has no {method} {path}"
    best = min(fitting, key=lambda known: known[1].count("{"))
    names = {pair.partition("=")[0] for pair in query.split("&") if pair}
    assert names <= routes()[best], f"{method} {best[1]} knows no {names - routes()[best]}"


def _fits(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\\\{.+?\\\}", ".+", re.escape(template)), path) is not None


def take(step: Step, patch: pytest.MonkeyPatch) -> None:
    """Hold one program of a command, and what is set for it, against what it calls."""
    _set(step.settings, patch)
    program, *words = step.words
    if program in ("python", "env/bin/python"):
        _python(words, patch)
    elif program in ("make", "docker", "curl", "pip", "env/bin/pip"):
        _KNOWN[program.rpartition("/")[2]](words)
    else:
        assert program in NOT_OURS, f"nobody knows how to check {program}"


def _set(given: Mapping[str, str], patch: pytest.MonkeyPatch) -> None:
    """Settings can be loaded with it; what else is set is a word of the Makefile."""
    for name, value in given.items():
        if name.startswith(settings.PREFIX):
            patch.setenv(name, value)
        else:
            assert re.search(rf"\$\$\{{?{name}\b", MAKEFILE), f"the Makefile does not know {name}"
    settings.load()


def _python(words: list[str], patch: pytest.MonkeyPatch) -> None:
    if words[0] == "-c":
        compile(words[1], "-c", "exec")
    elif words[:2] == ["-m", "venv"]:
        return
    elif words[0] == "visualize_graph.py":
        visualize_graph.parsed(words[1:])
    elif (program := PROGRAMS.get(("python", *words[:2]))) and len(words) > 2:
        parse(program, words[2:])
    else:
        assert words[0] == "-m", f"a module is run by its name: {words}"
        _module(words[1], words[2:], patch)


def _module(name: str, words: list[str], patch: pytest.MonkeyPatch) -> None:
    """A benchmark, up to the point where its arguments are known."""
    module = importlib.import_module(name)
    main = getattr(module, "main", None)
    if main is None or inspect.signature(main).parameters:
        assert main is None or inspect.signature(main).bind(*words)
        return
    whole = argparse.ArgumentParser.parse_args

    def parse_args(parser: argparse.ArgumentParser, *_: Any) -> None:
        raise Parsed(whole(parser, words))

    patch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
    patch.setattr(sys, "argv", [name, *words])
    with pytest.raises(Parsed):
        main()


def _make(words: list[str]) -> None:
    for word in words:
        name, is_set, value = word.partition("=")
        if is_set:
            assert name in dict_of_settings() or re.search(rf"\$\$\{{?{name}\b", MAKEFILE), f"make does not know {name}"
            continue
        assert re.search(rf"^{re.escape(name)}:", MAKEFILE, re.M), f"the Makefile has no {name}"
        assert not value


@cache
def dict_of_settings() -> dict[str, str]:
    """Name -> value of every setting."""
    return {name: value for name, value, *_ in settings.listed(settings.load())}


def _docker(words: list[str]) -> None:
    """Profile, command, options and services are there; what a service is to run, its program takes."""
    if words[0] == "build":
        given = [word.partition("=")[0] for option, word in pairwise(words) if option == "--build-arg"]
        assert all(re.search(rf"^ARG {name}\b", (ROOT / "Dockerfile").read_text(), re.M) for name in given), given
        return
    assert words.pop(0) == "compose"
    while words and words[0] == "--profile":
        profile = words[1]
        assert any(profile in one.get("profiles", []) for one in SERVICES.values()), f"no profile {profile}"
        words = words[2:]
    if not words:
        return
    command, *words = words
    known = COMPOSE[command]
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option + "=" in known:
            assert words.pop(0).partition("=")[0] in SERVICES
        else:
            assert option in known, f"docker compose {command} {option} is not spoken of elsewhere"
    if command == "run":
        service, *rest = words
        parse(PROGRAMS[tuple(SERVICES[service]["entrypoint"])], rest)
    elif command == "cp":
        assert words[1].partition(":")[0] in SERVICES
    else:
        assert set(words) <= SERVICES.keys(), f"no service {words}"


def _curl(words: list[str]) -> None:
    """An operation of the API, with a body that is JSON where it says so."""
    method, target, kind, body = "GET", "", "", ""
    given = iter(words)
    for word in given:
        if word in ("-H", "-X", *_ASKED):
            value = next(given)
            method = value if word == "-X" else _ASKED.get(word, method)
            kind = value.partition("Content-Type: ")[2] or kind if word == "-H" else kind
            body = value if word == "-d" else body
        elif not word.startswith("-"):
            assert not target, f"a second address, or a word too many: {word}"
            target = word
        else:
            assert word in ("-s", "-S", "-N"), f"curl {word} is not spoken of elsewhere"
    path = _ADDRESS.sub("", target)
    assert path.startswith("/"), f"{target} is no address of the API"
    answer(method, path)
    if kind == "application/json":
        json.loads(body)


def _pip(words: list[str]) -> None:
    assert words[0] == "install"
    for option, file in pairwise(words):
        assert option != "-r" or (ROOT / file).is_file(), f"{file} is not there"


_KNOWN: dict[str, Callable[[list[str]], None]] = {"make": _make, "docker": _docker, "curl": _curl, "pip": _pip}
