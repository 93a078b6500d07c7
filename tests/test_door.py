"""Who may open the page: by which name, from which page, with which password; and what it may load."""

import re
from urllib.parse import quote

import pytest
from asgi import HOST, ask
from pydantic import SecretStr

from spark_app.blocks import Web
from spark_app.web.door import COOKIE, Door

PASSWORD = "a password of the shop"


async def page(scope, _receive, send):
    """What stands behind the door."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the page"})


def door(*, password="", known_names=True, host="127.0.0.1"):
    return Door(page, Web(host=host, password=SecretStr(password)), known_names=known_names)


@pytest.mark.parametrize("host", ["localhost:8501", "LOCALHOST", "127.0.0.1:8501", "[::1]:8501", "[::1]"])
def test_it_opens_by_the_names_of_this_machine(host):
    assert ask(door(), "/", headers=[(b"host", host.encode())]).body == b"the page"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:1", "10.0.0.7", ""])
def test_a_name_that_was_made_to_lead_here_is_refused(host):
    assert ask(door(), "/", headers=[(b"host", host.encode())]).status == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9", "http://evil.example:8000"])
def test_a_page_of_another_origin_may_not_ask(origin):
    assert ask(door(), "/_stcore/stream", headers=[HOST, (b"origin", origin.encode())]).status == 403
    assert ask(door(), "/", headers=[HOST, (b"origin", b"http://127.0.0.1:8000")]).status == 200


def test_what_it_loads_comes_from_here_alone():
    policy = ask(door(), "/").headers["content-security-policy"]
    sources = set(re.findall(r"[^ ;]+", policy)) - set(re.findall(r"(?:^|; )([a-z-]+)", policy))
    here = {f"{scheme}://{HOST[1].decode()}" for scheme in ("ws", "wss")}
    assert {source for source in sources if "//" in source or source in ("*", "ws:")} == here
    assert "frame-ancestors 'none'" in policy and ask(door(), "/").headers["x-content-type-options"] == "nosniff"


def test_without_the_password_there_is_a_form_and_nothing_else():
    locked = door(password=PASSWORD)
    for path in ("/", "/user", "/_stcore/stream", "/static/js/index.js", "/enter"):
        answer = ask(locked, path)
        assert answer.status == 401 and b'type="password"' in answer.body and b"the page" not in answer.body
    assert ask(locked, "/_stcore/health").body == b"the page"


def entered(locked, password, then="/"):
    body = f"password={quote(password)}&then={quote(then)}".encode()
    return ask(locked, "/enter", "POST", {"Origin": "http://127.0.0.1:8000"}, [body])


def test_the_password_opens_it_and_leads_on_to_where_one_was_going():
    locked = door(password=PASSWORD)
    answer = entered(locked, PASSWORD, "/user?user=U00042")
    assert (answer.status, answer.headers["location"]) == (303, "/user?user=U00042")
    cookie = answer.headers["set-cookie"]
    assert "httponly" in cookie.lower() and "samesite=lax" in cookie.lower()
    assert ask(locked, "/", headers={"Cookie": cookie.split(";")[0]}).body == b"the page"
    assert ask(door(password=PASSWORD), "/", headers={"Cookie": cookie.split(";")[0]}).status == 401


@pytest.mark.parametrize("password", ["", "a guess", PASSWORD + "x", PASSWORD * 1000, "\ud7ff"])
def test_another_password_does_not(password):
    answer = entered(door(password=PASSWORD), password)
    assert answer.status == 403 and "set-cookie" not in answer.headers
    assert not password or password.encode() not in answer.body


@pytest.mark.parametrize("cookie", [f"{COOKIE}=", f"{COOKIE}=guess", "other=1", ";;;=\x00", "a" * 5000])
def test_a_cookie_that_was_not_given_opens_nothing(cookie):
    assert ask(door(password=PASSWORD), "/", headers={"Cookie": cookie}).status == 401


@pytest.mark.parametrize("then", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nb: c", ""])
def test_the_password_leads_nowhere_else(then):
    assert entered(door(password=PASSWORD), PASSWORD, then).headers["location"] == "/"


def test_what_stands_in_the_address_is_text_in_the_form():
    answer = ask(door(password=PASSWORD), '/user?user="><script>')
    assert b"<script>" not in answer.body and b"&lt;script&gt;" in answer.body
