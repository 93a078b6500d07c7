"""Files of the inbox, and those that were moved aside from it: lines of a user go, whether they were taken or not.

What was taken is still known as taken, for the ledger gets the size and the checksum of the new file before that has
its name; in a bucket, where nobody can date a file, it is moved aside, as retention does. Files elsewhere are not ours:
those that hold the user are named.
"""

import gzip
import hashlib
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spark_app import retention
from spark_app.forgetting import copies
from spark_app.forgetting.receipts import Receipt
from spark_app.forgetting.whom import Raw, Whom
from spark_app.intake import records
from spark_app.settings import Settings
from spark_app.storage import arrivals, bucket, ledger, places, tables
from spark_app.storage.bucket import Entry
from spark_app.storage.places import Place
from spark_app.storage.tables import BATCHES

# Seconds that an open file of posted events is waited for, beyond those after which it is closed.
_PATIENCE = 2.0
_DAMAGED = (gzip.BadGzipFile, EOFError, zlib.error)
_UNREADABLE = (OSError, *_DAMAGED)


def remove(settings: Settings, whom: Whom, receipt: Receipt) -> None:
    """Rewrite the files that are ours, and name those that are not."""
    inbox, aside = (settings.data_dir / name for name in (retention.INBOX, retention.TAKEN))
    if settings.place(inbox):
        _rewrite_objects(settings, inbox, aside, whom, receipt)
    else:
        _rewrite_files(settings, inbox, aside, whom, receipt)
    for name in sorted(ledger.taken_files(settings)):
        if (Path(name).is_absolute() or places.is_one(name)) and _holds(settings, name, whom):
            receipt.note(receipt.left, f"{name} was read from where it is, and holds the user: it is yours to change")


def _rewrite_files(settings: Settings, inbox: Path, aside: Path, whom: Whom, receipt: Receipt) -> None:
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


def _rewrite_objects(settings: Settings, inbox: Path, aside: Path, whom: Whom, receipt: Receipt) -> None:
    taken = ledger.taken_files(settings)
    for home in (inbox, aside):
        for name, entry in _objects(settings.place(home)):
            path = home / name
            try:
                with _brought(settings.place(path)) as brought:
                    number, others = _parted(brought, whom)
            except _DAMAGED as error:
                receipt.note(receipt.left, f"{_named(path, settings)} cannot be read: {error}")
                continue
            receipt.remove(_named(path, settings), number)
            is_taken = taken.get(_named(path, settings), ())[:2] == (entry.bytes, entry.modified_at)
            if number:
                _leave_object(settings, path, others, aside / name if home == inbox and is_taken else path)
    arrivals.follow(settings, inbox)


def _objects(place: Place | None) -> list[tuple[str, Entry]]:
    return sorted((name, entry) for name, entry in bucket.listed(place).items() if entry.bytes) if place else []


@contextmanager
def _brought(place: Place | None) -> Iterator[Path]:
    """An object as a file, for as long as it is looked at."""
    if place is None:
        raise FileNotFoundError("nowhere")
    with tempfile.TemporaryDirectory(prefix="millstream-") as home:
        path = Path(home) / place.name
        bucket.fetch(place, path)
        yield path


def _leave_object(settings: Settings, path: Path, content: bytes, target: Path) -> None:
    """Put what is left of an object where `target` is the copy of, and let it go from where it was."""
    place, new = settings.place(path), settings.place(target)
    if content and new:
        bucket.write(new, _packed(path, content))
    if place and (not content or new != place):
        bucket.remove(place)


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
    packed = _packed(path, content)
    _tell_ledger(settings, known_as, packed)
    copies.put(path, packed, modified_ns=path.stat().st_mtime_ns)


def _packed(path: Path, content: bytes) -> bytes:
    """As the file is."""
    return gzip.compress(content, mtime=0) if path.suffix.lower() == ".gz" else content


def _tell_ledger(settings: Settings, path: Path, content: bytes) -> None:
    name = records.partition_of(path, settings.data_dir)
    if name not in ledger.taken_files(settings):
        return
    quoted = name.replace("'", "''")
    tables.opened(settings, BATCHES).update(
        predicate=f"partition = '{quoted}' AND sha256 IS NOT NULL",
        updates={"bytes": str(len(content)), "sha256": f"'{hashlib.sha256(content).hexdigest()}'"},
    )


def _holds(settings: Settings, name: str, whom: Whom) -> bool:
    """Whether a file of elsewhere, on this machine or in a bucket, is there and holds the user."""
    try:
        if places.is_one(name):
            with _brought(places.parse(name, settings.s3.endpoint)) as path:
                return _is_in(path, whom)
        return Path(name).is_file() and _is_in(Path(name), whom)
    except _UNREADABLE:
        return False


def _is_in(path: Path, whom: Whom) -> bool:
    header = records.header_of(str(path))
    raw = Raw(whom, header)
    return any(map(raw.is_of, records.read(str(path), has_header=header is not None)))


def _named(path: Path, settings: Settings) -> str:
    return records.partition_of(path, settings.data_dir)
