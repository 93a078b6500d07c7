"""Locks in a bucket: an object that only one can put, renewed while it is held, and taken over when nobody renews it.

Put with `If-None-Match: *` it is there for the first alone; renewed, taken over and removed by its ETag, so that of two
who try one is refused. How long nobody renewed it is told by the clock of the bucket alone. A holder on this machine
whose process is gone is not waited for.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

import structlog

from spark_app.storage import bucket
from spark_app.storage.bucket import ConflictError
from spark_app.storage.places import Place

Facts = dict[str, Any]
# In a lease it is renewed so many times: one that fails is not the end.
_RENEWALS = 3
_LOOKS_EVERY = 0.2


class TakenError(RuntimeError):
    """Another has the lease; `holder` are its facts."""

    def __init__(self, holder: Facts) -> None:
        super().__init__("taken")
        self.holder = holder


class Seen(NamedTuple):
    """A lease as it stands in the bucket: what its holder wrote, its ETag, and seconds since it was renewed."""

    facts: Facts
    etag: str
    age: float

    @property
    def is_over(self) -> bool:
        """Whether nobody renews it any more."""
        return "seconds" not in self.facts or self.age > self.facts["seconds"] or _is_dead(self.facts)


@contextmanager
def held(place: Place, facts: Mapping[str, Any], seconds: float, wait: float = 0.0) -> Iterator[None]:
    """Have the lease for as long as it is needed; `facts` are what others are told. `wait`: seconds until it gives up.

    TakenError when another has it, be it in this process; OSError when the bucket cannot be reached.
    """
    own = dict(facts) | {"seconds": seconds, "token": token_hex(8), "space": _space()}
    lease = _Lease(place, own, _taken(place, own, wait))
    try:
        yield
    finally:
        lease.end()


def holder(place: Place) -> Facts | None:
    """What the holder wrote; None when nobody has it."""
    seen = _seen(place)
    return seen.facts if seen and not seen.is_over else None


def _taken(place: Place, own: Facts, wait: float) -> str:
    """Its ETag, once it is ours."""
    deadline = time.monotonic() + wait
    while True:
        try:
            return bucket.write_new(place, _content(own))
        except ConflictError:
            seen = _seen(place)
        if seen and seen.facts.get("token") == own["token"]:
            # It was put, and the answer got lost.
            return seen.etag
        if seen and seen.is_over and (etag := _over(place, own, seen)):
            return etag
        if time.monotonic() >= deadline:
            if seen:
                raise TakenError(seen.facts)
            continue
        time.sleep(_LOOKS_EVERY)


def _over(place: Place, own: Facts, seen: Seen) -> str:
    """Take it from who does not renew it; empty when another was faster."""
    try:
        etag = bucket.write_over(place, _content(own), seen.etag)
    except ConflictError:
        return ""
    structlog.get_logger().info("lock taken over", lock=place.name, left_by=seen.facts)
    return etag


class _Lease:
    """One that is held: a thread renews it until its end. Who has lost it is ended as by Ctrl-C."""

    def __init__(self, place: Place, own: Facts, etag: str) -> None:
        self._place, self._own, self._etag = place, own, etag
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease {place.name}", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Give it back, unless another has it."""
        self._ended.set()
        self._thread.join()
        try:
            bucket.remove(self._place, self._etag)
        except OSError as error:
            structlog.get_logger().warning("lock could not be given back", lock=self._place.name, error=str(error))

    def _renew(self) -> None:
        while not self._ended.wait(self._own["seconds"] / _RENEWALS):
            try:
                self._etag = bucket.write_over(self._place, _content(self._own), self._etag)
            except ConflictError:
                if not self._is_ours():
                    structlog.get_logger().error("lock lost: nobody saw it renewed", lock=self._place.name)
                    os.kill(os.getpid(), signal.SIGINT)
                    return
            except OSError as error:
                structlog.get_logger().warning("lock could not be renewed", lock=self._place.name, error=str(error))

    def _is_ours(self) -> bool:
        """Whether it was renewed, and only the answer got lost."""
        with suppress(OSError):
            seen = _seen(self._place)
            if seen is None or seen.facts.get("token") != self._own["token"]:
                return False
            self._etag = seen.etag
        return True


def _seen(place: Place) -> Seen | None:
    """As it stands; None when there is none. What is no lease is over at once."""
    try:
        content, etag, age = bucket.read_with_age(place)
    except FileNotFoundError:
        return None
    try:
        facts = json.loads(content)
    except ValueError:
        facts = {}
    return Seen(facts if isinstance(facts, dict) else {}, etag, age)


def _content(own: Facts) -> bytes:
    """With the time until which it holds by this machine's clock, for people; what counts is its age."""
    until = datetime.now(UTC) + timedelta(seconds=own["seconds"])
    return json.dumps(own | {"expires_at": until.isoformat(timespec="seconds")}).encode()


def _is_dead(facts: Facts) -> bool:
    """Whether its process was of this machine and is gone."""
    if not facts.get("space") or facts["space"] != _space():
        return False
    try:
        os.kill(int(facts["pid"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, KeyError):
        return False
    return False


def _space() -> str:
    """Names what process ids are of: this start of the machine, and the container; empty where that is not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""
