"""Tables whose files this process reads itself: those of a bucket are brought here first, what is here already is not.

Log entries and files of a Delta table never change once they are written, so that a copy is never old, but only behind.
On this machine's own tables nothing is done.
"""

import json
from collections.abc import Iterable
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from spark_app.settings import Settings
from spark_app.storage import bucket, tables
from spark_app.storage.tables import DamagedError


def here(settings: Settings, name: str, version: int | None = None) -> DeltaTable:
    """A table of which all files are on this machine. DamagedError when one is gone."""
    return brought(settings, name, tables.opened(settings, name, version))


def brought(settings: Settings, name: str, table: DeltaTable) -> DeltaTable:
    """The same of one that is opened where it is."""
    place = settings.place(tables.path(settings, name))
    if place is None:
        return table
    follow_log(settings, name)
    bring(settings, name, map(unquote, pa.table(table.get_add_actions())["path"].to_pylist()))
    try:
        return DeltaTable(tables.path(settings, name), version=table.version())
    except DeltaError as error:
        raise DamagedError(f"version {table.version()} of {place} cannot be read: {error}") from error


def follow_log(settings: Settings, name: str) -> None:
    """Bring what is new in its log."""
    folder = tables.path(settings, name) / tables.LOG
    place = settings.place(folder)
    if place is None:
        return
    there = bucket.listed(place)
    gone = {path.name for path in folder.glob("[!.]*")} - there.keys()
    for file in gone:
        (folder / file).unlink()
    if gone:
        # Where a log was shortened, files went too.
        _tidy_files(settings, name)
    new = sorted(file for file, entry in there.items() if _is_behind(settings, name, file, entry))
    # In their order, so that a copy that was cut short is of an older version.
    for file in new:
        bucket.fetch(place / file, folder / file)


def follow(settings: Settings, name: str, since: int) -> None:
    """Bring what is new in its log, and the files that came after a version."""
    if not settings.place(tables.path(settings, name)):
        return
    follow_log(settings, name)
    for entry in sorted((tables.path(settings, name) / tables.LOG).glob("*.json")):
        if entry.stem.isdigit() and int(entry.stem) > since:
            actions = map(json.loads, entry.read_bytes().splitlines())
            bring(settings, name, [unquote(one["add"]["path"]) for one in actions if one.get("add")])


def bring(settings: Settings, name: str, files: Iterable[str]) -> None:
    """Bring files that are not here yet; one that is gone from the bucket is left out."""
    folder = tables.path(settings, name)
    place = settings.place(folder)
    missing = [file for file in files if not (folder / file).exists()] if place else []
    if place and missing:
        there = bucket.listed(place)
        bucket.fetch_all(place, folder, [file for file in missing if file in there])


def tidy(settings: Settings, name: str) -> None:
    """Remove copies of what is in the bucket no more, log and files."""
    if settings.place(tables.path(settings, name)):
        follow_log(settings, name)
        _tidy_files(settings, name)


def _tidy_files(settings: Settings, name: str) -> None:
    there = tables.files(settings, name)
    for path in tables.path(settings, name).glob("*.parquet"):
        if path.name not in there:
            path.unlink(missing_ok=True)


def _is_behind(settings: Settings, name: str, file: str, entry: bucket.Entry) -> bool:
    path = tables.path(settings, name) / tables.LOG / file
    # Only what names the newest checkpoint is written over.
    return file == "_last_checkpoint" or not path.exists() or path.stat().st_size != entry.bytes
