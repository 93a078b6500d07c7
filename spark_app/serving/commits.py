"""The log of a Delta table, entry by entry: which files a version added, without opening the table.

By the Delta protocol an entry is a file of JSON actions, one a line. The library gives the state of a table, and a
change feed that has every row that a rewrite has moved and fails once the old file is removed; so this is read here.
"""

import json
import time
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from spark_app.storage.tables import DamagedError

# An entry that is not whole and was touched in this many seconds is being written.
_STILL_WRITTEN = 5.0


class Mark(NamedTuple):
    """Tells the file of an entry from another of its name."""

    inode: int
    modified: int


class Commit(NamedTuple):
    """A version of a table: the files that brought it new rows, in the order of the entry."""

    version: int
    mark: Mark
    parts: tuple[Path, ...]


def mark(folder: Path, version: int) -> Mark | None:
    """Of the entry of a version; None when there is none."""
    try:
        status = _entry(folder, version).stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Mark(status.st_ino, status.st_mtime_ns)


def read(folder: Path, version: int) -> Commit | None:
    """The entry of a version; None when there is none yet, or when it is still being written.

    DamagedError when it cannot be read and nobody writes it.
    """
    found = mark(folder, version)
    if found is None:
        return None
    try:
        parts = _new_parts([json.loads(line) for line in _entry(folder, version).read_bytes().splitlines()])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if time.time() - found.modified / 1e9 > _STILL_WRITTEN:
            raise DamagedError(f"{_entry(folder, version)} cannot be read: {error}: put it back from a copy") from error
        return None
    return Commit(version, found, tuple(folder / part for part in parts))


def _new_parts(actions: list[dict[str, dict]]) -> list[str]:
    """A commit that removes files, as compaction and removal do, brings back rows that were there before."""
    if not actions:
        raise ValueError("it is empty")
    if any(action.get("remove") for action in actions):
        return []
    added = [action["add"] for action in actions if action.get("add")]
    return [unquote(add["path"]) for add in added if add["dataChange"]]


def _entry(folder: Path, version: int) -> Path:
    return folder / "_delta_log" / f"{version:020}.json"
