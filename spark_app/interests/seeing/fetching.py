"""An http or https address -> its bytes, within bounds of size, time and steps.

A name is looked up once, and the connection goes to the very address that was looked at, so that no later answer of
the name server leads elsewhere. Private, link-local and other addresses that are not of the open network are refused;
loopback is allowed where the address itself says so, and never after a redirection.
"""

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from functools import cache
from typing import NamedTuple
from urllib.parse import quote, urljoin, urlsplit

STEPS = 4  # an address and up to three redirections
SECONDS = 15.0
CHUNK = 65_536
REDIRECTED = {301, 302, 303, 307, 308}
PLAIN = "/?%:@!$&'()*+,;=~-._"  # what a path and a query hold as it is
HERE = {"localhost", "127.0.0.1", "[::1]", "::1"}


class FetchError(ValueError):
    """Nothing was fetched; the message is one line and says why."""


class Place(NamedTuple):
    """Where to ask, and for what."""

    scheme: str
    host: str
    port: int
    path: str


def fetched(address: str, *, most: int, seconds: float = SECONDS) -> bytes:
    """The bytes at an address, at the most `most`, within so many seconds in all; raises FetchError."""
    ends = time.monotonic() + seconds
    allow_here = True
    for _ in range(STEPS):
        place = placed(address)
        answer = _asked(place, ends, most, allow_here=allow_here)
        if isinstance(answer, bytes):
            return answer
        address, allow_here = urljoin(address, answer), False
    raise FetchError(f"redirected more than {STEPS - 1} times")


def placed(address: str) -> Place:
    """The parts of an address; FetchError when it has no host, a user, or another scheme."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise FetchError("no address that can be fetched") from None
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None:
        raise FetchError("no address that can be fetched")
    path = quote(f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", safe=PLAIN)
    return Place(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)


def open_to(host: str, port: int, *, allow_here: bool) -> list[str]:
    """The network addresses of a host, all of which may be asked; FetchError names one that may not."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        raise FetchError(f"{host} is not known") from None
    stated = allow_here and host.lower() in HERE
    for one in sorted(found):
        known = ipaddress.ip_address(one.partition("%")[0])
        inner = getattr(known, "ipv4_mapped", None) or getattr(known, "sixtofour", None) or known
        if not (inner.is_global and not inner.is_multicast) and not (stated and inner.is_loopback):
            raise FetchError(f"{host} is {one}, which is not of the open network")
    return sorted(found)


def _asked(place: Place, ends: float, most: int, *, allow_here: bool) -> bytes | str:
    """The bytes, or where it is redirected to."""
    connection = _connection(place, lambda: _socket(place, ends, allow_here=allow_here))
    try:
        connection.request("GET", place.path, headers={"User-Agent": "millstream", "Accept": "image/*"})
        answer = connection.getresponse()
        if answer.status in REDIRECTED and (target := answer.getheader("Location")):
            return target
        if answer.status != http.client.OK:
            raise FetchError(f"{place.host} answers {answer.status}")
        return _read(answer, connection, ends, most)
    except FetchError:
        raise
    except TimeoutError:
        raise FetchError(f"{place.host} does not answer in time") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchError(f"{place.host} cannot be asked ({' '.join(str(error).split()) or 'no answer'})") from None
    finally:
        connection.close()


def _read(answer: http.client.HTTPResponse, connection: http.client.HTTPConnection, ends: float, most: int) -> bytes:
    """What comes, while there is time and it is not too much."""
    told = answer.getheader("Content-Length", "")
    if told.isdecimal() and int(told) > most:
        raise FetchError(f"{int(told):,} bytes, at the most {most:,}")
    content = bytearray()
    while chunk := answer.read1(CHUNK):
        content += chunk
        if len(content) > most:
            raise FetchError(f"more than {most:,} bytes")
        _limit(connection.sock, ends)
    return bytes(content)


def _connection(place: Place, connect: Callable[[], socket.socket]) -> http.client.HTTPConnection:
    """A connection over a socket of ours."""
    connection = http.client.HTTPConnection(place.host, place.port)
    opened = connect()
    try:
        secure = _trusted().wrap_socket(opened, server_hostname=place.host) if place.scheme == "https" else opened
    except (OSError, ValueError) as error:
        opened.close()
        raise FetchError(f"{place.host} is not trusted ({' '.join(str(error).split())})") from None
    connection.sock = secure
    return connection


def _socket(place: Place, ends: float, *, allow_here: bool) -> socket.socket:
    """Connected to the first address that answers."""
    for address in open_to(place.host, place.port, allow_here=allow_here):
        try:
            return socket.create_connection((address, place.port), timeout=_left(ends))
        except OSError:
            continue
    raise FetchError(f"{place.host} does not answer")


def _limit(opened: socket.socket | None, ends: float) -> None:
    left = _left(ends)
    if opened is not None:
        opened.settimeout(left)


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()
