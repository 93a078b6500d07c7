"""Java's classes of an earlier start, kept in one file (class data sharing): a Java and jars in, an option for it out.

Reading and checking the classes of Spark is a third of what its start takes. The first JVM writes the file when it
ends, later ones map it, and Java passes over a file that does not fit its jars. 180 MB, one for each Java and Spark, of
which the ones that were used last are kept.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

_NAME = "classes-{}.jsa"
# A file of fewer bytes is one that a JVM has begun to write.
_LEAST = 1 << 20
# Files that are kept.
KEPT = 4
# Java says on standard output what it thinks of the file.
_SILENT = "-Xlog:cds=off -Xlog:cds+dynamic=off"


def option(java: Path, jars: Path, others: str = "", folder: Path | None = None) -> str:
    """What a JVM is told: to map the file, or to write it when it ends; nothing where it can do neither.

    With `others`, what it is told beside, the file is another one. Without a folder it is in the user's cache.
    """
    try:
        folder = folder or Path.home() / ".cache" / "millstream"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / _NAME.format(_key(java, jars, others))
        if file.exists() and file.stat().st_size >= _LEAST:
            _used(file)
            return f"-XX:SharedArchiveFile={file} {_SILENT}"
        _tidied(folder)
    except (OSError, RuntimeError):
        return ""
    fits = os.access(folder, os.W_OK) and " " not in str(file)
    return f"-XX:ArchiveClassesAtExit={file} {_SILENT}" if fits else ""


def _used(file: Path) -> None:
    """It is the newest now; that another user's is not is no harm."""
    with suppress(OSError):
        os.utime(file)


def _tidied(folder: Path) -> None:
    """Without those that another Java or Spark used, so that one more makes KEPT; a JVM that maps one keeps it."""
    by_age = sorted(folder.glob(_NAME.format("*")), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in by_age[KEPT - 1 :]:
        file.unlink(missing_ok=True)


def _key(java: Path, jars: Path, others: str) -> str:
    """Other for another Java or Spark, also one of the same name that was put in its place."""
    release = java / "release"
    said = [str(java), release.read_text() if release.exists() else "", str(jars), str(jars.stat().st_mtime_ns), others]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]
