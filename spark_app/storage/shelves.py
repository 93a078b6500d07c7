"""Where what was found of users is kept: the newest three of a kind, each in a folder of its own and published whole.

A folder is written aside, its summary last, and it exists when the summary does; `LATEST` names the newest one and is
replaced by one atomic rename, or one put in a bucket, of which the folders here are copies. Spark writes the large
tables into it; no Spark is needed to list, show or find them. Whoever writes holds a lock: one folder
is made at a time.
"""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from spark_app.running import failpoints
from spark_app.storage import bucket, by_user, copies, disk, marks
from spark_app.storage.by_user import ByUser
from spark_app.storage.places import Place
from spark_app.storage.tables import DamagedError

LATEST, SUMMARY = "LATEST", "summary.json"
KEPT = 3


class Shelf(NamedTuple):
    """Where those of a kind are; `says` is the object that each summary holds, `again` the command that makes them.

    With a `place` they are there, and `home` is its copy.
    """

    home: Path
    says: str
    again: str
    place: Place | None = None


class Folder(NamedTuple):
    """One of them, kept or being written."""

    shelf: Shelf
    id: str
    home: Path

    @property
    def place(self) -> Place | None:
        """Where it is in a bucket."""
        return self.shelf.place and self.shelf.place / self.id

    @property
    def path(self) -> Path:
        """All its files on this machine; from a bucket they are brought when they are first asked for."""
        if self.place:
            copies.bring(self.place, self.home)
        return self.home

    @property
    def summary(self) -> dict[str, Any]:
        """What summary.json says. DamagedError when it cannot be read."""
        path = self.home / SUMMARY
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise damaged(self, path, error) from error
        if not isinstance(found, dict) or not isinstance(found.get(self.shelf.says), dict):
            raise damaged(self, path, f"it says nothing of {self.shelf.says}")
        return found


def new(shelf: Shelf, now: datetime | None = None) -> Folder:
    """An empty folder to write tables into; ids sort by time. What a crash has left is removed."""
    remove_unfinished(shelf)
    made = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    return _begun(shelf, made)


def instead_of(old: Folder) -> Folder:
    """An empty folder that is to take the place of another, with its time."""
    return _begun(old.shelf, old.id.rpartition("-")[0])


def write_rows(folder: Folder, name: str, rows: pa.Table) -> None:
    """A table of what is on the driver, as a folder of one part: a query of Spark costs more than a few rows do."""
    (folder.path / name).mkdir(exist_ok=True)
    pq.write_table(rows, folder.path / name / "part-00000.parquet")


def publish(folder: Folder, summary: Mapping[str, Any], looked_up_by_user: Sequence[str] = ()) -> None:
    """Write the summary, then let LATEST name it, and remove all but the newest three.

    Tables that are looked up user by user get a file for that. `id` and `made_at` are added to the summary where it
    does not say them. ValueError for a number that JSON has not; LATEST then names what it did.
    """
    for name in looked_up_by_user:
        if (folder.path / name).exists():
            by_user.write(opened(folder, name), _looked_up(folder, name))
    for path in sorted(folder.path.rglob("*")):
        disk.sync(path)
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    said = {"id": folder.id, "made_at": now} | dict(summary)
    seal(folder, said)
    failpoints.reach("between_files_and_pointer")
    marks.put(*_pointer(folder.shelf), folder.id)
    remove_old(folder.shelf)


def seal(folder: Folder, summary: Mapping[str, Any]) -> None:
    """Write the summary: from here on the folder exists. ValueError for a number that JSON has not."""
    text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False)
    if folder.place:
        copies.send(folder.home, folder.place)
    disk.replace_text(folder.home / SUMMARY, text + "\n")
    if folder.place:
        bucket.send(folder.home / SUMMARY, folder.place / SUMMARY)


def take_place(old: Folder, new: Folder) -> None:
    """Let LATEST name another folder, where it names this one; then this one goes."""
    if marks.said(*_pointer(old.shelf)) == old.id:
        marks.put(*_pointer(old.shelf), new.id)
    remove(old)


def latest(shelf: Shelf) -> Folder | None:
    """What LATEST names; None before the first. DamagedError when that is not there."""
    try:
        name = marks.said(*_pointer(shelf))
    except (OSError, ValueError) as error:
        raise DamagedError(f"{shelf.home / LATEST} cannot be read: {error}") from error
    return None if name is None else named(shelf, name)


def named(shelf: Shelf, name: str) -> Folder:
    """A kept one by its id. DamagedError when it is not there."""
    for folder in listed(shelf):
        if folder.id == name:
            return folder
    raise DamagedError(f"{shelf.home / LATEST} names {name!r}, which is not there: {shelf.again} makes them again")


def last_intact(shelf: Shelf, names: Sequence[str], told: Callable[[str], object]) -> Folder | None:
    """What LATEST names or, where that cannot be read and `told` has said so, the newest that can; None without any."""
    try:
        folder = latest(shelf)
        return folder and ensure_readable(folder, names)
    except DamagedError as error:
        found = next((one for one in reversed(listed(shelf)) if _is_readable(one, names)), None)
        told(f"{error}; their numbers go on from {found.id if found else 'nothing'}")
        return found


def ensure_readable(folder: Folder, names: Sequence[str]) -> Folder:
    """The same folder; DamagedError where its summary, or a part of these tables by its footer, cannot be read."""
    _ = folder.summary
    for name in names:
        parts = opened(folder, name)
        try:
            parts.count_rows()
        except (OSError, ValueError) as error:
            raise damaged(folder, folder.path / name, error) from error
    return folder


def listed(shelf: Shelf) -> list[Folder]:
    """All whole ones, the oldest first."""
    return [Folder(shelf, name, shelf.home / name) for name in copies.listed(shelf.home, shelf.place, SUMMARY)]


def table(
    folder: Folder, name: str, columns: Sequence[str] | None = None, filter: pc.Expression | None = None
) -> pa.Table:
    """One of its tables, or those columns and rows of it. DamagedError when it cannot be read."""
    try:
        return opened(folder, name).to_table(columns=list(columns) if columns is not None else None, filter=filter)
    except (OSError, ValueError) as error:
        raise damaged(folder, folder.path / name, error) from error


def opened(folder: Folder, name: str) -> ds.Dataset:
    """The same to be read batch by batch, its parts in their order. DamagedError when there are none."""
    parts = [str(part) for part in sorted((folder.path / name).glob("*.parquet"))]
    if not parts:
        raise damaged(folder, folder.path / name, "it has no parts")
    try:
        return ds.dataset(parts, format="parquet")
    except (OSError, ValueError) as error:
        raise damaged(folder, folder.path / name, error) from error


def looked_up(folder: Folder, name: str) -> ByUser:
    """A table user by user, mapped. DamagedError when that cannot be read."""
    path = _looked_up(folder, name)
    try:
        return ByUser(path)
    except (OSError, ValueError) as error:
        raise damaged(folder, path, error) from error


def remove_old(shelf: Shelf) -> list[str]:
    """Delete all but the newest three and what LATEST names; gives the ids."""
    shown = latest(shelf)
    whole = listed(shelf)
    old = [folder for folder in whole[:-KEPT] if folder != shown]
    for folder in old:
        remove(folder)
    return [folder.id for folder in old]


def remove(folder: Folder) -> None:
    """Remove one that nothing names any more."""
    copies.remove(folder.place, SUMMARY, folder.home)


def remove_unfinished(shelf: Shelf) -> list[str]:
    """Delete what a killed run left behind; gives the ids."""
    return copies.remove_torn(shelf.home, shelf.place, SUMMARY)


def damaged(folder: Folder, path: Path, why: object) -> DamagedError:
    """What is said of a file of it that cannot be read."""
    return DamagedError(f"{path} cannot be read: {why}: {folder.shelf.again} makes them again")


def _begun(shelf: Shelf, made: str) -> Folder:
    name = f"{made}-{secrets.token_hex(2)}"
    path = shelf.home / name
    copies.begin(path) if shelf.place else path.mkdir(parents=True)
    return Folder(shelf, name, path)


def _pointer(shelf: Shelf) -> tuple[Path, Place | None]:
    return shelf.home / LATEST, shelf.place and shelf.place / LATEST


def _is_readable(folder: Folder, names: Sequence[str]) -> bool:
    try:
        ensure_readable(folder, names)
    except DamagedError:
        return False
    return True


def _looked_up(folder: Folder, name: str) -> Path:
    return folder.path / name.replace(".parquet", ".arrow")
