"""Which generation is published: follows `generations/LATEST`, which is read only when the file is another one.

It is replaced by one atomic rename, so that what is read is always whole.
"""

from pathlib import Path

from spark_app.generations import LATEST
from spark_app.settings import Settings


class Pointer:
    """Follows the name of the published generation; a look costs microseconds."""

    def __init__(self, settings: Settings) -> None:
        self._file: Path = settings.data_dir / "generations" / LATEST
        self._seen: tuple[int, int, int] | None = None
        self._named = ""

    def named(self) -> str:
        """The id of the published generation; empty before the first. OSError when it cannot be read."""
        try:
            status = self._file.stat()
            # Looked at before it is read: what comes in between is read at the next look.
            found = (status.st_ino, status.st_mtime_ns, status.st_size)
            if found != self._seen:
                self._named = self._file.read_text().strip()
                self._seen = found
        except (FileNotFoundError, NotADirectoryError):
            self._seen, self._named = None, ""
        return self._named

    def other_than(self, shown: str) -> str:
        """The published id when it is another than the one that is shown, until that is; empty when there is none."""
        named = self.named()
        return named if named != shown else ""
