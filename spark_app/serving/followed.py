"""What a pointer names, opened: the newest of what is kept of users, and another once that is kept.

Looked at with each question, which costs a few microseconds. What cannot be read leaves what was there before in its
place.
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import Generic, Protocol, TypeVar

import structlog

from spark_app.serving.pointer import Pointer
from spark_app.serving.problems import Problem
from spark_app.storage.tables import DamagedError

# Seconds until what could not be read is tried again.
PATIENCE = 5.0


class Kept(Protocol):
    """What is opened; nothing changes in it."""

    id: str


Opened = TypeVar("Opened", bound=Kept)


class Followed(Generic[Opened]):
    """Gives what is kept now, to any thread; `opened` makes it of the name in the pointer, `what` it is called."""

    def __init__(self, pointer: Pointer, opened: Callable[[str], Opened], what: str, **about: str) -> None:
        self._pointer, self._opened = pointer, opened
        self._what, self._about = what, about
        self._turn = Lock()
        self._shown: Opened | None = None
        self.fault, self._rests_until = "", 0.0

    def now(self) -> Opened | None:
        """What is kept, or what was before while that cannot be read: `fault` then says why. None before the first."""
        with self._turn:
            if time.monotonic() >= self._rests_until:
                self._look()
            return self._shown

    def readable(self) -> Opened | None:
        """The same; Problem 503 where what is kept cannot be read and nothing was before."""
        shown = self.now()
        if shown is None and self.fault:
            raise not_now(self.fault)
        return shown

    def _look(self) -> None:
        fault = ""
        try:
            name = self._pointer.named()
            if not name:
                self._shown = None
            elif self._shown is None or name != self._shown.id:
                self._shown = self._opened(name)
        except Exception as error:  # noqa: BLE001 - what is shown stays, whatever it was
            fault = str(error) if isinstance(error, DamagedError) else f"{type(error).__name__}: {error}"
            self._rests_until = time.monotonic() + PATIENCE
        if fault and fault != self.fault:
            structlog.get_logger().error(f"{self._what} cannot be read", error=fault, **self._about)
        self.fault = fault


def not_now(fault: str) -> Problem:
    """What is said of what cannot be read."""
    return Problem(503, "Not readable now", fault, headers={"Retry-After": "5"})
