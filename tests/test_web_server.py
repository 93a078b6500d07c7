"""The verb web as a process of its own: where it shows the page, what it refuses, what it starts, how it ends."""

import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
import running
from conftest import free_port, settings_for
from test_cli import call, environment

from spark_app.web import beside

PASSWORD = "a password of the shop"


@pytest.fixture
def started(tmp_path):
    """Starts the verb in an empty folder, and gives the process and its address once it answers."""
    with running.listening(tmp_path, "web", r"the page is at (http://\S+), until Ctrl-C; it asks") as start:
        yield start


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_starts_an_api_beside_it_and_both_end_at_a_signal(started, number):
    api = f"http://127.0.0.1:{free_port()}"
    process, address = started("--port", 0, "--api", api)
    with httpx.Client() as client:
        page = client.get(address)
        assert page.status_code == 200 and "default-src 'self'" in page.headers["content-security-policy"]
        assert client.get(f"{api}/health/live").json() == {"status": "live"}
        told = client.get(f"{address}/_stcore/host-config").json()
        assert told["enableCustomParentMessages"] is False
        process.send_signal(number)
        said, _ = process.communicate(timeout=20)
    assert (process.returncode, said) == (0, "stopped\n")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{api}/health/live")


@pytest.mark.slow
def test_the_api_beside_it_ends_also_when_the_page_is_killed(started):
    api = f"http://127.0.0.1:{free_port()}"
    process, _ = started("--port", 0, "--api", api)
    assert httpx.get(f"{api}/health/live").is_success
    process.kill()
    # What both say errors to ends once the API has ended too, and it had none.
    assert process.communicate(timeout=20) == ("", None)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{api}/health/live")


@pytest.mark.slow
def test_it_asks_an_api_that_answers_and_lets_it_be(started, tmp_path):
    api = f"http://127.0.0.1:{free_port()}"
    first, _ = started("--port", 0, "--api", api)
    second, _ = started("--port", 0, "--api", api)
    second.terminate()
    assert second.wait(20) == 0 and httpx.get(f"{api}/health/live").is_success and first.poll() is None
    assert len(list((tmp_path / "data" / "logs").glob("*-serve.jsonl"))) == 1


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "set MILLSTREAM_WEB__PASSWORD of at least 16 characters"),
        ({"MILLSTREAM_WEB__PASSWORD": "change-me"}, "its password is too short: expected at least 16"),
    ],
)
def test_beyond_loopback_it_takes_a_password_that_nobody_guesses(tmp_path, environment, words):
    found = call(tmp_path, "web", "--host", "0.0.0.0", "--port", "0", **environment)
    assert (found.returncode, found.stdout, len(found.stderr.splitlines())) == (2, "", 1)
    assert words in found.stderr and "change-me" not in found.stderr


@pytest.mark.slow
def test_with_a_password_it_shows_itself_beyond_loopback_and_asks_for_it(started):
    api = f"http://127.0.0.1:{free_port()}"
    process, address = started("--host", "0.0.0.0", "--port", 0, "--api", api, MILLSTREAM_WEB__PASSWORD=PASSWORD)
    address = address.replace("0.0.0.0", "127.0.0.1")
    with httpx.Client() as client:
        assert client.get(address).status_code == 401
        assert client.post(f"{address}/enter", data={"password": PASSWORD}).status_code == 303
        assert client.get(address).status_code == 200
    process.terminate()
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 0 and PASSWORD not in said


def test_a_port_that_is_taken_is_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = call(tmp_path, "web", "--port", port)
    assert (found.returncode, found.stdout, len(found.stderr.splitlines())) == (1, "", 1)
    assert f"port {port} of 127.0.0.1 cannot be had (Address already in use)" in found.stderr
    assert "MILLSTREAM_WEB__PORT names another" in found.stderr


def test_an_address_that_is_none_is_one_line(tmp_path):
    found = call(tmp_path, "web", "--api", "localhost:8000")
    assert (found.returncode, len(found.stderr.splitlines())) == (2, 1)
    assert "is not the address of an API, such as http://127.0.0.1:8000" in found.stderr


@pytest.mark.parametrize("package", ["streamlit", "httpx"])
def test_without_its_packages_it_says_what_to_install(tmp_path, package):
    code = f"import runpy, sys; sys.modules[{package!r}] = None; runpy.run_module('spark_app', run_name='__main__')"
    found = subprocess.run(
        [sys.executable, "-c", code, "web"], cwd=tmp_path, env=environment(), capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert found.returncode == 1 and len(found.stderr.splitlines()) == 1
    assert f"error: {package} is not installed, which the page needs" in found.stderr


class Other(BaseHTTPRequestHandler):
    """Something else that answers."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, *_):
        """Nothing is logged."""


def test_what_answers_and_is_no_api_is_said(tmp_path):
    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        api = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(beside.NoApiError, match=f"{api} answers, and is not Millstream's API"):
            beside.api(settings_for(tmp_path, web={"api_url": api})).__enter__()
        server.shutdown()


def test_another_machine_is_asked_and_nothing_is_started(tmp_path):
    with beside.api(settings_for(tmp_path, web={"api_url": "http://shop.invalid:8000"})) as started:
        assert not started


def test_it_asks_with_its_own_key_or_with_the_one_that_writes(tmp_path):
    def key(serve, web=()):
        return beside.key(settings_for(tmp_path, serve=serve, web=dict(web)))

    assert key({}) == ""
    assert key({"read_key": "r", "write_key": "w1, w2", "admin_key": "a"}) == "w1"
    assert key({"read_key": "r", "admin_key": "a"}) == "a" and key({"read_key": "r"}) == "r"
    assert key({"write_key": "w"}, {"api_key": "own"}) == "own"
