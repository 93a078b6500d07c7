"""/openapi.json: what FastAPI knows of the routes, with the problems and the key that the guard adds to each.

It is written as OpenAPI 3.0, which Swagger UI 4 can show.
"""

import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from spark_app.serving import keys, problems
from spark_app.serving.answers import Problem
from spark_app.serving.guard import OPEN_PATHS

VERSION = "3.0.3"
_KEY = "X-API-Key"
# What ends the first clause of a docstring.
_CLAUSE = re.compile(r"[;.:](?:\s|$)")
_METHODS = ("get", "head", "options", "post", "put", "patch", "delete")
# What any request may be answered with, what only one that needs a key, and what one with values.
_ALWAYS, _KEYED, _VALUED = (400, 408, 413, 415, 421, 500), (401, 403, 429, 503), 422


def described(app: FastAPI, *, needs_key: bool) -> dict[str, Any]:
    """The description of all routes; with `needs_key` none of them is open to all but the health of the process."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes,
        openapi_version=VERSION, separate_input_output_schemas=False,
    )  # fmt: skip
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = Problem.model_json_schema()
    document["components"]["securitySchemes"] = {_KEY: {"type": "apiKey", "in": "header", "name": _KEY}}
    for path, method, operation in _operations(document):
        _name(operation)
        _add_problems(path, method, operation)
        if path not in OPEN_PATHS:
            operation["security"] = [{_KEY: []}] if needs_key else [{_KEY: []}, {}]
    older: dict[str, Any] = _as_3_0(document)
    return older


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document.get("paths", {}).items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _name(operation: dict[str, Any]) -> None:
    """Its summary is how the docstring of its function begins; what that says more is the description."""
    whole = str(operation.get("description") or operation["summary"])
    operation["summary"] = _CLAUSE.split(whole, maxsplit=1)[0]
    if whole.rstrip(".") == operation["summary"]:
        operation.pop("description", None)


def _add_problems(path: str, method: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    statuses = [*_ALWAYS, *(() if path in OPEN_PATHS else _KEYED)]
    if answers.pop("422", None) or "requestBody" in operation or operation.get("parameters"):
        statuses.append(_VALUED)
    for status, documented in problems.documented(*statuses).items():
        answers.setdefault(str(status), documented)
    if "403" in answers:
        answers["403"]["description"] = f"Takes a key that may {keys.NAMES[keys.needed(method.upper(), path)]}"
    operation["responses"] = dict(sorted(answers.items()))


def _as_3_0(node: Any) -> Any:
    """A schema of 3.1 in the words of 3.0: null, examples, constants, tuples and open bounds have others there."""
    if isinstance(node, list):
        return [_as_3_0(part) for part in node]
    if not isinstance(node, dict):
        return node
    return _reworded({name: _as_3_0(value) for name, value in node.items()})


def _reworded(schema: dict[str, Any]) -> dict[str, Any]:
    # A property may be called as a keyword is: what follows it is then no list, number or constant.
    if {"type": "null"} in _list(schema, "anyOf"):
        _make_nullable(schema)
    if examples := _list(schema, "examples"):
        schema |= {"example": examples[0]}
        del schema["examples"]
    if "const" in schema and not isinstance(schema["const"], dict):
        schema["enum"] = [schema.pop("const")]
    if parts := _list(schema, "prefixItems"):
        schema |= {"items": {"anyOf": parts}}
        del schema["prefixItems"]
    for open_, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if type(schema.get(open_)) in (int, float):
            schema |= {bound: schema[open_], open_: True}
    return schema


def _list(schema: dict[str, Any], keyword: str) -> list[Any]:
    found = schema.get(keyword)
    return found if isinstance(found, list) else []


def _make_nullable(schema: dict[str, Any]) -> None:
    others = [one for one in schema.pop("anyOf") if one != {"type": "null"}]
    if len(others) > 1:
        schema["anyOf"] = others
    elif "$ref" in others[0]:
        schema["allOf"] = others
    else:
        schema |= others[0]
    schema["nullable"] = True
