"""The results folder while it is written: locked, and for one in a bucket brought here before and put there after.

In a bucket a JSON file is a seal as it is on disk: those that have changed are removed first and put last, so that who
sees one sees files of its set. A file's time is kept with it, because results are compared by it. A copy that a killed
process left half written is made again what the bucket has.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from spark_app import locks
from spark_app.running import failpoints
from spark_app.settings import Settings
from spark_app.storage import bucket, disk
from spark_app.storage.places import Place

# What the copy and the bucket were when they were the same.
_INDEX = ".bucket.json"
_DATED = "dated"


class _File(NamedTuple):
    """One file when it was the same in both: its ETag there, its time and size here."""

    etag: str
    time: int
    bytes: int


@contextmanager
def held(settings: Settings, verb: str, wait: float) -> Iterator[None]:
    """Have the results folder alone, as locks.held; what was written there is in the bucket when it is left well."""
    with locks.held(settings, locks.RESULTS, verb, wait=wait):
        follow(settings)
        yield
        if place := settings.place(settings.results_dir):
            _send(settings.results_dir, place)


def follow(settings: Settings) -> None:
    """Make the copy what the bucket has; nothing on this machine's own results."""
    folder = settings.results_dir
    if not (place := settings.place(folder)):
        return
    folder.mkdir(parents=True, exist_ok=True)
    there, known, here = bucket.listed(place), _known(folder), _here(folder)
    for name in here.keys() - there.keys():
        (folder / name).unlink()
    for name, entry in there.items():
        if name not in here or known.get(name) != _File(entry.etag, *here[name]):
            _clear(folder / name)
            bucket.fetch(place / name, folder / name)
            _date(folder / name, bucket.entry(place / name))
    _remember(folder, there)


def _send(folder: Path, place: Place) -> None:
    """Make the bucket what the copy has."""
    known, here = _known(folder), _here(folder)
    changed = sorted(name for name, facts in here.items() if known.get(name, _File("", 0, 0))[1:] != facts)
    gone = sorted(known.keys() - here.keys())
    seals = [name for name in changed if _is_seal(name)]
    bucket.remove_all(place, [*seals, *gone])
    rest = [name for name in changed if name not in seals]
    for number, name in enumerate([*rest, *seals]):
        if number == 1:
            failpoints.reach("mid_upload")
        bucket.send(folder / name, place / name, {_DATED: str(here[name][0])})
    _remember(folder, bucket.listed(place))


def _is_seal(name: str) -> bool:
    return name.endswith(".json") and "/" not in name


def _here(folder: Path) -> dict[str, tuple[int, int]]:
    """Time and size of each file, hidden ones and those of hidden folders left out."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            status = path.stat()
            found[str(name)] = (status.st_mtime_ns, status.st_size)
    return found


def _clear(path: Path) -> None:
    """Where a folder of parts was, a file may come, and the other way round."""
    if path.is_dir():
        shutil.rmtree(path)
    if path.parent.is_file():
        path.parent.unlink()


def _date(path: Path, entry: bucket.Entry | None) -> None:
    if entry and entry.marks.get(_DATED, "").isdigit():
        time = int(entry.marks[_DATED])
        os.utime(path, ns=(time, time))


def _known(folder: Path) -> dict[str, _File]:
    try:
        found = json.loads((folder / _INDEX).read_text())
        return {name: _File(*facts) for name, facts in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _remember(folder: Path, there: dict[str, bucket.Entry]) -> None:
    here = _here(folder)
    same = {name: _File(entry.etag, *here[name]) for name, entry in there.items() if name in here}
    disk.replace_text(folder / _INDEX, json.dumps(same))
