"""The process that answers: uvicorn on an address that is ours, loopback unless a key is set."""

import asyncio
import ipaddress
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from spark_app import progress
from spark_app.serving import app as app_
from spark_app.serving import keys, problems
from spark_app.serving.guard import bracketed
from spark_app.serving.problems import Problem
from spark_app.serving.stream import Stream
from spark_app.settings import Settings, WrongSettingError

LEAST_KEY = 16
# What is under way at the end has so long; a client that says nothing more keeps its connection so long.
_LAST_SECONDS, _IDLE_SECONDS = 10, 30
_WAITING = 2048


class NoKeyError(WrongSettingError):
    """The API would be open to others than this machine."""


class AddressError(OSError):
    """The address cannot be listened on; the message says why and what else to do."""


def serve(settings: Settings) -> None:
    """Answer requests until Ctrl-C or SIGTERM. NoKeyError or AddressError before it begins."""
    host, port = settings.serve.host, settings.serve.port
    found = _resolved(host, port)
    if not all(ipaddress.ip_address(address[4][0]).is_loopback for address in found):
        _refuse_open(settings)
    listener = _listener(found[0], host, port)
    _log_from_uvicorn()
    app = app_.create(settings)
    config = uvicorn.Config(
        app, loop="uvloop", http=_Protocol, ws="none", lifespan="off", log_config=None, access_log=False,
        proxy_headers=False, server_header=False, backlog=_WAITING, timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )  # fmt: skip
    server = _Server(config, f"http://{bracketed(host)}:{listener.getsockname()[1]}", app.state.stream)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_answer(server, app, listener))
    progress.note("stopped; what was asked before is answered")


async def _answer(server: uvicorn.Server, app: FastAPI, listener: socket.socket) -> None:
    """An error of what runs beside the requests comes out of here; of uvicorn it would come as exit code 3."""
    async with app.router.lifespan_context(app):
        await server.serve([listener])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, address: str, stream: Stream) -> None:
        super().__init__(config)
        self.address, self.stream = address, stream

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say where, once it answers and a signal ends it well."""
        await super().startup(sockets)
        progress.note(f"serving at {self.address}, until Ctrl-C; {self.address}/docs shows what can be asked")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Who listens is let go first: what has no end of its own would keep it waiting."""
        self.stream.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Both signals end it well; uvicorn would raise them again after that."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Protocol(HttpToolsProtocol):
    def send_400_response(self, msg: str) -> None:
        """What is no HTTP reaches no route; it is answered as any other problem all the same."""
        answer = problems.answer(Problem(400, "Not HTTP", msg, headers={"connection": "close"}))
        lines = [name + b": " + value + b"\r\n" for name, value in answer.raw_headers]
        self.transport.write(b"".join([STATUS_LINE[400], *lines, b"\r\n", answer.body]))
        self.transport.close()


def _refuse_open(settings: Settings) -> None:
    """Beyond loopback nobody may ask without a key, nor with one that can be guessed."""
    known = keys.given(settings.serve)
    wanted = f"at least {LEAST_KEY} characters; `openssl rand -hex 24` makes one"
    here = f"MILLSTREAM_SERVE__HOST={settings.serve.host} is beyond this machine"
    if not known:
        raise NoKeyError(f"{here}: set MILLSTREAM_SERVE__READ_KEY, WRITE_KEY or ADMIN_KEY of {wanted}")
    if any(len(key) < LEAST_KEY for key, _ in known):
        raise NoKeyError(f"{here}, and one of its keys is too short: expected {wanted}")


def _resolved(host: str, port: int) -> list[tuple]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise AddressError(f"{host} is no address of this machine ({error.strerror})") from None


def _listener(address: tuple, host: str, port: int) -> socket.socket:
    family, kind, protocol, _, name = address
    listener = socket.socket(family, kind, protocol)
    # A port that was in use a moment ago may be used again.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(name)
        listener.listen(_WAITING)
    except OSError as error:
        listener.close()
        way_out = "--port or MILLSTREAM_SERVE__PORT names another"
        raise AddressError(f"port {port} of {host} cannot be had ({error.strerror}); {way_out}") from None
    return listener


class _ToLog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """A line of uvicorn's in the log of this run."""
        structlog.get_logger().log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def _log_from_uvicorn() -> None:
    log = logging.getLogger("uvicorn.error")
    log.handlers, log.propagate = [_ToLog()], False
    log.setLevel(logging.WARNING)
