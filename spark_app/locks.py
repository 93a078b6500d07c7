"""Locks on a data folder, so that two ingests or two trainings never work in it side by side.

A lock is the kernel's (flock): it goes with its process, however that ends. What stands in the file only says who
holds it, in words for the one who has to wait. In a bucket it is a lease.
"""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

import structlog

from spark_app.running.errors import SaidError
from spark_app.settings import Settings
from spark_app.storage import leases
from spark_app.storage.leases import TakenError
from spark_app.storage.places import Place

# The two long ones, the short one around what makes a generation the published one, and that of the results folder.
INGEST, TRAIN, PUBLISH, RESULTS = "ingest", "train", "publish", "results"
# Those of what is found of users: who has one reads a version of the event table all the while.
SEGMENTS, INTERESTS = OF_USERS = ("segments", "interests")
_LOOKS_EVERY = 0.05
# One who only asks has the lock for a moment; one who just got it has not written its name yet.
_A_MOMENT = 0.2


class LockedError(SaidError, RuntimeError):
    """Another has the lock; the message names it, and says since when and what to do."""


class Holder(NamedTuple):
    """Who has a lock: what it was started to do, its process id on which host, and since when (UTC)."""

    verb: str
    pid: int
    host: str
    since: datetime

    def __str__(self) -> str:
        since = f"{self.since.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        return f"`{self.verb}`, process {self.pid} on {self.host} since {since} UTC"


@contextmanager
def held(settings: Settings, name: str, verb: str, wait: float = 0.0) -> Iterator[None]:
    """Have the lock `name` of the data folder; `verb` is what others are told. `wait`: seconds until it gives up.

    LockedError when another has it, be it in this process. OSError when the folder cannot be written.
    """
    path = _path(settings, name)
    if place := settings.place(path):
        with _leased(place, name, verb, settings.s3.lease_seconds, wait):
            yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Python lets no child inherit the file, so that a JVM which outlives this process holds nothing.
    with path.open("a+") as file:
        _take(file, name, max(wait, _A_MOMENT))
        _note_the_dead(file, name)
        _write(file, json.dumps(_facts(_myself(verb))))
        try:
            yield
        finally:
            # Never unlinked: another may have it open already, and would lock a file that no one else finds.
            _write(file, "")


@contextmanager
def all_held(settings: Settings, names: Iterable[str], verb: str, wait: float = 0.0) -> Iterator[None]:
    """Have several, one after the other as they are named. LockedError as of the first that another has."""
    with ExitStack() as those:
        for name in names:
            those.enter_context(held(settings, name, verb, wait))
        yield


def holder(settings: Settings, name: str) -> Holder | None:
    """Who has the lock now; None when nobody has, or has not written its name yet."""
    if place := settings.place(_path(settings, name)):
        return _from_facts(leases.holder(place) or {})
    try:
        with _path(settings, name).open() as file:
            named = _named(file)
            return named if named and not _try(file, fcntl.LOCK_SH) else None
    except (FileNotFoundError, NotADirectoryError):
        return None


def _path(settings: Settings, name: str) -> Path:
    return settings.data_dir / "locks" / f"{name}.lock"


@contextmanager
def _leased(place: Place, name: str, verb: str, seconds: float, wait: float) -> Iterator[None]:
    with ExitStack() as having:
        try:
            having.enter_context(leases.held(place, _facts(_myself(verb)), seconds, wait))
        except TakenError as error:
            raise LockedError(_refusal(name, _from_facts(error.holder))) from None
        yield


def _take(file: IO[str], name: str, wait: float) -> None:
    deadline = time.monotonic() + wait
    while not _try(file, fcntl.LOCK_EX):
        if time.monotonic() >= deadline:
            raise LockedError(_refusal(name, _named(file)))
        time.sleep(_LOOKS_EVERY)


def _refusal(name: str, who: Holder | None) -> str:
    taken = f"another {name} has" if name in (INGEST, TRAIN) else f"another has the lock {name!r} of"
    return f"{taken} this data folder{f': {who}' if who else ''}; wait for it or stop it"


def _try(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _note_the_dead(file: IO[str], name: str) -> None:
    """Who ends well takes its name out; one that is still there was left by a process that was killed."""
    if dead := _named(file):
        structlog.get_logger().info("lock taken over", lock=name, left_by=_facts(dead))


def _named(file: IO[str]) -> Holder | None:
    file.seek(0)
    try:
        return _from_facts(json.loads(file.read()))
    except ValueError:
        return None


def _from_facts(facts: Any) -> Holder | None:
    try:
        return Holder(facts["verb"], facts["pid"], facts["host"], datetime.fromisoformat(facts["since"]))
    except (ValueError, KeyError, TypeError):
        return None


def _write(file: IO[str], text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


def _myself(verb: str) -> Holder:
    return Holder(verb, os.getpid(), socket.gethostname(), datetime.now(UTC))


def _facts(one: Holder) -> dict[str, str | int]:
    return one._asdict() | {"since": one.since.isoformat(timespec="seconds")}
