"""The process that answers: uvicorn on an address that is ours, loopback unless a key is set."""

import asyncio
import socket

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from spark_app.running import listening, progress
from spark_app.running.listening import LEAST_SECRET, WANTED, Server
from spark_app.serving import app as app_
from spark_app.serving import keys, problems
from spark_app.serving.problems import Problem
from spark_app.serving.stream import Stream
from spark_app.settings import Settings, WrongSettingError

# What is under way at the end has so long; a client that says nothing more keeps its connection so long.
_LAST_SECONDS, _IDLE_SECONDS = 10, 30


class NoKeyError(WrongSettingError):
    """The API would be open to others than this machine."""


def serve(settings: Settings) -> None:
    """Answer requests until Ctrl-C or SIGTERM. NoKeyError or AddressError before it begins."""
    host, port = settings.serve.host, settings.serve.port
    found = listening.resolved(host, port)
    if not listening.are_loopback(found):
        _refuse_open(settings)
    listener = listening.listener(found[0], host, port, "MILLSTREAM_SERVE__PORT")
    listening.log_from("uvicorn.error")
    app = app_.create(settings)
    config = uvicorn.Config(
        app, loop="uvloop", http=_Protocol, ws="none", lifespan="off", log_config=None, access_log=False,
        proxy_headers=False, server_header=False, backlog=listening.WAITING, timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )  # fmt: skip
    here = f"http://{listening.bracketed(host)}:{listener.getsockname()[1]}"
    server = _Server(config, f"serving at {here}, until Ctrl-C; {here}/docs shows what can be asked", app.state.stream)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_answer(server, app, listener))
    progress.note("stopped; what was asked before is answered")


async def _answer(server: uvicorn.Server, app: FastAPI, listener: socket.socket) -> None:
    """An error of what runs beside the requests comes out of here; of uvicorn it would come as exit code 3."""
    async with app.router.lifespan_context(app):
        await server.serve([listener])


class _Server(Server):
    def __init__(self, config: uvicorn.Config, says: str, stream: Stream) -> None:
        super().__init__(config, says)
        self.stream = stream

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Who listens is let go first: what has no end of its own would keep it waiting."""
        self.stream.close()
        await super().shutdown(sockets)


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
    here = f"MILLSTREAM_SERVE__HOST={settings.serve.host} is beyond this machine"
    if not known:
        raise NoKeyError(f"{here}: set MILLSTREAM_SERVE__READ_KEY, WRITE_KEY or ADMIN_KEY of {WANTED}")
    if any(len(key) < LEAST_SECRET for key, _ in known):
        raise NoKeyError(f"{here}, and one of its keys is too short: expected {WANTED}")
