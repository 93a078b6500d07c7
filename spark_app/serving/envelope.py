"""What stands around each answer: a request id, the headers that keep browsers safe, a line in the log, a count.

What fails in here without a word of its own becomes a problem with status 500, and its story goes to the log.
"""

import itertools
import logging
import re
import secrets
import time
from collections.abc import Iterable
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spark_app.serving import problems
from spark_app.serving.measures import Measures

# Set in a scope: the foreign origin that may read the answer.
READABLE_BY = "millstream.readable_by"
# Where no route was found or asked for; and the status of what went away before it was answered.
NO_ROUTE, GONE = "none", 499
_HARMLESS = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)


class Envelope:
    """The outermost ASGI layer of the app."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self.app, self.measures = app, measures
        # Bound once: to find the configuration again takes longer than to write nothing.
        self.log = structlog.get_logger().bind()
        self.tells_all = self.log.is_enabled_for(logging.DEBUG)
        self.run, self.numbers = secrets.token_hex(4), itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what is no request is passed on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status, size, error = time.perf_counter(), 0, 0, None
        request_id = self._request_id(scope)

        async def sent(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _headers(message.get("headers", ()), request_id, scope.get(READABLE_BY))
            else:
                size += len(message.get("body", b""))
            await send(message)

        self.measures.in_progress += 1
        try:
            await self.app(scope, receive, sent)
        except Exception as fault:
            error = fault
            if status:
                # Half an answer is sent: only cutting it off tells the client.
                status = 500
                raise
            await problems.answer(problems.unexpected(request_id.decode()))(scope, receive, sent)
        finally:
            self.measures.in_progress -= 1
            self._tell(scope, request_id, status or GONE, time.perf_counter() - begun, size, error)

    def _request_id(self, scope: Scope) -> bytes:
        """The client's own, when it is harmless, else a new one."""
        given: bytes = dict(scope["headers"]).get(b"x-request-id", b"")
        return given if _HARMLESS.fullmatch(given) else b"%s-%x" % (self.run.encode(), next(self.numbers))

    def _tell(
        self, scope: Scope, request_id: bytes, status: int, seconds: float, size: int, error: Exception | None
    ) -> None:
        method, route = scope["method"], route_of(scope)
        self.measures.answered(method, route, status, seconds, size)
        if status >= 400 or self.tells_all:
            self.log.log(
                _level(status), "request", id=request_id.decode(), method=method, route=route, status=status,
                seconds=round(seconds, 6), exc_info=error,
            )  # fmt: skip


def _level(status: int) -> int:
    if status < 400:
        return logging.DEBUG
    if status < 500:
        return logging.INFO
    return logging.WARNING if status == 503 else logging.ERROR


def route_of(scope: Scope) -> str:
    """The template of the route that answered, such as /users/{user}/similar."""
    route: Any = scope.get("route")
    return NO_ROUTE if route is None else getattr(route, "path_format", NO_ROUTE)


def _headers(
    own: Iterable[tuple[bytes, bytes]], request_id: bytes, readable_by: bytes | None
) -> list[tuple[bytes, bytes]]:
    """Those of the answer and ours; what the answer says itself stands."""
    said = {name for name, _ in own}
    headers = [*own, (b"x-request-id", request_id), *[header for header in _SAFE if header[0] not in said]]
    if readable_by:
        headers += [
            (b"access-control-allow-origin", readable_by),
            (b"access-control-expose-headers", b"X-Request-ID, Retry-After"),
            (b"vary", b"Origin"),
        ]
    return headers
