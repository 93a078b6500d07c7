"""Files of a bucket that are offered to the intake: those that were not taken yet are brought here, dated as there.

From then on they are files like any other, called by their place. What was taken is not kept here.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from spark_app.intake import records
from spark_app.settings import Settings
from spark_app.storage import bucket, ledger, places
from spark_app.storage.bucket import Entry
from spark_app.storage.places import Place

# Seconds between two looks into a bucket that is followed.
LOOKS_EVERY = 5.0
# Files with such a name are passed over in silence.
_HIDDEN = ".folder"


def named(settings: Settings, path: Path) -> str:
    """What a file is called for ever: its path below the data folder, else its whole path, or its place."""
    name = records.partition_of(path, settings.data_dir)
    return settings.told(path) if Path(name).is_absolute() else name


def here(settings: Settings, path: Path) -> Path:
    """Where a file or folder that was asked for is on this machine, once it was brought."""
    if places.is_one(path):
        path = places.copy_of(places.parse(path, settings.s3.endpoint), settings.s3.home)
    follow(settings, path)
    return path


def follow(settings: Settings, path: Path) -> None:
    """Bring what is new below a path that is a copy; what was taken as it is there, or is gone there, goes here."""
    if not (place := settings.place(path)):
        return
    wanted = {path / name if name else path: entry for name, entry in _waiting(settings, path, place).items()}
    for copy in [path] if path.is_file() else path.rglob("*"):
        if copy.is_file() and not copy.name.startswith(".") and copy not in wanted:
            copy.unlink()
    for copy, entry in wanted.items():
        bucket.follow(settings.place(copy) or place, entry, copy)


def ensure_there(settings: Settings, path: Path) -> None:
    """Let a folder be there before anything is in it: a bucket has none without an object."""
    if (place := settings.place(path)) and not bucket.listed(place) and not bucket.entry(place):
        bucket.write(place / _HIDDEN, b"")


def brought(settings: Settings, path: Path, names: Sequence[str]) -> list[str]:
    """Where files below a path are on this machine, of which a cluster may have found some in the bucket itself."""
    found = [places.parse(name, settings.s3.endpoint) if places.is_one(name) else name for name in names]
    if any(isinstance(one, Place) for one in found):
        follow(settings, path)
    return [str(places.copy_of(one, settings.s3.home)) if isinstance(one, Place) else one for one in found]


def waiting(settings: Settings, path: Path) -> int:
    """How many files wait below a path that is a copy, without one being brought."""
    place = settings.place(path)
    return sum(entry.bytes > 0 for entry in _waiting(settings, path, place).values()) if place else 0


def move_taken(settings: Settings, inbox: Path, aside: Path, *, dry: bool = False) -> int:
    """Move objects of an inbox that were taken, and have not changed since, aside; gives how many."""
    source, target = settings.place(inbox), settings.place(aside)
    if not source or not target:
        return 0
    names = bucket.listed(source).keys() - _waiting(settings, inbox, source).keys()
    for name in () if dry else sorted(names):
        bucket.move(source / name, target / name)
    return len(names)


def delete_taken(place: Place, latest: float, *, dry: bool = False) -> list[int]:
    """Delete objects that were moved aside until then, in seconds since 1970; gives their bytes."""
    old = {name: one.bytes for name, one in bucket.listed(place).items() if one.modified_at.timestamp() <= latest}
    if not dry:
        bucket.remove_all(place, old)
    return [*old.values()]


class Following:
    """Folders of a bucket that are looked into again and again."""

    def __init__(self, settings: Settings, paths: Sequence[Path]) -> None:
        self._settings, self._paths = settings, [path for path in paths if settings.place(path)]
        self._looked_at = time.monotonic()

    def beat(self) -> None:
        """Called often; brings what is new when it is time to."""
        if self._paths and time.monotonic() - self._looked_at >= LOOKS_EVERY:
            for path in self._paths:
                follow(self._settings, path)
            self._looked_at = time.monotonic()


def _waiting(settings: Settings, path: Path, place: Place) -> dict[str, Entry]:
    """What stands below a place and was not taken as it is; "" is the place itself."""
    there = bucket.listed(place)
    if not there and (one := bucket.entry(place)):
        there = {"": one}
    taken = ledger.taken_files(settings)
    found = {}
    for name, entry in there.items():
        before = taken.get(named(settings, path / name))
        if (before is None or before[:2] != (entry.bytes, entry.modified_at)) and not name.endswith("/"):
            found[name] = entry
    return found

