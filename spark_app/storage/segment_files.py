"""Where segments are kept: for each set of features the newest three, as shelves.py keeps them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from spark_app.segmentation import DECIDES, FEATURES, Features
from spark_app.settings import Settings
from spark_app.storage import shelves
from spark_app.storage.by_user import ByUser
from spark_app.storage.shelves import Shelf
from spark_app.storage.tables import DamagedError

HOME = "segments"
SEGMENTS, PROFILES, STRATEGIES, TOPS = "segments.parquet", "profiles.parquet", "strategies.parquet", "tops.parquet"
SIMILARITY, COMMUNITIES = "similarity.parquet", "communities.parquet"
# What is looked up user by user, from the tables of the same name.
LOOKED_UP = (SEGMENTS, SIMILARITY)


class Folder(shelves.Folder):
    """The segments of one set of features, kept or being written."""

    __slots__ = ()

    @property
    def features(self) -> Features:
        """What they are by."""
        return cast(Features, self.home.parent.name)


class NoSegmentError(ValueError):
    """There is no such segment; the message says which there are, or what makes them."""


def new(settings: Settings, features: Features, now: datetime | None = None) -> Folder:
    """An empty folder to write tables into; ids sort by time. What a crash has left is removed."""
    return Folder(*shelves.new(shelf(settings, features), now))


def publish(folder: Folder, summary: Mapping[str, Any]) -> None:
    """Write the summary, which says the features too, then let LATEST name it; as shelves.publish."""
    shelves.publish(folder, {"features": folder.features} | dict(summary), LOOKED_UP)


def latest(settings: Settings, features: Features) -> Folder | None:
    """What LATEST names; None before the first. DamagedError when that is not there."""
    found = shelves.latest(shelf(settings, features))
    return Folder(*found) if found else None


def named(settings: Settings, features: Features, name: str) -> Folder:
    """A kept one by its id. DamagedError when it is not there."""
    return Folder(*shelves.named(shelf(settings, features), name))


def intact(settings: Settings, told: Callable[[str], object], names: Sequence[str] = (SEGMENTS,)) -> list[Folder]:
    """The newest of each set of features that there is, in the order of FEATURES, without what is damaged.

    That is one of which the summary or these tables cannot be read; `told` has one line for each.
    """
    found = []
    for features in FEATURES:
        try:
            folder = latest(settings, features)
            found += [Folder(*shelves.ensure_readable(folder, names))] if folder is not None else []
        except DamagedError as error:
            told(f"{error}; until then they are left out")
    return found


def last_intact(settings: Settings, features: Features, told: Callable[[str], object]) -> Folder | None:
    """What LATEST names or, where that cannot be read and `told` has said so, the newest that can; None without any."""
    found = shelves.last_intact(shelf(settings, features), (SEGMENTS,), told)
    return Folder(*found) if found else None


def newest(folders: Sequence[Folder]) -> Folder | None:
    """The one that was made last, whatever its features."""
    return max(folders, key=lambda folder: folder.id, default=None)


def listed(settings: Settings, features: Features) -> list[Folder]:
    """All whole ones, the oldest first."""
    return [Folder(*folder) for folder in shelves.listed(shelf(settings, features))]


def looked_up(folder: Folder, name: str = SEGMENTS) -> ByUser:
    """SEGMENTS or SIMILARITY user by user, mapped. DamagedError when that cannot be read."""
    return shelves.looked_up(folder, name)


def needed(settings: Settings, features: Features) -> Folder:
    """What LATEST names. NoSegmentError before the first, in words, or DamagedError."""
    folder = latest(settings, features)
    if folder is None:
        raise NoSegmentError(f"no segments by {features} are kept yet: `python -m spark_app segments` makes them")
    return folder


def among(folder: Folder, segment: int) -> pa.Array:
    """The users of one segment, by the method that decides. NoSegmentError in words, or DamagedError."""
    own = (pc.field("method") == DECIDES) & (pc.field("segment") == segment)
    users = shelves.table(folder, SEGMENTS, ["user"], own)["user"].combine_chunks()
    if not len(users):
        there = ", ".join(str(one["segment"]) for one in folder.summary["segments"].get(DECIDES, []))
        raise NoSegmentError(f"there is no segment {segment} by {folder.features}: expected one of {there}")
    return users


def home(settings: Settings, features: Features) -> Path:
    """Where those of one set of features are."""
    return settings.data_dir / HOME / features


def shelf(settings: Settings, features: Features) -> Shelf:
    """All of one set of features that are kept."""
    here, again = home(settings, features), f"`python -m spark_app segments --features {features}`"
    return Shelf(here, "segments", again, settings.place(here))
