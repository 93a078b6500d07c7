"""What of a Delta table is there for older versions alone: its files, their checksums, its log; and their removal.

Whoever removes holds the locks of all who write to the table. No Spark.
"""

import os
import re
from collections.abc import Collection, Iterable

import pyarrow as pa

from spark_app.settings import Settings
from spark_app.storage import tables

_ENTRY = re.compile(r"\.?(\d{20})\.")


def parts(settings: Settings, name: str, version: int | None = None) -> set[str]:
    """The names of the files of a version, by default of the newest."""
    return set(pa.table(tables.opened(settings, name, version).get_add_actions())["path"].to_pylist())


def vacuum(settings: Settings, name: str, versions: Collection[int] = ()) -> None:
    """Delete all files but those of the newest version and of these."""
    # After a power cut too, what takes their place has to be there.
    os.sync()
    table = tables.opened(settings, name)
    kept = sorted({*versions, table.version()})
    table.vacuum(0, dry_run=False, enforce_retention_duration=False, full=True, keep_versions=kept)


def remove_checksums(settings: Settings, name: str, gone: Iterable[str]) -> None:
    """Spark writes one beside each file on a disk, hidden, and the vacuum passes it over."""
    for file in gone:
        (tables.path(settings, name) / f".{file}.crc").unlink(missing_ok=True)


def entries_before(settings: Settings, name: str, version: int) -> list[str]:
    """What the log has of older versions."""
    log = tables.log(settings, name)
    return [entry for entry in log if (found := _ENTRY.match(entry)) and int(found[1]) < version]


def shorten_log(settings: Settings, name: str, entries: Iterable[str], oldest: int) -> None:
    """Remove entries that are older than this version, by way of a checkpoint there.

    The newest version has one, too: that is the one that `_last_checkpoint` names, so that it never names one that is
    removed.
    """
    log = tables.log(settings, name)
    for version in (oldest, tables.version(settings, name)):
        if f"{version:020}.checkpoint.parquet" not in log:
            tables.opened(settings, name, version).create_checkpoint()
    os.sync()
    tables.remove_from_log(settings, name, entries)
