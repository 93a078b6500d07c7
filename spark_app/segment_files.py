"""Where segments are kept: for each set of features the newest three, each in a folder of its own and published whole.

A folder is written aside, its summary last, and it exists when the summary does; `LATEST` names the newest one and is
replaced by one atomic rename. Spark writes the large tables into it; no Spark is needed to list, show or find them.
Whoever writes holds a lock: one set of segments is made at a time.
"""

import json
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from spark_app import by_user, disk, failpoints
from spark_app.by_user import ByUser
from spark_app.segmentation import DECIDES, FEATURES, Features
from spark_app.settings import Settings
from spark_app.tables import DamagedError

HOME, LATEST, SUMMARY = "segments", "LATEST", "summary.json"
SEGMENTS, PROFILES, STRATEGIES, TOPS = "segments.parquet", "profiles.parquet", "strategies.parquet", "tops.parquet"
SIMILARITY, COMMUNITIES = "similarity.parquet", "communities.parquet"
# What is looked up user by user, from the tables of the same name.
LOOKED_UP = (SEGMENTS, SIMILARITY)
KEPT = 3
_AGAIN = "`python -m spark_app segments --features {}` makes them again"


class Folder(NamedTuple):
    """The segments of one set of features, kept or being written."""

    features: Features
    id: str
    path: Path

    @property
    def summary(self) -> dict[str, Any]:
        """What summary.json says. DamagedError when it cannot be read."""
        path = self.path / SUMMARY
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise _damaged(self, path, error) from error
        if not isinstance(found, dict) or not isinstance(found.get("segments"), dict):
            raise _damaged(self, path, "it says nothing of segments")
        return found


class NoSegmentError(ValueError):
    """There is no such segment; the message says which there are, or what makes them."""


def new(settings: Settings, features: Features, now: datetime | None = None) -> Folder:
    """An empty folder to write tables into; ids sort by time. What a crash has left is removed."""
    remove_unfinished(settings, features)
    made = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    name = f"{made}-{secrets.token_hex(2)}"
    path = home(settings, features) / name
    path.mkdir(parents=True)
    return Folder(features, name, path)


def write_rows(folder: Folder, name: str, rows: pa.Table) -> None:
    """A table of what is on the driver, as a folder of one part: a query of Spark costs more than a few rows do."""
    (folder.path / name).mkdir(exist_ok=True)
    pq.write_table(rows, folder.path / name / "part-00000.parquet")


def publish(settings: Settings, folder: Folder, summary: Mapping[str, Any]) -> None:
    """Write the summary, then let LATEST name it, and remove all but the newest three.

    `id`, `features` and `made_at` are added to the summary where it does not say them. ValueError for a number that
    JSON has not; LATEST then names what it did.
    """
    for name in LOOKED_UP:
        if (folder.path / name).exists():
            by_user.write(opened(folder, name), _looked_up(folder, name))
    for path in sorted(folder.path.rglob("*")):
        disk.sync(path)
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    said = {"id": folder.id, "features": folder.features, "made_at": now} | dict(summary)
    text = json.dumps(said, indent=2, ensure_ascii=False, allow_nan=False)
    disk.replace_text(folder.path / SUMMARY, text + "\n")
    failpoints.reach("between_files_and_pointer")
    disk.replace_text(folder.path.parent / LATEST, folder.id + "\n")
    remove_old(settings, folder.features)


def latest(settings: Settings, features: Features) -> Folder | None:
    """What LATEST names; None before the first. DamagedError when that is not there."""
    pointer = home(settings, features) / LATEST
    try:
        name = pointer.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DamagedError(f"{pointer} cannot be read: {error}") from error
    return named(settings, features, name)


def named(settings: Settings, features: Features, name: str) -> Folder:
    """A kept one by its id. DamagedError when it is not there."""
    for folder in listed(settings, features):
        if folder.id == name:
            return folder
    where = home(settings, features)
    raise DamagedError(f"{where / LATEST} names {name!r}, which is not there: {_AGAIN.format(features)}")


def intact(settings: Settings, told: Callable[[str], object], names: Sequence[str] = (SEGMENTS,)) -> list[Folder]:
    """The newest of each set of features that there is, in the order of FEATURES, without what is damaged.

    That is one of which the summary or these tables cannot be read; `told` has one line for each.
    """
    found = []
    for features in FEATURES:
        try:
            folder = latest(settings, features)
            found += [ensure_readable(folder, names)] if folder is not None else []
        except DamagedError as error:
            told(f"{error}; until then they are left out")
    return found


def last_intact(settings: Settings, features: Features, told: Callable[[str], object]) -> Folder | None:
    """What LATEST names or, where that cannot be read and `told` has said so, the newest that can; None without any."""
    try:
        folder = latest(settings, features)
        return folder and ensure_readable(folder)
    except DamagedError as error:
        found = next((one for one in reversed(listed(settings, features)) if _is_readable(one)), None)
        told(f"{error}; their numbers go on from {found.id if found else 'nothing'}")
        return found


def ensure_readable(folder: Folder, names: Sequence[str] = (SEGMENTS,)) -> Folder:
    """The same folder; DamagedError where its summary, or a part of these tables by its footer, cannot be read."""
    _ = folder.summary
    for name in names:
        parts = opened(folder, name)
        try:
            parts.count_rows()
        except (OSError, ValueError) as error:
            raise _damaged(folder, folder.path / name, error) from error
    return folder


def newest(folders: Sequence[Folder]) -> Folder | None:
    """The one that was made last, whatever its features."""
    return max(folders, key=lambda folder: folder.id, default=None)


def listed(settings: Settings, features: Features) -> list[Folder]:
    """All whole ones, the oldest first."""
    return [folder for folder in _folders(settings, features) if (folder.path / SUMMARY).exists()]


def table(
    folder: Folder, name: str, columns: Sequence[str] | None = None, filter: pc.Expression | None = None
) -> pa.Table:
    """One of its tables, or those columns and rows of it. DamagedError when it cannot be read."""
    try:
        return opened(folder, name).to_table(columns=list(columns) if columns is not None else None, filter=filter)
    except (OSError, ValueError) as error:
        raise _damaged(folder, folder.path / name, error) from error


def opened(folder: Folder, name: str) -> ds.Dataset:
    """The same to be read batch by batch, its parts in their order. DamagedError when there are none."""
    parts = [str(part) for part in sorted((folder.path / name).glob("*.parquet"))]
    if not parts:
        raise _damaged(folder, folder.path / name, "it has no parts")
    try:
        return ds.dataset(parts, format="parquet")
    except (OSError, ValueError) as error:
        raise _damaged(folder, folder.path / name, error) from error


def looked_up(folder: Folder, name: str = SEGMENTS) -> ByUser:
    """SEGMENTS or SIMILARITY user by user, mapped. DamagedError when that cannot be read."""
    path = _looked_up(folder, name)
    try:
        return ByUser(path)
    except (OSError, ValueError) as error:
        raise _damaged(folder, path, error) from error


def needed(settings: Settings, features: Features) -> Folder:
    """What LATEST names. NoSegmentError before the first, in words, or DamagedError."""
    folder = latest(settings, features)
    if folder is None:
        raise NoSegmentError(f"no segments by {features} are kept yet: `python -m spark_app segments` makes them")
    return folder


def among(folder: Folder, segment: int) -> pa.Array:
    """The users of one segment, by the method that decides. NoSegmentError in words, or DamagedError."""
    own = (pc.field("method") == DECIDES) & (pc.field("segment") == segment)
    users = table(folder, SEGMENTS, ["user"], own)["user"].combine_chunks()
    if not len(users):
        there = ", ".join(str(one["segment"]) for one in folder.summary["segments"].get(DECIDES, []))
        raise NoSegmentError(f"there is no segment {segment} by {folder.features}: expected one of {there}")
    return users


def remove_old(settings: Settings, features: Features) -> list[str]:
    """Delete all but the newest three and what LATEST names; gives the ids."""
    shown = latest(settings, features)
    whole = listed(settings, features)
    old = [folder for folder in whole[:-KEPT] if folder != shown]
    for folder in old:
        # Without its summary it is gone; a kill from here on leaves what `remove_unfinished` takes away.
        (folder.path / SUMMARY).unlink()
        shutil.rmtree(folder.path)
    return [folder.id for folder in old]


def remove_unfinished(settings: Settings, features: Features) -> list[str]:
    """Delete what a killed run left behind; gives the ids."""
    left = [folder for folder in _folders(settings, features) if not (folder.path / SUMMARY).exists()]
    for folder in left:
        shutil.rmtree(folder.path)
    return [folder.id for folder in left]


def home(settings: Settings, features: Features) -> Path:
    """Where those of one set of features are."""
    return settings.data_dir / HOME / features


def _is_readable(folder: Folder) -> bool:
    try:
        ensure_readable(folder)
    except DamagedError:
        return False
    return True


def _folders(settings: Settings, features: Features) -> list[Folder]:
    where = home(settings, features)
    paths = sorted(path for path in where.iterdir() if path.is_dir()) if where.exists() else []
    return [Folder(features, path.name, path) for path in paths]


def _looked_up(folder: Folder, name: str) -> Path:
    return folder.path / name.replace(".parquet", ".arrow")


def _damaged(folder: Folder, path: Path, why: object) -> DamagedError:
    return DamagedError(f"{path} cannot be read: {why}: {_AGAIN.format(folder.features)}")
