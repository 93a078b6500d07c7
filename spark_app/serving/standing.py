"""How things stand, for whoever asks however often: looked at once a second at the most, and when something changed.

What waits at the source is looked at beside the answers: a broker that is away, or a large file, takes its time.
"""

import threading
import time
from pathlib import Path
from typing import Any

import structlog
from deltalake.exceptions import DeltaError

from spark_app import locks, status
from spark_app.generations import METRICS, NoGenerationError
from spark_app.serving.problems import Problem
from spark_app.settings import Settings
from spark_app.status import Lag
from spark_app.storage import tables

# Seconds between two looks; and after so many it is looked at, whether anything was written or not.
_BETWEEN, _AT_LAST = 1.0, 5.0
# A look at the source takes a tenth of the time at the most, and so many seconds at the longest lie between two.
_IDLE, _LAG_BETWEEN, _LAG_AT_LAST = 10, 2.0, 30.0
# The first who asks waits so long for it.
_A_MOMENT = 0.25


class Standing:
    """What `status.found` says of one data folder, at most a second old while things change."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._turn = settings, threading.Lock()
        self._found: dict[str, Any] = {}
        self._stamps: tuple[int, ...] = ()
        self._asked_at = self._looked_at = -_AT_LAST
        self._lag: Lag | None = None
        self._lag_due_at, self._looking = 0.0, threading.Lock()

    def now(self) -> dict[str, Any]:
        """As `status.found`; Problem 503 while it cannot be known. Safe in many threads, of which one looks."""
        with self._turn:
            now = time.monotonic()
            if now - self._asked_at >= _BETWEEN:
                stamps = _stamps(self._settings)
                if stamps != self._stamps or now - self._looked_at >= _AT_LAST:
                    self._look(stamps)
                self._asked_at = time.monotonic()
            return self._found | {"lag": self._lag_now()}

    def _look(self, stamps: tuple[int, ...]) -> None:
        try:
            self._found = status.found(self._settings, lag=lambda _: None)
        except (OSError, ValueError, KeyError, DeltaError, tables.DamagedError, NoGenerationError) as error:
            structlog.get_logger().warning("status cannot be known", error=f"{type(error).__name__}: {error}")
            if not self._found:
                detail = "the tables cannot be read: the log says why"
                raise Problem(503, "Not known now", detail, headers={"Retry-After": "5"}) from error
            return
        self._stamps, self._looked_at = stamps, time.monotonic()

    def _lag_now(self) -> Lag | None:
        """What was found last; where that is old, it is looked at anew meanwhile."""
        if time.monotonic() >= self._lag_due_at and self._looking.acquire(blocking=False):
            looking = threading.Thread(target=self._look_at_source, name="lag", daemon=True)
            looking.start()
            looking.join(0.0 if self._lag else _A_MOMENT)
        return self._lag

    def _look_at_source(self) -> None:
        began = time.monotonic()
        try:
            self._lag = status.lag(self._settings)
        except Exception as error:  # noqa: BLE001 - whatever it was, the rest of the status is known
            self._lag = {"records": None, "reason": f"{type(error).__name__}: {error}"}
        finally:
            pause = max(_LAG_BETWEEN, min(_IDLE * (time.monotonic() - began), _LAG_AT_LAST))
            self._lag_due_at = time.monotonic() + pause
            self._looking.release()


def _stamps(settings: Settings) -> tuple[int, ...]:
    """Of what changes when something is written: the logs of the tables, generations, locks and results."""
    logs = [tables.path(settings, name) / tables.LOG for name in (tables.EVENTS, tables.QUARANTINE, tables.BATCHES)]
    held = [settings.data_dir / "locks" / f"{name}.lock" for name in (locks.INGEST, locks.TRAIN)]
    folders = [settings.data_dir / "generations", settings.results_dir / METRICS]
    return tuple(map(_stamp, [*logs, *held, *folders]))


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
