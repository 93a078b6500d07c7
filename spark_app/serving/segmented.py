"""The kept segments, as they are asked for: the newest of each set of features, mapped, and others once they are kept.

Where there is nothing else to answer from, a question is told what cannot be read.
"""

from functools import cached_property, partial
from typing import Any

import pyarrow.compute as pc

from spark_app.numbers.arrays import Places
from spark_app.segmentation import FEATURES, Features, Method
from spark_app.serving.followed import Followed, not_now
from spark_app.serving.pointer import Pointer
from spark_app.settings import Settings
from spark_app.storage import segment_files, shelves
from spark_app.storage.by_user import ByUser
from spark_app.storage.segment_files import PROFILES, SIMILARITY, Folder
from spark_app.storage.tables import DamagedError

# Of the summary, what is told of a user's segment.
_TOLD = ("label", "strategy", "size", "share")
_PROFILED = ("segment", "feature", "mean", "overall_mean", "lift")


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
        told = ("user", "segment", "x", "y")
        rows = self._of_user.some(self._places[method], limit)
        return len(self._places[method]), [{name: row[name] for name in told} for row in rows]

    def profiles(self, method: Method) -> list[dict[str, Any]]:
        """The mean of each column in each segment of a method, beside that of all."""
        try:
            found = shelves.table(self._folder, PROFILES, _PROFILED, pc.field("method") == method)
        except DamagedError as error:
            raise not_now(str(error)) from error
        order = {column["name"]: place for place, column in enumerate(self.summary.get("columns", []))}
        return sorted(found.to_pylist(), key=lambda row: (row["segment"], order.get(row["feature"], len(order))))

    def alike(self, user: str, limit: int) -> list[dict[str, Any]]:
        """(user, score) of those who are most like a user, the most first; none where nothing is known of the user."""
        try:
            found = self._similar.of(user)
        except DamagedError as error:
            raise not_now(str(error)) from error
        rows = sorted(found, key=lambda row: (-row["score"], row["similar_user"]))
        return [{"user": row["similar_user"], "score": row["score"]} for row in rows[:limit]]

    @cached_property
    def _similar(self) -> ByUser:
        return segment_files.looked_up(self._folder, SIMILARITY)


class Segmented:
    """Gives what is kept now, to any thread. Problem 503 where it cannot be read."""

    def __init__(self, settings: Settings) -> None:
        self._followed = {name: _followed(settings, name) for name in FEATURES}

    def now(self, features: Features | None = None) -> list[Segments]:
        """The newest of each set of features, or of this one, in the order of FEATURES."""
        asked = [self._followed[features]] if features else [*self._followed.values()]
        found = [shown for one in asked if (shown := one.now()) is not None]
        faults = [one.fault for one in asked if one.fault]
        if faults and not found:
            raise not_now(faults[0])
        return found

    def newest(self) -> Segments | None:
        """The segments that were made last, whatever their features."""
        return max(self.now(), key=lambda one: one.id, default=None)

    def of(self, user: str) -> list[dict[str, Any]]:
        """The segments of a user, by all sets of features and methods."""
        return [row for one in self.now() for row in one.of(user)]


def _followed(settings: Settings, features: Features) -> Followed[Segments]:
    pointer = Pointer(settings, f"{segment_files.HOME}/{features}")
    return Followed(pointer, partial(_opened, settings, features), "segments", features=features)


def _opened(settings: Settings, features: Features, name: str) -> Segments:
    return Segments(segment_files.named(settings, features, name))
