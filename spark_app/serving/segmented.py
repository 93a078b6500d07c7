"""The kept segments, as they are asked for: the newest of each set of features, mapped, and others once they are kept.

Looked at with each question, which costs a few microseconds. What cannot be read leaves those before in their place;
where there is nothing else to answer from, the question is told so.
"""

import time
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
import pyarrow.compute as pc
import structlog

from spark_app import segment_files, shelves
from spark_app.arrays import Places
from spark_app.by_user import ByUser
from spark_app.segment_files import PROFILES, SIMILARITY, Folder
from spark_app.segmentation import FEATURES, Features, Method
from spark_app.serving.pointer import Pointer
from spark_app.serving.problems import Problem
from spark_app.settings import Settings
from spark_app.tables import DamagedError

# Seconds until what could not be read is tried again.
PATIENCE = 5.0
# Of the summary, what is told of a user's segment.
_TOLD = ("label", "strategy", "size", "share")
_PROFILED = ("segment", "feature", "mean", "overall_mean", "lift")
_SEED = 7


class Segments:
    """The segments of one set of features. Nothing changes in it once it is opened."""

    def __init__(self, folder: Folder) -> None:
        self._folder, self.id, self.features = folder, folder.id, folder.features
        self.summary = folder.summary
        self._of_user: ByUser = segment_files.looked_up(folder)
        self._about = {
            (method, one["segment"]): {name: one.get(name) for name in _TOLD}
            for method, some in self.summary["segments"].items()
            for one in some
        }
        self._places: dict[Method, Places] = {}

    def of(self, user: str) -> list[dict[str, Any]]:
        """The segment of a user by each method, as answers have it; none for one without."""
        return [
            {"features": self.features, "id": self.id, "made_at": self.summary.get("made_at"),
             "method": row["method"], "segment": row["segment"]}
            | self._about.get((row["method"], row["segment"]), dict.fromkeys(_TOLD))
            | {name: row[name] for name in ("distance", "x", "y")}
            for row in self._of_user.of(user)
        ]  # fmt: skip

    def points(self, method: Method, limit: int) -> tuple[int, list[dict[str, Any]]]:
        """(how many users have a segment by a method, so many of them by chance, the same ones each time)."""
        if method not in self._places:
            self._places[method] = self._of_user.places("method", method)
        places = self._places[method]
        if limit < len(places):
            places = np.sort(np.random.default_rng(_SEED).choice(places, limit, replace=False))
        told = ("user", "segment", "x", "y")
        return len(self._places[method]), [{name: row[name] for name in told} for row in self._of_user.at(places)]

    def profiles(self, method: Method) -> list[dict[str, Any]]:
        """The mean of each column in each segment of a method, beside that of all."""
        try:
            found = shelves.table(self._folder, PROFILES, _PROFILED, pc.field("method") == method)
        except DamagedError as error:
            raise _not_now(str(error)) from error
        order = {column["name"]: place for place, column in enumerate(self.summary.get("columns", []))}
        return sorted(found.to_pylist(), key=lambda row: (row["segment"], order.get(row["feature"], len(order))))

    def alike(self, user: str, limit: int) -> list[dict[str, Any]]:
        """(user, score) of those who are most like a user, the most first; none where nothing is known of the user."""
        try:
            found = self._similar.of(user)
        except DamagedError as error:
            raise _not_now(str(error)) from error
        rows = sorted(found, key=lambda row: (-row["score"], row["similar_user"]))
        return [{"user": row["similar_user"], "score": row["score"]} for row in rows[:limit]]

    @cached_property
    def _similar(self) -> ByUser:
        return segment_files.looked_up(self._folder, SIMILARITY)


class Segmented:
    """Gives what is kept now, to any thread. Problem 503 where it cannot be read."""

    def __init__(self, settings: Settings) -> None:
        self._turn = Lock()
        self._followed = {name: _Followed(settings, name) for name in FEATURES}

    def now(self, features: Features | None = None) -> list[Segments]:
        """The newest of each set of features, or of this one, in the order of FEATURES."""
        asked = [self._followed[features]] if features else [*self._followed.values()]
        with self._turn:
            found = [shown for one in asked if (shown := one.now()) is not None]
        faults = [one.fault for one in asked if one.fault]
        if faults and not found:
            raise _not_now(faults[0])
        return found

    def newest(self) -> Segments | None:
        """The segments that were made last, whatever their features."""
        return max(self.now(), key=lambda one: one.id, default=None)

    def of(self, user: str) -> list[dict[str, Any]]:
        """The segments of a user, by all sets of features and methods."""
        return [row for one in self.now() for row in one.of(user)]


class _Followed:
    """The newest segments of one set of features."""

    def __init__(self, settings: Settings, features: Features) -> None:
        self._settings, self._features = settings, features
        self._pointer = Pointer(settings, f"{segment_files.HOME}/{features}")
        self._shown: Segments | None = None
        self.fault, self._rests_until = "", 0.0

    def now(self) -> Segments | None:
        """What is kept, or what was before while that cannot be read: `fault` then says why."""
        if time.monotonic() >= self._rests_until:
            self._look()
        return self._shown

    def _look(self) -> None:
        fault = ""
        try:
            name = self._pointer.named()
            if not name:
                self._shown = None
            elif self._shown is None or name != self._shown.id:
                self._shown = Segments(segment_files.named(self._settings, self._features, name))
        except Exception as error:  # noqa: BLE001 - what is shown stays, whatever it was
            fault = str(error) if isinstance(error, DamagedError) else f"{type(error).__name__}: {error}"
            self._rests_until = time.monotonic() + PATIENCE
        if fault and fault != self.fault:
            structlog.get_logger().error("segments cannot be read", features=self._features, error=fault)
        self.fault = fault


def _not_now(fault: str) -> Problem:
    return Problem(503, "Not readable now", fault, headers={"Retry-After": "5"})
