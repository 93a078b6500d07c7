"""The API that the page asks: one that answers, or `serve`, started beside it and ended with it."""

import ipaddress
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import structlog

from spark_app.blocks import parts
from spark_app.settings import Settings

_PATIENCE = 30.0
_LAST_SECONDS = 15.0


class NoApiError(OSError):
    """There is no API to ask and none can be started; the message says why."""


@contextmanager
def api(settings: Settings) -> Iterator[bool]:
    """Whether `serve` runs beside for as long; where an API answers, or one elsewhere is asked, it does not."""
    url = settings.web.api_url
    if not _is_here(url) or _answers(url):
        yield False
        return
    # It ends when its stdin does: also where this process is killed and can end nothing.
    command = [sys.executable, "-m", "spark_app", "serve", "--beside", *_address(url)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        _wait(url, process)
        yield True
    finally:
        _end(process)


def key(settings: Settings) -> str:
    """The key to ask with: the page's own, or the narrowest of `serve` that may also post events."""
    if own := settings.web.api_key.get_secret_value():
        return own
    serve = settings.serve
    given = [parts(key.get_secret_value()) for key in (serve.write_key, serve.admin_key, serve.read_key)]
    return next((keys[0] for keys in given if keys), "")


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(url: str) -> list[str]:
    found = urlsplit(url)
    return ["--host", found.hostname or "", "--port", str(found.port or (443 if found.scheme == "https" else 80))]


def _answers(url: str) -> bool:
    """Whether an API is there; NoApiError where something else is."""
    try:
        answer = httpx.get(f"{url.rstrip('/')}/health/live", timeout=3, trust_env=False)
        is_ours = answer.json() == {"status": "live"}
    except httpx.TransportError as error:
        structlog.get_logger().info("no API answers", url=url, error=str(error))
        return False
    except ValueError:
        is_ours = False
    if not is_ours:
        raise NoApiError(f"{url} answers, and is not Millstream's API; --api or MILLSTREAM_WEB__API_URL names another")
    return True


def _wait(url: str, process: subprocess.Popen) -> None:
    """Until it answers; what keeps it from starting it says itself, on stderr."""
    deadline = time.monotonic() + _PATIENCE
    while not _answers(url):
        if process.poll() is not None:
            raise NoApiError(f"serve could not be started beside the page (exit code {process.returncode})")
        if time.monotonic() > deadline:
            raise NoApiError(f"serve was started beside the page and did not answer at {url} in {_PATIENCE:.0f} s")
        time.sleep(0.1)


def _end(process: subprocess.Popen) -> None:
    """Let it answer what was asked, as Ctrl-C would."""
    with process:
        process.terminate()
        try:
            process.wait(_LAST_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
