"""The verb serve as a process of its own: where it listens, what it refuses, how it ends."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import running
from conftest import free_port
from test_cli import call, environment

KEY = "a-key-of-the-shop-1234"


@pytest.fixture
def started(tmp_path):
    """Starts the verb in an empty folder, and gives the process and its address once it serves."""
    with running.listening(tmp_path, "serve", r"serving at (http://\S+), until Ctrl-C; \S+/docs shows") as start:
        yield start


def test_it_serves_on_loopback_without_a_generation_and_ends_at_a_signal(started, tmp_path):
    process, address = started("--port", free_port())
    assert address.startswith("http://127.0.0.1:")
    with httpx.Client(base_url=address) as client:
        assert client.get("/health/live").json() == {"status": "live"}
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.headers["content-type"]) == (503, "application/problem+json")
        assert "://" not in client.get("/docs").text
        assert "date" in ready.headers and "server" not in ready.headers
    assert "jvm" not in Path(f"/proc/{process.pid}/maps").read_text().lower()
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=15)
    assert process.returncode == 0 and said == "stopped; what was asked before is answered\n"
    (log,) = (tmp_path / "data" / "logs").iterdir()
    assert [json.loads(line)["status"] for line in log.read_text().splitlines() if '"request"' in line] == [503]


def test_ctrl_c_ends_it_although_a_client_keeps_its_connection(started):
    process, address = started("--port", 0)
    with httpx.Client(base_url=address) as client:
        client.get("/health/live")
        process.send_signal(signal.SIGINT)
        then = time.monotonic()
        said, _ = process.communicate(timeout=15)
    assert (process.returncode, said) == (0, "stopped; what was asked before is answered\n")
    assert time.monotonic() - then < 5


def test_what_no_client_library_sends_is_a_problem_too(started):
    _, address = started("--port", 0)
    host, port = address.removeprefix("http://").split(":")

    def sent(raw: bytes) -> str:
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(raw)
            return connection.recv(65536).decode()

    me = f"Host: {host}:{port}\r\n\r\n".encode()
    broken = (
        b"GET /users/../../etc/passwd HTTP/1.1\r\n" + me, b"GET /a%00b HTTP/1.1\r\n" + me,
        b"GET /a\0b HTTP/1.1\r\n" + me, b"GET /%c3%28 HTTP/1.1\r\n" + me, b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + me, b"nonsense\r\n\r\n", b"GET /\xff HTTP/1.1\r\n" + me,
        b"POST /events HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n" + me,
        b"POST /events HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n" + me,
    )  # fmt: skip
    for raw in broken:
        answer = sent(raw)
        assert answer.startswith("HTTP/1.1 400 "), (raw, answer)
        assert "application/problem+json" in answer, (raw, answer)
    assert sent(b"GET /health/live HTTP/1.1\r\n" + me).startswith("HTTP/1.1 200 ")


def test_two_megabytes_and_a_gzip_bomb_are_refused_in_words(started):
    _, address = started("--port", 0)
    with httpx.Client(base_url=address) as client:
        assert client.post("/events", content=b"x" * 2_000_000).status_code == 413
        assert client.post("/events", content=iter([b"x" * 500_000] * 4)).status_code == 413
        packed = client.post("/events", content=b"x", headers={"Content-Encoding": "gzip"})
        assert (packed.status_code, packed.json()["title"]) == (415, "Packed body")
        assert client.get("/health/live").status_code == 200


@pytest.mark.parametrize(
    ("host", "environment", "words"),
    [
        ("0.0.0.0", {}, "set MILLSTREAM_SERVE__READ_KEY, WRITE_KEY or ADMIN_KEY"),
        ("::", {}, "set MILLSTREAM_SERVE__READ_KEY"),
        ("0.0.0.0", {"MILLSTREAM_SERVE__READ_KEY": "change-me"}, "too short: expected at least 16 characters"),
        ("0.0.0.0", {"MILLSTREAM_SERVE__READ_KEY": KEY, "MILLSTREAM_SERVE__ADMIN_KEY": "x"}, "too short"),
    ],
)
def test_beyond_loopback_it_takes_a_key_that_nobody_guesses(tmp_path, host, environment, words):
    found = call(tmp_path, "serve", "--host", host, "--port", "0", **environment)
    assert (found.returncode, found.stdout) == (2, "")
    assert words in found.stderr and len(found.stderr.splitlines()) == 1
    assert "change-me" not in found.stderr


def test_with_a_key_it_listens_beyond_loopback_and_asks_for_it(started):
    process, address = started("--host", "0.0.0.0", "--port", 0, MILLSTREAM_SERVE__READ_KEY=KEY)
    address = address.replace("0.0.0.0", "127.0.0.1")
    assert httpx.get(f"{address}/metrics").status_code == 401
    assert httpx.get(f"{address}/metrics", headers={"X-API-Key": KEY}).status_code == 200
    assert httpx.get(f"{address}/health/live").status_code == 200
    process.terminate()
    said, _ = process.communicate(timeout=15)
    assert process.returncode == 0 and KEY not in said


def test_a_port_that_is_taken_is_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = call(tmp_path, "serve", "--port", port)
    assert (found.returncode, found.stdout) == (1, "")
    assert f"port {port} of 127.0.0.1 cannot be had (Address already in use)" in found.stderr
    assert len(found.stderr.splitlines()) == 1


def test_a_host_that_is_not_there_is_one_line(tmp_path):
    found = call(tmp_path, "serve", "--host", "no.such.host.invalid")
    assert found.returncode == 1 and "no.such.host.invalid is no address of this machine" in found.stderr
    assert len(found.stderr.splitlines()) == 1


@pytest.mark.parametrize("package", ["fastapi", "uvicorn", "swagger_ui_bundle"])
def test_without_its_packages_it_says_what_to_install(tmp_path, package):
    code = f"import runpy, sys; sys.modules[{package!r}] = None; runpy.run_module('spark_app', run_name='__main__')"
    found = subprocess.run(
        [sys.executable, "-c", code, "serve"], cwd=tmp_path, env=environment(), capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert found.returncode == 1 and len(found.stderr.splitlines()) == 1
    assert f"error: {package} is not installed" in found.stderr and "-r requirements-serve.txt" in found.stderr
