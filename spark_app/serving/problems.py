"""What is answered when it is not what was asked for: problem details as RFC 9457 has them, for every error alike.

No answer shows a traceback, or what was sent; the request id leads to the line in the log.
"""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
SCHEMA = {"$ref": "#/components/schemas/Problem"}
_SHOWN_ERRORS = 10


class Problem(Exception):  # noqa: N818 - what RFC 9457 calls it
    """An answer with this status. `title` says what kind of problem it is, always in the same words."""

    def __init__(
        self, status: int, title: str, detail: str = "", *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail or title)
        self.status, self.title, self.detail, self.more = status, title, detail, more
        self.headers = dict(headers or {})


def answer(problem: Problem) -> Response:
    """The problem as it is sent."""
    kind = re.sub(r"\W+", "-", problem.title.lower()).strip("-")
    members = {"type": f"urn:millstream:{kind}", "title": problem.title, "status": problem.status}
    if problem.detail:
        members["detail"] = problem.detail
    # What stands in an id may be half of a character: escaped, it is JSON all the same.
    content = json.dumps(members | problem.more).encode()
    return Response(content, problem.status, problem.headers, media_type=MEDIA_TYPE)


def unexpected(request_id: str) -> Problem:
    """What is said of an error that nobody thought of."""
    return Problem(500, "Something went wrong", f"the log has more under the request id {request_id}")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problems that a route may answer with, for its `responses`."""
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": SCHEMA}}}
        for status in statuses
    }


def add_to(app: FastAPI) -> None:
    """Let the app answer with problem details, whatever it was that raised."""
    app.add_exception_handler(Problem, _raised)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)


async def _raised(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return answer(error)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    detail = str(error.detail) if error.detail != title else ""
    return answer(Problem(error.status_code, title, detail, headers=error.headers))


async def _not_valid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        return answer(Problem(400, "Not JSON", f"at character {found[0]['loc'][-1]}: {found[0]['ctx']['error']}"))
    faults = [_fault(one) for one in found[:_SHOWN_ERRORS]]
    first, more = faults[0], len(found) - 1
    detail = f"{first['where']}: {first['expected']}" + (f", and {more} more" if more else "")
    return answer(Problem(422, "Not valid", detail, errors=faults))


def _fault(error: Mapping[str, Any]) -> dict[str, str]:
    """Where and what; not what was sent, which may be anything."""
    message = str(error["msg"]).removeprefix("Value error, ")
    return {"where": ".".join(map(str, error["loc"])), "expected": f"{message[:1].lower()}{message[1:]}"}
