"""Which generation is published, or what is the newest of what was found of users: follows a file that holds one name.

It is replaced by one atomic rename, so that what is read is always whole, and it is read only when it is another file.
"""

import time
from pathlib import Path

from spark_app.generations import LATEST
from spark_app.serving.tail import FAR
from spark_app.settings import Settings
from spark_app.storage import bucket
from spark_app.storage.tables import DamagedError


class Pointer:
    """Follows the name in `LATEST` of a folder below the data folder; a look costs microseconds."""

    def __init__(self, settings: Settings, home: str = "generations") -> None:
        self._file: Path = settings.data_dir / home / LATEST
        self._place, self._due_at = settings.place(self._file), 0.0
        self._seen: tuple[int, int, int] | None = None
        self._named = ""

    def named(self) -> str:
        """The id that it holds; empty before the first. OSError, DamagedError when it cannot be read."""
        if self._place:
            if time.monotonic() >= self._due_at:
                self._named = bucket.text(self._place).strip()
                self._due_at = time.monotonic() + FAR
            return self._named
        try:
            status = self._file.stat()
            # Looked at before it is read: what comes in between is read at the next look.
            found = (status.st_ino, status.st_mtime_ns, status.st_size)
            if found != self._seen:
                if not (named := self._file.read_text().strip()):
                    raise DamagedError(f"{self._file} cannot be read: it is empty")
                self._seen, self._named = found, named
        except (FileNotFoundError, NotADirectoryError):
            self._seen, self._named = None, ""
        return self._named

    def other_than(self, shown: str) -> str:
        """The id that it holds when it is another than the one that is shown, until that is; empty without one."""
        named = self.named()
        return named if named != shown else ""
