"""Folders that are published whole, on a disk or in a bucket, and the copies of those on this machine.

A folder is there once its seal is, the object that is put last; without it, it is what a killed process left. Nothing
in it changes after that but what its seal says, so that a copy is whole or not, and never old.
"""

import shutil
from collections.abc import Collection, Iterable
from pathlib import Path

from spark_app.storage import bucket
from spark_app.storage.bucket import Entry
from spark_app.storage.places import Place

# Stands in a copy of which nothing is missing.
_WHOLE = ".whole"


def sealed(home: Place, seal: str) -> dict[str, Entry | None]:
    """Each folder below a place, in their order, and its seal; None without."""
    found: dict[str, Entry | None] = {}
    for name, entry in sorted(bucket.listed(home).items()):
        folder, slash, rest = name.partition("/")
        if slash:
            found[folder] = found.get(folder) or (entry if rest == seal else None)
    return found


def listed(home: Path, place: Place | None, seal: str, names: Iterable[str] = ()) -> list[str]:
    """All folders that have a seal, in their order.

    Of those in a bucket the seals are brought, where they are other than here, and files that are not here yet.
    """
    if place is None:
        return [path.name for path in _folders(home) if (path / seal).exists()]
    known = {name: entry for name, entry in sealed(place, seal).items() if entry}
    for name, entry in known.items():
        bucket.follow(place / name / seal, entry, home / name / seal)
        bring_some(place / name, home / name, names)
    return [*known]


def begin(folder: Path) -> None:
    """A new folder that is filled here first."""
    folder.mkdir(parents=True)
    (folder / _WHOLE).touch()


def send(folder: Path, place: Place, without: Collection[str] = ()) -> None:
    """Put all files of a folder there but these; those that were put before are not put again."""
    there = bucket.listed(place)
    found = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    new = [name for name, path in found.items() if name not in there or there[name].bytes != path.stat().st_size]
    bucket.send_all(folder, place, [name for name in new if name not in {_WHOLE, *without} and ".crc" not in name])


def bring(place: Place, folder: Path) -> None:
    """Make the copy whole, unless it is. FileNotFoundError where the bucket has nothing there any more."""
    if (folder / _WHOLE).exists():
        return
    there = bucket.listed(place)
    if not there:
        raise FileNotFoundError(f"{place} is gone")
    bring_some(place, folder, there)
    (folder / _WHOLE).touch()


def bring_some(place: Place, folder: Path, names: Iterable[str]) -> None:
    """Bring files of it that are not here yet."""
    bucket.fetch_all(place, folder, [name for name in names if not (folder / name).exists()])


def remove(place: Place | None, seal: str, folder: Path) -> None:
    """Remove a folder, its seal first: a kill from there on leaves what `remove_torn` takes away. Then its copy."""
    if place is None:
        (folder / seal).unlink()
        shutil.rmtree(folder)
        return
    bucket.remove(place / seal)
    bucket.remove_all(place, bucket.listed(place))
    shutil.rmtree(folder, ignore_errors=True)


def remove_torn(home: Path, place: Place | None, seal: str) -> list[str]:
    """Remove what a killed process has left below a home: folders without a seal; gives their names."""
    if place is None:
        left = [path for path in _folders(home) if not (path / seal).exists()]
        for path in left:
            shutil.rmtree(path)
        return [path.name for path in left]
    known = sealed(place, seal)
    torn = [name for name, whole in known.items() if not whole]
    for name in torn:
        remove(place / name, seal, home / name)
    return sorted({*torn, *tidy(home, known)})


def tidy(home: Path, wanted: Collection[str]) -> list[str]:
    """Remove copies of all folders but these; gives their names."""
    old = [path for path in _folders(home) if path.name not in wanted]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return [path.name for path in old]


def _folders(home: Path) -> list[Path]:
    return sorted(path for path in home.iterdir() if path.is_dir()) if home.exists() else []
