"""Who may open the page, before Streamlit sees anything: Host, Origin, the password; and what the page may load.

The page acts with the key of the API, so whoever may open it may do with it what it can do.
"""

import hmac
import html
import re
import secrets
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spark_app.blocks import Web
from spark_app.running.listening import LOOPBACK_NAMES, bracketed

COOKIE, ENTER = "millstream", "/enter"
# What says nothing of anyone, for those who watch whether it runs.
OPEN_PATHS = frozenset({"/_stcore/health"})
# Scripts, fonts and data come from here alone; Streamlit sets styles in its elements and makes parts of it as blobs.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' {sockets}data: blob:; "
    "worker-src 'self' blob:; frame-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_NAME = re.compile(r"[A-Za-z0-9.:_\[\]-]+")
_MOST_BYTES = 4096
_ENTRANCE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Millstream</title>
<style>
body { font-family: sans-serif; display: grid; place-items: center; min-height: 90vh; }
form { display: grid; gap: 0.8rem; width: 18rem; }
input, button { font: inherit; padding: 0.5rem; }
</style>
</head>
<body>
<form method="post" action="/enter">
<h1>Millstream</h1>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<input name="then" type="hidden" value="%(then)s">
<button>Open</button>
<p role="alert">%(said)s</p>
</form>
</body>
</html>
"""


class Door:
    """ASGI in front of Streamlit. `known_names`: only those of this machine, so that no foreign name may lead here."""

    def __init__(self, app: ASGIApp, web: Web, *, known_names: bool) -> None:
        self.app = app
        self.names = {name.lower() for name in (*LOOPBACK_NAMES, bracketed(web.host))} if known_names else None
        self.password = web.password.get_secret_value()
        # Whoever has shown the password has this; it ends with the process.
        self.token = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand over, or answer in its place."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if refused := self._refused(headers):
            await _answer(PlainTextResponse(refused, 403), scope, receive, send)
        elif not self._is_in(scope, headers):
            await _answer(await self._entrance(scope, receive), scope, receive, send)
        else:
            await self.app(scope, receive, _guarded(send, headers.get("host", "")))

    def _refused(self, headers: Headers) -> str:
        """Why nobody may ask like that; empty when all is well."""
        host = headers.get("host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if self.names is not None and name.lower() not in self.names:
            return "the page is not known by this name"
        origin = headers.get("origin")
        return "a page of a foreign origin asks" if origin and _netloc(origin) != host else ""

    def _is_in(self, scope: Scope, headers: Headers) -> bool:
        if not self.password or scope["path"] in OPEN_PATHS:
            return True
        return any(hmac.compare_digest(self.token.encode(), one.encode()) for one in _tokens(headers))

    async def _entrance(self, scope: Scope, receive: Receive) -> Response:
        """The form, or what becomes of what was filled in."""
        if scope["type"] != "http" or scope["path"] != ENTER or scope["method"] != "POST":
            then = scope["path"] + ("?" + scope["query_string"].decode("latin-1") if scope["query_string"] else "")
            return _form(then, "", 401)
        filled = await _filled(Request(scope, receive))
        then = _own(filled.get("then", "/"))
        if not hmac.compare_digest(filled.get("password", "").encode(), self.password.encode()):
            return _form(then, "That is not the password.", 403)
        answer = RedirectResponse(then, 303)
        answer.set_cookie(COOKIE, self.token, httponly=True, samesite="lax")
        return answer


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _tokens(headers: Headers) -> Iterable[str]:
    try:
        found = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return []
    return [found[COOKIE].value] if COOKIE in found else []


def _form(then: str, said: str, status: int) -> Response:
    policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    headers = {"content-security-policy": policy, "cache-control": "no-store"}
    return HTMLResponse(_ENTRANCE % {"then": html.escape(then), "said": said}, status, headers)


async def _filled(request: Request) -> dict[str, str]:
    """The fields of the form; what is larger than such a form is cut, and fits nothing."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            return {}
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _own(then: str) -> str:
    """A place of this page; what would lead elsewhere leads to its beginning."""
    return then if then.startswith("/") and not then.startswith(("//", "/\\")) and then.isprintable() else "/"


async def _answer(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        await answer(scope, receive, send)


def policy(host: str) -> str:
    """What the page may load when it is asked by this name; not every browser takes a socket for its own place."""
    return POLICY.format(sockets=f"ws://{host} wss://{host} " if _NAME.fullmatch(host) else "")


def _guarded(send: Send, host: str) -> Send:
    async def with_policy(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            headers["content-security-policy"] = policy(host)
            headers["x-content-type-options"] = "nosniff"
            headers["referrer-policy"] = "no-referrer"
        await send(message)

    return with_policy
