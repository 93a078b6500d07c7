"""Files that are offered to the intake, looked at before a record of them is read: settings in, a FileBatch out.

Each is taken already, changed since, with an unknown header, or good. No Spark, so that `status` and the API know what
waits as well as the intake does.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from spark_app import layouts
from spark_app.intake import records
from spark_app.settings import Settings
from spark_app.storage import arrivals, ledger


class File(NamedTuple):
    """One input file, as it was when it was looked at."""

    path: str
    partition: str
    header: str | None
    bytes: int
    modified_at: datetime
    sha256: str


class Refusal(NamedTuple):
    """A file that is not taken, and why."""

    path: str
    reason: str


class FileBatch(NamedTuple):
    """What is to be done with the files of a batch."""

    good: list[File]
    refused: list[Refusal]
    passed_over: list[str]


class Taken(NamedTuple):
    """What the ledger knows of a file that was taken."""

    bytes: int
    modified_at: datetime
    sha256: str


def waiting(settings: Settings, path: Path) -> FileBatch:
    """Files that a run would take or refuse now; FileNotFoundError when nothing is there."""
    return look_at(settings, listed(path), taken(settings), named=path.is_file())


def listed(path: Path) -> list[str]:
    """Files of a folder, or the file itself; FileNotFoundError when nothing is there."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; expected a file or a folder")
    return [str(found) for found in records.listed(path)]


def taken(settings: Settings) -> dict[str, Taken]:
    """By partition, what the ledger knows of every file that was taken."""
    return {name: Taken(*facts) for name, facts in ledger.taken_files(settings).items()}


def look_at(
    settings: Settings, paths: Iterable[str], taken: Mapping[str, Taken], *, named: bool = False
) -> FileBatch:
    """Sort files into good, refused and passed over; those that were taken, and have not changed, are in none.

    `named`: the user named the file itself, so its suffix does not matter.
    """
    batch = FileBatch([], [], [])
    for path in sorted(local(path) for path in paths):
        if not named and not records.has_known_suffix(path):
            batch.passed_over.append(path)
            continue
        try:
            file = _file(path, settings, taken)
        except (OSError, EOFError, zlib.error, layouts.UnknownHeaderError) as error:
            batch.refused.append(Refusal(path, _in_words(error)))
            continue
        if isinstance(file, Refusal):
            batch.refused.append(file)
        elif file is not None:
            batch.good.append(file)
    return batch


def local(path: str) -> str:
    """A path of this machine from what Spark calls it."""
    return unquote(path.removeprefix("file://")) if path.startswith("file://") else path.removeprefix("file:")


def _file(path: str, settings: Settings, taken: Mapping[str, Taken]) -> File | Refusal | None:
    """The file ready to be read, None when it is empty or was taken before, a refusal when it has changed since."""
    status = Path(path).stat()
    if not status.st_size:
        return None
    modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
    partition = arrivals.named(settings, Path(path))
    before = taken.get(partition)
    if before and before.bytes == status.st_size and before.modified_at == modified_at:
        return None
    sha256 = _sha256(path)
    if before:
        same = before.sha256 == sha256
        return None if same else Refusal(path, "it has changed since it was taken; move changed rows in as a new file")
    header = records.header_of(path)
    if header is not None:
        layouts.recognise(header, settings.columns)
    records.ensure_whole(path)
    return File(path, partition, header, status.st_size, modified_at, sha256)


def _sha256(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _in_words(error: Exception) -> str:
    if isinstance(error, layouts.UnknownHeaderError):
        return str(error)
    if isinstance(error, (EOFError, zlib.error, gzip.BadGzipFile)):
        return f"it is not a whole gzip file ({error})"
    return f"it cannot be read ({getattr(error, 'strerror', None) or error})"
