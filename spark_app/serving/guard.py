"""Who may ask, how, and how much: keys and scopes, Host, Origin, path, body and rate, before any route is looked for.

Everything is refused as a problem. A key is taken from its header alone, and is neither logged nor shown.
"""

import asyncio
import math
import re
from collections.abc import Mapping
from urllib.parse import unquote, unquote_to_bytes

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spark_app.blocks import Serve, parts
from spark_app.running.listening import LOOPBACK_NAMES, bracketed
from spark_app.serving import keys, problems
from spark_app.serving.buckets import Buckets, address
from spark_app.serving.envelope import READABLE_BY
from spark_app.serving.keys import Keys
from spark_app.serving.problems import Problem

ANY_ADDRESS = ("0.0.0.0", "::")
# What machines ask often, and what says nothing of anyone.
OPEN_PATHS = frozenset({"/health/live", "/health/ready"})
# Where a form with a picture is taken.
WITH_PICTURE = frozenset({"/interests/assign"})
BODY_SECONDS = 30.0

_HEADER = "X-API-Key"
_IN_QUERY = {"api_key", "x-api-key", "key"}
_ONCE = {
    b"host", b"x-api-key", b"origin", b"content-length", b"transfer-encoding", b"content-encoding", b"x-request-id",
}  # fmt: skip
_HOST = re.compile(rb"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
# Only a path or a query with one of these has to be taken apart.
_UNUSUAL = re.compile(rb"%|\\|/\.|[\x00-\x1f\x7f-\xff]")
_PERHAPS_A_KEY = re.compile(rb"key|%", re.I)
_BROKEN_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_PREFLIGHT = {
    "access-control-allow-methods": "GET, POST, DELETE",
    "access-control-allow-headers": f"{_HEADER}, Content-Type, X-Request-ID",
    "access-control-max-age": "600",
}


class GoneError(Exception):
    """The client went away before its body was here."""


class Guard:
    """The ASGI layer below the envelope."""

    def __init__(self, app: ASGIApp, serve: Serve) -> None:
        self.app = app
        self.keys = Keys(serve)
        names = {name.lower() for name in [*LOOPBACK_NAMES, bracketed(serve.host), *parts(serve.hosts)]}
        self.names = {name.encode() for name in names - set(map(bracketed, ANY_ADDRESS))}
        self.origins = {origin.lower().encode() for origin in parts(serve.origins)}
        self.most_bytes = serve.max_body_bytes
        self.most_with_picture = serve.max_body_bytes + serve.max_picture_bytes
        self.buckets = Buckets(serve.rate_limit) if serve.rate_limit else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in the app's place, or hand over with a body that is all there."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            answer = self._answer(scope, headers := dict(scope["headers"]))
            if answer is None and _has_body(scope["method"], headers):
                receive = _again(await self._body(receive, headers, self._most(scope, headers)), receive)
        except Problem as problem:
            answer = problems.answer(problem)
        except GoneError:
            return
        await (answer or self.app)(scope, receive, send)

    def _answer(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Response | None:
        """The answer to a preflight; None when the request may go on. Problem when it may not."""
        if len(headers) != len(scope["headers"]):
            _refuse_doubles(scope)
        _refuse_path(scope.get("raw_path") or scope["path"].encode())
        if scope["query_string"]:
            _refuse_key_in_query(scope["query_string"])
        host = self._host(headers)
        method = scope["method"]
        if origin := headers.get(b"origin"):
            answer = self._meet(scope, method, origin, host, headers)
            if answer:
                return answer
        if scope["path"] not in OPEN_PATHS:
            self._admit(scope, method, headers)
        _refuse_encoding(headers)
        return None

    def _host(self, headers: Mapping[bytes, bytes]) -> bytes:
        """A page of another name that resolves to this machine (DNS rebinding) is refused by the name it asks for."""
        host = headers.get(b"host", b"")
        found = _HOST.fullmatch(host)
        if found is None:
            raise Problem(400, "Bad host", "a request names one host, as HTTP/1.1 has it")
        if found[1].lower() not in self.names:
            raise Problem(421, "Not this host", "MILLSTREAM_SERVE__HOSTS lists the names it is called by")
        return host

    def _meet(
        self, scope: Scope, method: str, origin: bytes, host: bytes, headers: Mapping[bytes, bytes]
    ) -> Response | None:
        """A page of a foreign origin may look, but not read what it sees, unless it is one of `origins`."""
        known = origin.lower() in self.origins
        if known:
            scope[READABLE_BY] = origin
            if method == "OPTIONS" and b"access-control-request-method" in headers:
                return Response(status_code=204, headers=_PREFLIGHT)
        elif method not in ("GET", "HEAD") and origin.partition(b"://")[2].lower() != host.lower():
            raise Problem(403, "Foreign origin", "MILLSTREAM_SERVE__ORIGINS lists whose pages may ask")
        return None

    def _admit(self, scope: Scope, method: str, headers: Mapping[bytes, bytes]) -> None:
        """Let in who shows a key that is wide enough, not too often."""
        if not self.keys:
            self._count(scope, None)
            return
        key = headers.get(b"x-api-key")
        shown = keys.digest(key) if key else b""
        scope_ = self.keys.scope(shown)
        # Who guesses is counted by address, whatever the guess.
        self._count(scope, shown if scope_ else None)
        if not scope_:
            raise Problem(
                401, "No key" if key is None else "Unknown key", f"send a key in the header {_HEADER}",
                headers={"www-authenticate": f'ApiKey realm="millstream", header="{_HEADER}"'},
            )  # fmt: skip
        if scope_ < (wanted := keys.needed(method, scope["path"])):
            raise Problem(403, "Key too narrow", f"the key may {keys.NAMES[scope_]}, this takes {keys.NAMES[wanted]}")

    def _count(self, scope: Scope, key: bytes | None) -> None:
        if self.buckets is None:
            return
        client = scope.get("client")
        wait = self.buckets.wait(key or address(client[0] if client else ""))
        if wait:
            raise Problem(
                429, "Too many requests", f"{self.buckets.rate:g} requests a second are answered",
                headers={"retry-after": str(math.ceil(wait))},
            )  # fmt: skip

    def _most(self, scope: Scope, headers: Mapping[bytes, bytes]) -> int:
        """Bytes of a body at the most; a form may hold a picture where one is taken."""
        is_form = headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data")
        return self.most_with_picture if is_form and scope["path"] in WITH_PICTURE else self.most_bytes

    async def _body(self, receive: Receive, headers: Mapping[bytes, bytes], most: int) -> bytes:
        """The whole body, counted while it comes in, whatever the headers say of it."""
        said = headers.get(b"content-length")
        if said is not None and int(said) > most:
            raise _too_large(most)
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise GoneError
                    body += message.get("body", b"")
                    if len(body) > most:
                        raise _too_large(most)
                    more = message.get("more_body", False)
        except TimeoutError:
            detail = f"the body was not here in {BODY_SECONDS:.0f} s"
            raise Problem(408, "Too slow", detail, headers={"connection": "close"}) from None
        if said is not None and int(said) != len(body):
            raise Problem(400, "Bad length", "the body is not as long as Content-Length says")
        return bytes(body)


def _too_large(most: int) -> Problem:
    return Problem(413, "Too large", f"a body has {most:,} bytes at the most")


def _refuse_doubles(scope: Scope) -> None:
    names = [name for name, _ in scope["headers"] if name in _ONCE]
    if len(names) != len(set(names)):
        twice = next(name for name in names if names.count(name) > 1)
        raise Problem(400, "Bad header", f"the header {twice.decode()} stands there twice")


def _refuse_path(raw: bytes) -> None:
    if not _UNUSUAL.search(raw):
        return
    if _BROKEN_PERCENT.search(raw):
        raise Problem(400, "Bad path", "a percent sign is followed by two hexadecimal digits")
    try:
        path = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise Problem(400, "Bad path", "what is percent-encoded is UTF-8") from None
    if "\0" in path:
        raise Problem(400, "Bad path", "there is no NUL in a path")
    if {".", ".."} & set(re.split(r"[/\\]", path)):
        raise Problem(400, "Bad path", "no part of a path is . or ..")


def _refuse_key_in_query(query: bytes) -> None:
    """Addresses are kept in histories and logs: a key has no place there."""
    if _PERHAPS_A_KEY.search(query):
        names = {unquote(part.partition("=")[0]).lower() for part in query.decode("latin-1").split("&")}
        if names & _IN_QUERY:
            raise Problem(400, "Key in the address", f"send the key in the header {_HEADER}")


def _refuse_encoding(headers: Mapping[bytes, bytes]) -> None:
    """What is packed may unpack to anything, and a length that is said in two ways to something else."""
    if headers.get(b"content-encoding", b"identity").lower() not in (b"", b"identity"):
        raise Problem(415, "Packed body", "send the body as it is, without Content-Encoding")
    length, transfer = headers.get(b"content-length"), headers.get(b"transfer-encoding")
    if length is not None and (transfer is not None or not length.isdigit() or len(length) > 18):
        raise Problem(400, "Bad length", "Content-Length is one number of bytes, and stands without Transfer-Encoding")
    if transfer is not None and transfer.lower() != b"chunked":
        raise Problem(400, "Bad header", "Transfer-Encoding is chunked or not there")


def _has_body(method: str, headers: Mapping[bytes, bytes]) -> bool:
    return b"content-length" in headers or b"transfer-encoding" in headers or method in ("POST", "PUT", "PATCH")


def _again(body: bytes, receive: Receive) -> Receive:
    """What was received, to be received by the app; and then whatever comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return messages.pop() if messages else await receive()

    return received
