"""Where a server of this program listens, and how it ends: the same for the API and for the page."""

import ipaddress
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import structlog
import uvicorn

from spark_app.running import progress

LEAST_SECRET = 16
WANTED = f"at least {LEAST_SECRET} characters; `openssl rand -hex 24` makes one"
WAITING = 2048
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


class AddressError(OSError):
    """The address cannot be listened on; the message says why and what else to do."""


def resolved(host: str, port: int) -> list[tuple]:
    """What a name stands for, as the system says it; AddressError where it stands for nothing."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise AddressError(f"{host} is no address of this machine ({error.strerror})") from None


def are_loopback(found: list[tuple]) -> bool:
    """Whether only this machine can reach all of these addresses."""
    return all(ipaddress.ip_address(address[4][0]).is_loopback for address in found)


def listener(address: tuple, host: str, port: int, setting: str) -> socket.socket:
    """A socket that listens; AddressError, which names the setting, where the port cannot be had."""
    family, kind, protocol, _, name = address
    made = socket.socket(family, kind, protocol)
    # A port that was in use a moment ago may be used again.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(name)
        made.listen(WAITING)
    except OSError as error:
        made.close()
        way_out = f"--port or {setting} names another"
        raise AddressError(f"port {port} of {host} cannot be had ({error.strerror}); {way_out}") from None
    return made


def bracketed(host: str) -> str:
    """A host as it stands in an address."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


class Server(uvicorn.Server):
    """Says where it answers, once it does, and ends well at Ctrl-C and SIGTERM alike."""

    def __init__(self, config: uvicorn.Config, says: str) -> None:
        super().__init__(config)
        self.says = says

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say where, once it answers and a signal ends it well."""
        await super().startup(sockets)
        if self.started:
            progress.note(self.says)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Both signals end it well; uvicorn would raise them again after that."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def end_with_stdin() -> None:
    """End as SIGTERM would once stdin ends: who holds its other end is gone, however they went."""
    Thread(target=_wait_for_end, args=(sys.stdin.fileno(),), name="stdin", daemon=True).start()


def _wait_for_end(stdin: int) -> None:
    while os.read(stdin, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


class _ToLog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """A line of another's in the log of this run."""
        structlog.get_logger().log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def log_from(*names: str) -> None:
    """What these loggers warn of goes into the log of this run, and nowhere else."""
    for name in names:
        log = logging.getLogger(name)
        log.handlers, log.propagate = [_ToLog()], False
        log.setLevel(logging.WARNING)
