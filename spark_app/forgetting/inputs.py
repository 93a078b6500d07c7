"""Files of the inbox, and those that were moved aside from it: lines of a user go, whether they were taken or not.

What was taken is still known as taken, for the ledger gets the size and the checksum of the new file before that has
its name. Files elsewhere are not ours: those that hold the user are named.
"""

import gzip
import hashlib
import time
import zlib
from pathlib import Path

from deltalake import DeltaTable

from spark_app import retention
from spark_app.forgetting import copies
from spark_app.forgetting.receipts import Receipt
from spark_app.forgetting.whom import Raw, Whom
from spark_app.intake import records
from spark_app.settings import Settings
from spark_app.storage import ledger, tables
from spark_app.storage.tables import BATCHES

# Seconds that an open file of posted events is waited for, beyond those after which it is closed.
_PATIENCE = 2.0
_UNREADABLE = (OSError, EOFError, zlib.error)


def remove(settings: Settings, whom: Whom, receipt: Receipt) -> None:
    """Rewrite the files that are ours, and name those that are not."""
    inbox, aside = (settings.data_dir / name for name in (retention.INBOX, retention.TAKEN))
    _wait_for_posted(settings, inbox, receipt)
    for home in (inbox, aside):
        for path in records.listed(home) if home.exists() else []:
            try:
                number, others = _parted(path, whom)
            except _UNREADABLE as error:
                receipt.note(receipt.left, f"{_named(path, settings)} cannot be read: {error}")
                continue
            receipt.remove(_named(path, settings), number)
            if number:
                _leave(path, others, inbox / path.relative_to(home), settings)
    for name in sorted(ledger.taken_files(settings)):
        if Path(name).is_absolute() and Path(name).is_file() and _holds(Path(name), whom):
            receipt.note(receipt.left, f"{name} was read from where it is, and holds the user: it is yours to change")


def _wait_for_posted(settings: Settings, inbox: Path, receipt: Receipt) -> None:
    """Events that are being posted stand in an open file for a moment, under a hidden name."""
    until = time.monotonic() + settings.serve.segment_seconds + _PATIENCE
    begun = set(inbox.glob(".api-*"))
    while (left := {path for path in begun if path.exists()}) and time.monotonic() < until:
        time.sleep(0.05)
    for path in sorted(left):
        receipt.note(receipt.left, f"{_named(path, settings)} is left open by a server: forget again once it is closed")


def _parted(path: Path, whom: Whom) -> tuple[int, bytes]:
    """(how many records of a file are the user's, all others as it would hold them: nothing where there are none)."""
    header = records.header_of(str(path))
    raw, left, number = Raw(whom, header), list[bytes](), 0
    for record in records.read(str(path), has_header=header is not None):
        if raw.is_of(record):
            number += 1
        else:
            left.append(record)
    above = [header.rstrip("\r\n").encode()] if header is not None and left else []
    return number, b"".join(line + b"\n" for line in [*above, *left])


def _leave(path: Path, content: bytes, known_as: Path, settings: Settings) -> None:
    """Rewrite one file, or delete it when nothing is left of it."""
    if not content:
        path.unlink()
        return
    packed = path.suffix.lower() == ".gz"
    _tell_ledger(settings, known_as, gzip.compress(content, mtime=0) if packed else content)
    copies.put(path, content, packed=packed, modified_ns=path.stat().st_mtime_ns)


def _tell_ledger(settings: Settings, path: Path, content: bytes) -> None:
    name = records.partition_of(path, settings.data_dir)
    if name not in ledger.taken_files(settings):
        return
    quoted = name.replace("'", "''")
    DeltaTable(tables.path(settings, BATCHES)).update(
        predicate=f"partition = '{quoted}' AND sha256 IS NOT NULL",
        updates={"bytes": str(len(content)), "sha256": f"'{hashlib.sha256(content).hexdigest()}'"},
    )


def _holds(path: Path, whom: Whom) -> bool:
    try:
        header = records.header_of(str(path))
        raw = Raw(whom, header)
        return any(map(raw.is_of, records.read(str(path), has_header=header is not None)))
    except _UNREADABLE:
        return False


def _named(path: Path, settings: Settings) -> str:
    return records.partition_of(path, settings.data_dir)
