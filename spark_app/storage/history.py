"""What of a Delta table is there for older versions alone: its files, their checksums, its log; and their removal.

Whoever removes holds the locks of all who write to the table. No Spark.
"""

import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable

LOG = "_delta_log"
_ENTRY = re.compile(r"\.?(\d{20})\.")


def parts(folder: Path, version: int | None = None) -> set[str]:
    """The names of the files of a version, by default of the newest."""
    return set(pa.table(DeltaTable(folder, version=version).get_add_actions())["path"].to_pylist())


def files(folder: Path) -> set[str]:
    """The names of all files of rows, whatever version they are of."""
    return {file.name for file in folder.glob("[!._]*.parquet")}


def vacuum(folder: Path, versions: Collection[int] = ()) -> None:
    """Delete all files but those of the newest version and of these."""
    # After a power cut too, what takes their place has to be there.
    os.sync()
    table = DeltaTable(folder)
    kept = sorted({*versions, table.version()})
    table.vacuum(0, dry_run=False, enforce_retention_duration=False, full=True, keep_versions=kept)


def remove_checksums(folder: Path, gone: Iterable[str]) -> None:
    """Spark writes one beside each file, hidden, and the vacuum passes it over."""
    for file in gone:
        (folder / f".{file}.crc").unlink(missing_ok=True)


def entries_before(folder: Path, version: int) -> list[Path]:
    """What the log has of older versions."""
    return [
        path for path in (folder / LOG).iterdir() if (found := _ENTRY.match(path.name)) and int(found[1]) < version
    ]


def shorten_log(folder: Path, entries: Iterable[Path], oldest: int) -> None:
    """Remove entries that are older than this version, by way of a checkpoint there.

    The newest version has one, too: that is the one that `_last_checkpoint` names, so that it never names one that is
    removed.
    """
    for version in (oldest, DeltaTable(folder).version()):
        if not (folder / LOG / f"{version:020}.checkpoint.parquet").exists():
            DeltaTable(folder, version=version).create_checkpoint()
    os.sync()
    for path in entries:
        path.unlink()
