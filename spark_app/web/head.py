"""What the browser is told at once: where the page's own server is, and which large scripts it will need.

Streamlit's page comes in and goes out with a few lines more. Without them its script tries a wrong address first on
each page but the first, and loads what draws tables and charts only once there is something to draw.
"""

from pathlib import Path

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SCRIPTS = Path(streamlit.__file__).parent / "static" / "static" / "js"
_SOON = ("DataFrame", "PlotlyChart")
_WHERE = "<script>window.__streamlit = {BACKEND_BASE_URL: location.origin + '/'}</script>"
_BEGINS = b"<head>"
# What is sent is no longer what these are of.
_OF_THE_FILE = ("etag", "last-modified", "accept-ranges")


class Head:
    """ASGI around Streamlit: adds to the head of its page, and leaves all else as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.added = app, _added(_SCRIPTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand over; a page is held until it is whole."""
        if scope["type"] != "http" or scope["method"] != "GET" or not _wants_page(scope):
            await self.app(scope, receive, send)
            return
        held: list[Message] = []
        body = bytearray()

        async def changed(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_page(message):
                held.append(message)
            elif not held:
                await send(message)
            else:
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    await self._sent(held[0], bytes(body), send)

        # What is packed cannot be added to.
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self.app({**scope, "headers": plain}, receive, changed)

    async def _sent(self, start: Message, page: bytes, send: Send) -> None:
        whole = page.replace(_BEGINS, _BEGINS + self.added, 1)
        headers = MutableHeaders(raw=start["headers"])
        headers["content-length"] = str(len(whole))
        for name in _OF_THE_FILE:
            del headers[name]
        await send(start)
        await send({"type": "http.response.body", "body": whole})


def _wants_page(scope: Scope) -> bool:
    return "text/html" in Headers(scope=scope).get("accept", "")


def _is_page(start: Message) -> bool:
    kind = Headers(raw=start["headers"]).get("content-type", "")
    return bool(start["status"] == 200 and kind.startswith("text/html"))


def _added(scripts: Path) -> bytes:
    """Their names change with each release; what is not found is not told of, and loaded when it is needed."""
    found = [path.name for name in _SOON for path in sorted(scripts.glob(f"{name}.*.js"))]
    links = [f'<link rel="modulepreload" crossorigin href="./static/js/{name}">' for name in found]
    return "".join([_WHERE, *links]).encode()
