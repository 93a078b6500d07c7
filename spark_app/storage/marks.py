"""Small texts that say which folder counts, beside the folders themselves: on disk or in a bucket, whole or not at all.

A mark is given by its path and, where that is a copy, by its place.
"""

from pathlib import Path

from spark_app.storage import bucket, disk
from spark_app.storage.places import Place


def said(path: Path, place: Place | None) -> str | None:
    """What it says; None when it is not there."""
    try:
        return (bucket.read(place).decode() if place else path.read_text(encoding="utf-8")).strip()
    except FileNotFoundError:
        return None


def put(path: Path, place: Place | None, text: str) -> None:
    """Let it say this."""
    if place:
        bucket.write(place, f"{text}\n".encode())
    else:
        disk.replace_text(path, f"{text}\n")


def remove(path: Path, place: Place | None) -> None:
    """Take it away, if it is there."""
    if place:
        bucket.remove(place)
    else:
        path.unlink(missing_ok=True)


def listed(home: Path, place: Place | None, start: str) -> list[str]:
    """The names that begin so."""
    if place:
        return [name for name in bucket.listed(place) if name.startswith(start)]
    return [path.name for path in home.glob(f"{start}*")]
