"""Retention: what is old or needed by nothing goes, and the books stay right. No Spark session is needed.

Old events are deleted, tables compacted, their unneeded files and log entries removed, files of the inbox that were
taken are moved aside, and what was read in pictures goes with the last post that names them. A kept generation can be
rebuilt, so the version of the event table that it was made from stays, data and log, unless it is forced. Whoever calls
this holds the locks of ingestion, of training and of what is found of users: all of them read the event
table, or write to it, at a version of their own.
"""

import shutil
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from spark_app import generations
from spark_app.intake import records
from spark_app.running import failpoints
from spark_app.running.errors import SaidError
from spark_app.settings import Settings
from spark_app.storage import arrivals, history, ledger, seen_files, tables
from spark_app.storage.tables import BATCHES, EVENTS, QUARANTINE, DamagedError

INBOX, TAKEN = "inbox", "taken"
_DAY = 86_400
_WHOLE_FILE = 32_000_000

Told = Callable[[str], None]


class RetentionError(SaidError, RuntimeError):
    """Nothing can be removed yet; the message says what comes first."""


class _Run(NamedTuple):
    """One run: where, who is told what was done, whether it only looks, and whether generations hold nothing."""

    settings: Settings
    told: Told
    dry: bool = False
    force: bool = False

    def did(self, verb: str) -> str:
        """What is said of a thing that is done, or would be; of verbs such as remove."""
        return f"would {verb}" if self.dry else f"{verb}d"


def run(settings: Settings, told: Told, *, dry_run: bool = False, force: bool = False) -> None:
    """Remove what the settings let go; `told` has one line for each thing done, and none when there was nothing to do.

    A dry run says what would go and changes nothing; it may stand beside an ingest. `force` also lets go what only
    kept generations need. RetentionError when a batch was cut short, DamagedError when a file of a table is gone.
    """
    this = _Run(settings, told, dry_run, force)
    _begin(this)
    before = _remove_events(this)
    rebuildable = _rebuildable(settings)
    held = {} if force else rebuildable
    gone = [file for name in (EVENTS, QUARANTINE, BATCHES) for file in _tidy(this, name, held, before)]
    if force:
        _name_the_lost(this, rebuildable, gone)
    for name in (EVENTS, QUARANTINE, BATCHES):
        _shorten_log(this, name)
    _move_taken(this)
    _delete_taken(this)
    _remove_pictures(this, before)


def settle(settings: Settings) -> int:
    """Write into the ledger what a removal that was killed left out; gives how many events and rejected records.

    Only such a removal leaves fewer of them in a table than the ledger has counted and not removed.
    """
    missing = _unsettled(settings)
    for name, number in missing.items():
        ledger.write_off(settings, number, name)
    return sum(missing.values())


def _unsettled(settings: Settings) -> dict[str, int]:
    """Table -> how many of its rows are gone and not accounted for."""
    counted = ledger.counts(settings)
    held = {EVENTS: counted.accepted, QUARANTINE: sum(counted.rejected.values())}
    missing = {
        name: number - ledger.removed(settings, name) - tables.rows(settings, name) for name, number in held.items()
    }
    return {name: number for name, number in missing.items() if number > 0}


def _begin(this: _Run) -> None:
    """Set the books right and look whether anything stands against it."""
    settings = this.settings
    if missing := sum(_unsettled(settings).values()) if this.dry else settle(settings):
        yet = "not yet" if this.dry else "now"
        this.told(f"ledger: {_count(missing, 'row')} that a killed run removed, {yet} accounted for")
    if not this.dry and ledger.is_cut_short(settings):
        raise RetentionError("a batch was cut short before: run ingest first, which finds its records again")
    for name in (EVENTS, QUARANTINE, BATCHES):
        tables.ensure_whole(settings, name, tables.version(settings, name))


def _remove_events(this: _Run) -> datetime | None:
    """Delete old events; gives the time before which they are old, None when none is."""
    before = _old_before(this.settings)
    number = _events(this.settings).count_rows(filter=pc.field("occurred_at") < before) if before else 0
    if not before or not number:
        return None
    if not this.dry:
        tables.opened(this.settings, EVENTS).delete(f"occurred_at < '{before.isoformat()}'")
        failpoints.reach("after_removal_before_ledger")
        settle(this.settings)
    this.told(f"events: {this.did('remove')} {number:,} from before {before:%Y-%m-%d %H:%M:%S} UTC")
    return before


def _remove_pictures(this: _Run, before: datetime | None) -> None:
    """What was read in pictures goes with the last post that names them."""
    if this.dry:
        if number := seen_files.count_unnamed(this.settings, before):
            this.told(f"pictures: would remove what was read in {number:,}, which no post names")
        return
    for _ in seen_files.remove_unnamed(this.settings, partial(_told_of_pictures, this)):
        pass


def _told_of_pictures(this: _Run, name: str, number: int | None) -> None:
    what = f"what was read in {number:,}, which no post names, from" if number is not None else "what cannot be read,"
    this.told(f"pictures: removed {what} {name}")


def _old_before(settings: Settings) -> datetime | None:
    """Counted back from the newest event, so that a data set of last year does not go by the clock."""
    if settings.retention_days is None or not tables.rows(settings, EVENTS):
        return None
    batches = _events(settings).scanner(columns=["occurred_at"]).to_batches()
    newest = max(pc.max(batch["occurred_at"]).as_py() for batch in batches if batch.num_rows)
    return newest.astimezone(UTC) - timedelta(days=settings.retention_days)


def _events(settings: Settings) -> ds.Dataset:
    return tables.opened(settings, EVENTS).to_pyarrow_dataset()


def _rebuildable(settings: Settings) -> dict[str, int]:
    """Kept generation -> its version of the event table, where that is still there, log and all files."""
    versions = {one.id: one.manifest["events_version"] for one in generations.listed(settings)}
    return {name: version for name, version in versions.items() if is_whole(settings, EVENTS, version)}


def is_whole(settings: Settings, name: str, version: int) -> bool:
    """Whether a version of a table can still be read, log and all files."""
    try:
        tables.ensure_whole(settings, name, version)
    except DamagedError:
        return False
    return version >= 0


def _tidy(this: _Run, name: str, held: Mapping[str, int], before: datetime | None) -> list[str]:
    """Compact a table and remove the files that no kept version needs; gives their names."""
    if not tables.exists(this.settings, name):
        return []
    settings = this.settings
    needed = {one: history.parts(settings, name, version) for one, version in held.items()} if name == EVENTS else {}
    replaced = _compact(this, name) | (_with_old_events(this, before) if name == EVENTS else set())
    there = tables.files(settings, name)
    idle = there.keys() - (history.parts(settings, name) - replaced)
    gone = idle.difference(*needed.values())
    if kept := idle - gone:
        holders = _count(sum(not parts.isdisjoint(kept) for parts in needed.values()), "generation")
        this.told(f"{name}: {_amount(there[file] for file in kept)} kept for {holders}; --force lets go of them")
    if gone:
        amount = _amount(there[file] for file in gone)
        if not this.dry:
            history.vacuum(settings, name, {held[one] for one in needed})
            history.remove_checksums(settings, name, gone)
        this.told(f"{name}: {this.did('remove')} {amount} that no kept version needs")
    return sorted(gone)


def _compact(this: _Run, name: str) -> set[str]:
    """Make one file of many small ones; gives those that a dry run would have replaced."""
    table = tables.opened(this.settings, name)
    parts = pa.table(table.get_add_actions()).select(["path", "size_bytes"]).to_pylist()
    # Any two of them fit into one.
    small = {part["path"] for part in parts if part["size_bytes"] <= _WHOLE_FILE // 2}
    if len(small) < 2:
        return set()
    if this.dry:
        this.told(f"{name}: would compact {len(small):,} small files")
        return small
    done = table.optimize.compact(target_size=_WHOLE_FILE)
    if done["numFilesRemoved"]:
        this.told(f"{name}: compacted {done['numFilesRemoved']:,} small files into {done['numFilesAdded']:,}")
    return set()


def _with_old_events(this: _Run, before: datetime | None) -> set[str]:
    """Files that a dry run would have replaced for the old events in them."""
    if not this.dry or before is None:
        return set()
    parts = pa.table(tables.opened(this.settings, EVENTS).get_add_actions(flatten=True)).to_pylist()
    return {part["path"] for part in parts if part["min.occurred_at"] < before}


def _name_the_lost(this: _Run, rebuildable: Mapping[str, int], gone: Collection[str]) -> None:
    """Say which generations could be rebuilt until now."""
    needed = {name: history.parts(this.settings, EVENTS, version) for name, version in rebuildable.items()}
    lost = [name for name, parts in needed.items() if not parts.isdisjoint(gone)]
    if lost:
        could = "could not be" if this.dry else "cannot be"
        this.told(f"generations that {could} rebuilt any more: {', '.join(lost)}")


def _shorten_log(this: _Run, name: str) -> None:
    """Remove the log before the oldest version that is needed, by way of a checkpoint there.

    Delta's own cleaning is off, see `tables.KEEP_LOG`.
    """
    if not tables.exists(this.settings, name):
        return
    held = _rebuildable(this.settings).values() if name == EVENTS else ()
    oldest = min([tables.version(this.settings, name), *held])
    entries = history.entries_before(this.settings, name, oldest)
    if not entries:
        return
    if not this.dry:
        history.shorten_log(this.settings, name, entries, oldest)
    this.told(f"{name}: {this.did('remove')} {_count(len(entries), 'file')} of its log")


def _move_taken(this: _Run) -> None:
    """Move files of the inbox that were taken, and have not changed since, to where they wait for their end."""
    inbox = this.settings.data_dir / INBOX
    if this.settings.place(inbox):
        number = arrivals.move_taken(this.settings, inbox, this.settings.data_dir / TAKEN, dry=this.dry)
        if number:
            this.told(f"inbox: {this.did('move')} {_count(number, 'taken file')} to {TAKEN}/")
        return
    taken = ledger.taken_files(this.settings)
    files = [path for path in records.listed(inbox) if is_taken(path, this.settings, taken)]
    for path in files if not this.dry else ():
        aside = this.settings.data_dir / TAKEN / path.relative_to(inbox)
        aside.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, aside)
    if files:
        this.told(f"inbox: {this.did('move')} {_count(len(files), 'taken file')} to {TAKEN}/")


def is_taken(path: Path, settings: Settings, taken: Mapping[str, tuple[int, datetime, str]]) -> bool:
    """Whether a file of the inbox is among those that the ledger has `taken`, and has not changed since."""
    name = arrivals.named(settings, path)
    if name not in taken or name != str(path.relative_to(settings.data_dir)):
        return False
    status = path.stat()
    return taken[name][:2] == (status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _delete_taken(this: _Run) -> None:
    """Delete files that were moved aside longer ago than the settings keep them; the move sets st_ctime."""
    home = this.settings.data_dir / TAKEN
    latest = time.time() - this.settings.taken_days * _DAY
    if place := this.settings.place(home):
        sizes = arrivals.delete_taken(place, latest, dry=this.dry)
        if sizes:
            this.told(f"{TAKEN}: {this.did('delete')} {_amount(sizes)}")
        return
    files = [path for path in records.listed(home) if path.stat().st_ctime <= latest]
    if not files:
        return
    amount = _amount(path.stat().st_size for path in files)
    for path in files if not this.dry else ():
        path.unlink()
        _remove_empty(path.parent, home)
    this.told(f"{TAKEN}: {this.did('delete')} {amount}")


def _remove_empty(folder: Path, home: Path) -> None:
    while folder != home and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _amount(bytes_: Iterable[int]) -> str:
    """Such as "12 files, 3.4 MB"."""
    sizes = [*bytes_]
    size = f"{sum(sizes) / 1e6:,.1f} MB" if sum(sizes) >= 1e6 else f"{sum(sizes) / 1e3:,.1f} kB"
    return f"{_count(len(sizes), 'file')}, {size}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
