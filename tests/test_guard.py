"""By which name, from which page, at which path and with which body the API may be asked; each refusal is a problem."""

import asyncio
import functools
import gzip
from pathlib import Path

import pytest
from asgi import HOST, ask, guarded, problem
from hypothesis import given
from hypothesis import strategies as st

from spark_app.serving import guard

NAMES = [
    b"host", b"origin", b"x-api-key", b"x-request-id", b"content-length", b"transfer-encoding", b"content-encoding",
    b"content-type", b"access-control-request-method",
]  # fmt: skip
# Nothing is read from its folder and nothing written.
ANY = guarded(Path("nowhere"), origins="https://shop.example")


@pytest.fixture
def app_with(tmp_path):
    """Makes the app with some of its settings."""
    return functools.partial(guarded, tmp_path)


# Hosts and origins.


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:1", "[::1]:8000", "shop.example"]
)
def test_it_answers_to_its_own_names(app_with, host):
    assert ask(app_with(hosts="shop.example, other"), headers=[(b"host", host.encode())]).status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.7:8000", "0.0.0.0:8000", "[::2]"])
def test_a_page_that_made_its_name_resolve_to_this_machine_is_refused(app_with, host):
    assert problem(ask(app_with(host="0.0.0.0"), headers=[(b"host", host.encode())])) == 421


@pytest.mark.parametrize(
    "headers",
    [
        [(b"accept", b"*/*")], [(b"host", b"")], [(b"host", b"a b")], [(b"host", b"user@localhost")],
        [(b"host", b"localhost/x")], [(b"host", b"localhost, localhost")], [HOST, HOST], [HOST, (b"host", b"evil")],
    ],
)  # fmt: skip
def test_a_request_names_one_host(app_with, headers):
    assert problem(ask(app_with(), headers=headers)) == 400


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:9", "http://127.0.0.1:8000.evil"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/events"), ("DELETE", "/users/ann"), ("OPTIONS", "/events")])
def test_a_foreign_page_may_not_change_anything(app_with, origin, method, path):
    answer = ask(app_with(), path, method, {"Origin": origin, "Access-Control-Request-Method": "POST"})
    assert problem(answer) == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_page_of_its_own_may(app_with):
    assert ask(app_with(), "/events", "POST", {"Origin": "http://127.0.0.1:8000"}).status == 200


def test_a_foreign_page_reads_nothing(app_with):
    answer = ask(app_with(), "/users/ann", headers={"Origin": "http://evil.example"})
    assert answer.status == 200 and "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("path", "status"), [("/users/ann", 200), ("/nothing", 404), ("/users/%00", 400)])
def test_a_page_that_is_allowed_reads_answers_and_problems(app_with, path, status):
    page = "https://shop.example"
    answer = ask(app_with(origins=page), path, headers={"Origin": page})
    assert (answer.status, answer.headers.get("access-control-allow-origin")) == (
        status, page if status != 400 else None,
    )  # fmt: skip


def test_the_question_before_the_request_is_answered_without_a_key(app_with):
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    answer = ask(app_with(origins="https://shop.example", read_key="one"), "/events", "OPTIONS", asked)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, "https://shop.example")
    assert "X-API-Key" in answer.headers["access-control-allow-headers"]


# Paths and bodies.


@pytest.mark.parametrize(
    "path",
    [
        "/users/../../etc/passwd", "/users/%2e%2e/%2e%2e/etc/passwd", "/users/..%2f..%2fetc", "/users/.%2e", "/./users",
        "/users/..", "/users/a%00b", "/users/a\0b", "/users/%", "/users/%4", "/users/%zz", "/users/%ff", "/users/%c3",
        "/users/..\\x", "/users/%5c..%5cx", "/users/%ed%a0%80",
    ],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_or_is_broken_is_refused(app_with, path):
    assert problem(ask(app_with(), path)) == 400


@pytest.mark.parametrize("user", ["a.b", "..a", "a..b", "%F0%9F%99%82", "a%2Fb", "%e2%80%ae", "%252e%252e", "..."])
def test_ids_of_any_kind_pass(app_with, user):
    assert ask(app_with(), f"/users/{user}").status == 200


@pytest.mark.parametrize("parts", [[b"x" * 2_000_000], [b"x" * 100_000] * 20])
def test_a_body_of_two_megabytes_is_too_large_whether_it_says_so_or_not(app_with, parts):
    said = {"Content-Length": "2000000"}
    assert problem(ask(app_with(), "/events", "POST", said, parts)) == 413
    unsaid = ask(app_with(), "/events", "POST", {"Transfer-Encoding": "chunked"}, parts)
    assert problem(unsaid) == 413


def test_what_is_too_large_is_not_read_to_its_end(app_with):
    parts = [b"x" * 100_000] * 1000
    assert ask(app_with(), "/events", "POST", {"Content-Length": "100000000"}, parts).taken == 0
    assert ask(app_with(), "/events", "POST", {"Transfer-Encoding": "chunked"}, parts).taken == 11


def test_a_body_up_to_the_limit_arrives_as_it_was_sent(app_with):
    parts = [b"x" * 400_000, b"", b"y" * 600_000]
    assert ask(app_with(), "/events", "POST", {"Content-Length": "1000000"}, parts).json() == {"size": 1_000_000}
    assert ask(app_with(max_body_bytes=10), "/events", "POST", {}, [b"x" * 11]).status == 413


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "3"}, {"Content-Length": "7"}, {"Content-Length": "-5"}, {"Content-Length": "5, 5"},
        {"Content-Length": "0x5"}, {"Content-Length": "9" * 5000}, {"Content-Length": ""},
        {"Content-Length": "5", "Transfer-Encoding": "chunked"}, {"Transfer-Encoding": "gzip, chunked"},
    ],
)  # fmt: skip
def test_a_length_that_lies_is_refused(app_with, headers):
    assert problem(ask(app_with(), "/events", "POST", headers, [b"12345"])) == 400


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate", "identity, gzip", "zstd"])
def test_a_packed_body_is_refused_unread(app_with, encoding):
    bomb = gzip.compress(b"0" * 10_000_000)
    answer = ask(app_with(), "/events", "POST", {"Content-Encoding": encoding}, [bomb])
    assert (problem(answer), answer.taken) == (415, 0)


def test_a_client_that_hangs_up_is_not_answered(app_with):
    assert ask(app_with(), "/events", "POST", {"Transfer-Encoding": "chunked"}, [b"x", None]).status == 0


def test_a_body_that_never_ends_is_waited_for_a_while(app_with, monkeypatch):
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.05)
    answer = ask(app_with(), "/events", "POST", {"Transfer-Encoding": "chunked"}, [b"x", ...])
    assert (problem(answer), answer.headers["connection"]) == (408, "close")


@given(
    path=st.binary(max_size=30),
    query=st.text(max_size=20),
    headers=st.dictionaries(st.sampled_from(NAMES), st.binary(max_size=20)),
    method=st.sampled_from(["GET", "POST", "DELETE", "OPTIONS", "HEAD", "BREW"]),
)
def test_no_request_makes_it_fail(path, query, headers, method):
    given_ = [HOST] * (b"host" not in headers) + list(headers.items())
    answer = ask(ANY, f"/{path.decode('latin-1')}?{query}", method, given_, [b"{}"])
    assert answer.status < 500
    assert answer.status in (200, 204) or problem(answer)


def test_no_websocket_is_opened(app_with):
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(app_with()({"type": "websocket", "path": "/health/live", "headers": [HOST]}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
