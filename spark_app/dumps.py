"""Dump and restore: all of a data folder that cannot be made again -> one checked file -> an empty data folder.

That is the three tables with their logs, so that a batch is known by its name and a version by its number; files of
the inbox that wait; tuned.json and the trials behind it; the shop's rules; segments and interests, whose numbers go on;
and the published and the newest generation, from which ids, judging and publishing go on. Checkpoints are not in it:
the ledger knows what was taken. Whoever calls this holds the locks of ingestion, of training and of segments.
From a bucket it is all brought here first; nothing is restored into one.
"""

import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from spark_app import decisive, generations, retention
from spark_app.generations import Generation
from spark_app.intake import records
from spark_app.running import failpoints
from spark_app.settings import Settings, tuned_file
from spark_app.storage import (
    archive,
    arrivals,
    bucket,
    disk,
    forgotten,
    history,
    interest_files,
    ledger,
    marks,
    segment_files,
    table_copies,
    tables,
)
from spark_app.storage.archive import WrongDumpError
from spark_app.storage.tables import BATCHES, EVENTS, QUARANTINE

TABLES = (EVENTS, QUARANTINE, BATCHES)
RULES = "rules"
# Rooms of which all is taken: what they hold is kept whole by those who write there.
_ROOMS = (segment_files.HOME, interest_files.HOME, forgotten.HOME)
# Of this machine alone, also where the others are in a bucket.
_TUNING = "tuning"
# Where it is written aside, and what that is called once all of it is there.
_ASIDE, _WHOLE = ".restoring", ".restored"
# What may be in an empty data folder: who works there, what that one logged, and what a restore left that was killed.
_OF_NOBODY = ("locks", "logs", "scratch", _ASIDE, _WHOLE)


def write(settings: Settings, path: Path) -> dict[str, Any]:
    """Dump the data folder into a new file; gives its manifest.

    WrongDumpError when the file is there already or its folder is not, or when there is nothing to dump. DamagedError
    when a file of a table is gone. OSError.
    """
    refuse_taken(path)
    for name in TABLES:
        tables.ensure_whole(settings, name, tables.version(settings, name))
    files = _files(settings)
    if not files:
        raise WrongDumpError(f"there is nothing to dump in {settings.told(settings.data_dir)}")
    return archive.write(path, files, _said(settings))


def refuse_taken(path: Path) -> None:
    """WrongDumpError when a dump cannot go to this path: a dump never takes the place of another."""
    if path.exists():
        raise WrongDumpError(f"{path} is there already; a dump is always a new file")
    if not path.parent.is_dir():
        raise WrongDumpError(f"{path.parent} is no folder")


def restore(settings: Settings, path: Path, manifest: archive.Manifest) -> None:
    """Put what a checked file holds into the data folder, which has to be empty, whole or not at all.

    WrongDumpError, OSError; until all of it is there the folder stays as it was.
    """
    refuse_filled(settings)
    aside = settings.data_dir / _ASIDE
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        archive.extract(path, aside, manifest["files"], manifest)
        failpoints.reach("before_restored")
        aside.rename(settings.data_dir / _WHOLE)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    disk.sync(settings.data_dir)
    failpoints.reach("restored_before_moved")
    finish(settings)


def finish(settings: Settings) -> None:
    """Carry a restore that is whole to its end, as after a kill; what was moved is not moved again."""
    whole = settings.data_dir / _WHOLE
    if not whole.exists():
        return
    # The ledger last: until it is there, nothing counts as taken and nobody trains.
    for entry in sorted(whole.iterdir(), key=lambda entry: (entry.name == BATCHES, entry.name)):
        target = settings.data_dir / entry.name
        if target.is_dir() and not any(path.is_file() for path in target.rglob("*")):
            shutil.rmtree(target)
        entry.rename(target)
    disk.sync(settings.data_dir)
    whole.rmdir()


def refuse_filled(settings: Settings) -> None:
    """WrongDumpError when the data folder is not empty, with the first file that is in the way; or is in a bucket."""
    home = settings.data_dir
    if settings.place(home):
        way = f"restore into a folder of this machine, and copy all of it to {settings.told(home)}"
        raise WrongDumpError(f"restore does not write into a bucket: {way}")
    if home.exists() and not home.is_dir():
        raise WrongDumpError(f"{home} is no folder")
    for entry in sorted(home.iterdir()) if home.exists() else ():
        if entry.name in _OF_NOBODY:
            continue
        found = entry if entry.is_file() else next((path for path in sorted(entry.rglob("*")) if path.is_file()), None)
        if found:
            raise WrongDumpError(f"{home} is not empty: {found} is there; a dump is restored into an empty data folder")


def differing(settings: Settings, manifest: archive.Manifest) -> list[tuple[str, str, str]]:
    """(variable, then, now) of each setting that decides the lists and is not what it was when it was dumped."""
    now = decisive.given(settings)
    return [(name, then, now[name]) for name, then in manifest["settings"].items() if now.get(name, then) != then]


def rules_file(settings: Settings, manifest: archive.Manifest) -> Path | None:
    """Where the shop's rules lie that came along; None without any."""
    return next((settings.data_dir / name for name in manifest["files"] if name.startswith(f"{RULES}/")), None)


def _said(settings: Settings) -> dict[str, Any]:
    """What the manifest says beside its files."""
    published = generations.published(settings)
    counts = {name: tables.rows(settings, name) for name in (EVENTS, QUARANTINE)}
    return {
        "dumped_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "counts": counts | {"ledger": ledger.counts(settings)._asdict(), "removed": ledger.removed(settings)},
        "versions": {name: tables.version(settings, name) for name in TABLES},
        "published": published.id if published else None,
        "settings": decisive.given(settings),
        "rules_file": str(settings.rules_file) if settings.rules_file else None,
    }


def _files(settings: Settings) -> dict[str, Path]:
    """Name in the dump -> file, in the order of the names."""
    home, kept = settings.data_dir.absolute(), _kept(settings)
    versions = {one.manifest["events_version"] for one in kept}
    found = [path for name in TABLES for path in _of_table(settings, name, versions if name == EVENTS else ())]
    found += [path for room in (*(one.folder for one in kept), home / _TUNING) for path in _visible(room)]
    found += [path for room in _ROOMS for path in _room(settings, home / room)]
    found += [path for name in (generations.LATEST, generations.HELD) for path in _mark(settings, home, name)]
    found += [tuned_file(home), *_waiting(settings)]
    names = {path.absolute().relative_to(home).as_posix(): path for path in found if path.is_file()}
    if settings.rules_file:
        names[f"{RULES}/{settings.rules_file.name}"] = settings.rules_file
    return dict(sorted(names.items()))


def _kept(settings: Settings) -> list[Generation]:
    """The published generation and the newest one; all that comes after goes on from these."""
    found = (generations.published(settings), generations.newest(settings))
    return list(dict.fromkeys(one for one in found if one is not None))


def _of_table(settings: Settings, name: str, versions: Iterable[int]) -> Iterator[Path]:
    """The log of a table, and the files of its newest version and of these, where they are still whole."""
    if not tables.exists(settings, name):
        return
    folder = tables.path(settings, name)
    table_copies.follow_log(settings, name)
    yield from _visible(folder / tables.LOG)
    for version in {tables.version(settings, name), *versions}:
        if retention.is_whole(settings, name, version):
            parts = [unquote(part) for part in history.parts(settings, name, version)]
            table_copies.bring(settings, name, parts)
            yield from (folder / part for part in parts)


def _room(settings: Settings, room: Path) -> list[Path]:
    """All visible files of a room; of one in a bucket all are brought anew, for some of them change."""
    if not (place := settings.place(room)):
        return _visible(room)
    names = [name for name in bucket.listed(place) if not name.rpartition("/")[2].startswith(".")]
    bucket.fetch_all(place, room, names)
    return [room / name for name in sorted(names)]


def _mark(settings: Settings, home: Path, name: str) -> list[Path]:
    """One of the small files beside generations, where it is there."""
    path = home / "generations" / name
    place = settings.place(path)
    if marks.said(path, place) is None:
        return []
    if place:
        bucket.fetch(place, path)
    return [path]


def _waiting(settings: Settings) -> list[Path]:
    """Files of the inbox that were not taken, or have changed since."""
    taken = ledger.taken_files(settings)
    inbox = settings.data_dir / retention.INBOX
    arrivals.follow(settings, inbox)
    return [path for path in records.listed(inbox) if not retention.is_taken(path, settings, taken)]


def _visible(folder: Path) -> list[Path]:
    """All files below it but hidden ones, which are being written or are checksums of Hadoop's own."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
