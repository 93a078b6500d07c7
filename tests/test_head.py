"""What is added to the page's head, and what stays as it is."""

import re

import pytest
from asgi import ask

from spark_app.web.head import Head

PAGE = b"<!DOCTYPE html><html><head><title>Streamlit</title></head><body></body></html>"


def app(kind, status=200):
    """Answers PAGE in two parts, packed where packing is accepted."""

    async def answer(scope, _receive, send):
        packed = [(b"content-encoding", b"gzip")] if b"accept-encoding" in dict(scope["headers"]) else []
        headers = [(b"content-type", kind), (b"content-length", b"%d" % len(PAGE)), (b"etag", b'"x"'), *packed]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE[:20], "more_body": True})
        await send({"type": "http.response.body", "body": PAGE[20:]})

    return answer


def asked(kind, *, status=200, accept="text/html,*/*"):
    headers = {"accept": accept, "accept-encoding": "gzip"}
    answer = ask(Head(app(kind, status)), "/graph", headers=headers)
    return answer.headers, answer.body


def test_a_page_says_where_its_server_is_and_what_comes_soon():
    headers, body = asked(b"text/html; charset=utf-8")
    assert b"<head><script>window.__streamlit = {BACKEND_BASE_URL: location.origin + '/'}</script>" in body
    assert int(headers["content-length"]) == len(body) and "etag" not in headers and "content-encoding" not in headers
    links = re.findall(rb'<link rel="modulepreload" crossorigin href="./static/js/(\w+)\.', body)
    assert links == [b"DataFrame", b"PlotlyChart"] and body.endswith(PAGE.partition(b"<head>")[2])


@pytest.mark.parametrize(
    ("kind", "given"),
    [(b"application/json", {}), (b"text/html", {"status": 404}), (b"text/html", {"accept": "*/*"})],
)
def test_all_else_stays_as_it_is(kind, given):
    headers, body = asked(kind, **given)
    assert body == PAGE and headers["etag"] == '"x"'
