"""Requests put to an app as a server would put them, also those that no client library would send."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from conftest import settings_for
from fastapi import FastAPI, Request

from spark_app.serving.app import create

HOST = (b"host", b"127.0.0.1:8000")
Headers = dict[str, str] | list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """What came back; status 0 when nothing did. `taken` counts the parts of the body that were asked for."""

    status: int
    headers: dict[str, str]
    body: bytes
    taken: int

    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    app: Any,
    target: str = "/health/live",
    method: str = "GET",
    headers: Headers = (),
    body: Iterable[bytes] = (),
    client: str = "127.0.0.1",
) -> Answer:
    """Ask the app once. A mapping of headers comes beside a Host, a list of them alone.

    In `body`, None hangs up, and ... keeps the app waiting.
    """
    if isinstance(headers, dict):
        headers = [HOST, *[(name.lower().encode(), value.encode()) for name, value in headers.items()]]
    path, _, query = target.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": unquote(path), "raw_path": path.encode("latin-1"), "query_string": query.encode(),
        "root_path": "", "headers": list(headers or [HOST]), "client": (client, 50_000), "server": ("127.0.0.1", 8000),
    }  # fmt: skip
    parts, sent, taken = list(body), [], 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        if taken and (taken >= len(parts) or parts[taken] is ...):
            await asyncio.Event().wait()
        part = parts[taken] if parts else b""
        if part is None:
            return {"type": "http.disconnect"}
        taken += 1
        return {"type": "http.request", "body": part, "more_body": taken < len(parts)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    if not sent:
        return Answer(0, {}, b"", taken)
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], found, b"".join(message["body"] for message in sent[1:]), taken)


def guarded(home: Path, **serve: Any) -> FastAPI:
    """The app with some of its settings, and with routes of the tests' own before some of the real ones."""
    app = create(settings_for(home, serve=serve))
    real, app.router.routes[:] = list(app.router.routes), []

    async def echo(request: Request) -> dict:
        return {"size": len(await request.body())}

    for path in ("/events", "/recommendations", "/recommendations/session", "/reload", "/interests/assign"):
        app.add_api_route(path, echo, methods=["POST"])
    app.add_api_route("/users/{user:path}", echo, methods=["GET"])
    app.add_api_route("/users/{user:path}", echo, methods=["DELETE"])
    app.router.routes.extend(real)
    return app


def problem(answer: Answer) -> int:
    """The status, which the problem repeats; every refusal has to be one."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    told = answer.json()
    assert told["status"] == answer.status and told["title"] and told["type"].startswith("urn:millstream:")
    return answer.status


def told(client: Any, path: str, **asked: Any) -> dict[str, Any]:
    """What a client of the API is told under a path."""
    answer = client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()
