"""A file of posted events: written under a hidden name, which the stream passes over, and closed under its own.

Who writes it holds its lock (flock), so that another closes it only after a crash.
"""

import fcntl
import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from spark_app.storage import disk

_PREFIX, _SUFFIX, _HIDDEN = "api-", ".jsonl", "."


class Segment:
    """An open one, locked by us. `size`: its bytes that are on disk."""

    def __init__(self, file: FileIO, path: Path, size: int = 0) -> None:
        self.size = size
        self._file, self._path = file, path

    def append(self, lines: bytes) -> None:
        """On disk when it returns; after an OSError only `give_up` is left."""
        left = memoryview(lines)
        while left:
            left = left[self._file.write(left) :]
        os.fsync(self._file.fileno())
        self.size += len(lines)

    def close(self) -> None:
        """Hand it to the stream; without a line it goes. After an OSError it is open as before."""
        if self.size:
            self._path.rename(_closed(self._path))
        else:
            self._path.unlink()
        self._file.close()
        # Should a power cut undo the new name, the next start gives it again.
        with suppress(OSError):
            disk.sync(self._path.parent)

    def give_up(self) -> None:
        """Close it without what stands behind its size; after an OSError it is left to `recover`."""
        try:
            self._file.truncate(self.size)
            os.fsync(self._file.fileno())
            self.close()
        finally:
            self._file.close()


def opened(folder: Path) -> Segment:
    """A new one in a folder, which is made if need be; OSError when it cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        path = folder / f"{_HIDDEN}{new_name()}"
        file = path.open("xb", buffering=0)
        # Before it was locked, another may have taken it for one that was left.
        if _is_ours(file, path):
            disk.sync(folder)
            return Segment(file, path)
        file.close()


def new_name() -> str:
    """That of a closed one; names sort by time."""
    return f"{_PREFIX}{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}{_SUFFIX}"


def recover(folder: Path) -> int:
    """Close those that a crash left open, each without a torn last line; gives how many. OSError when it cannot."""
    return sum(_is_recovered(path) for path in found(folder) if path.name.startswith(_HIDDEN))


def found(folder: Path) -> list[Path]:
    """All of a folder, the open ones too, the oldest first."""
    named = (path for hidden in (_HIDDEN, "") for path in folder.glob(f"{hidden}{_PREFIX}*{_SUFFIX}"))
    return sorted(named, key=_closed)


def lines(path: Path) -> list[bytes]:
    """Its whole lines, without their end; none when it is gone, but it may have been closed meanwhile."""
    for name in (path, _closed(path)):
        with suppress(FileNotFoundError):
            return _whole(name.read_bytes()).splitlines()
    return []


def _is_recovered(path: Path) -> bool:
    with suppress(FileNotFoundError), path.open("r+b", buffering=0) as file:
        if _is_ours(file, path):
            Segment(file, path, len(_whole(file.readall()))).give_up()
            return True
    return False


def _is_ours(file: FileIO, path: Path) -> bool:
    """Whether it could be locked and has its name still."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


def _whole(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _closed(path: Path) -> Path:
    return path.with_name(path.name.removeprefix(_HIDDEN))
