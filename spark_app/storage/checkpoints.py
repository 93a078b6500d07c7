"""A stream's checkpoint, looked at before Spark does, and set aside when it is damaged.

On a truncated file Spark never starts again; without `metadata`, or on an older copy of itself, it goes on in silence,
the latter past records that are then lost. Nothing is lost by a checkpoint that is set aside: the tables know what was
taken, and the stream begins anew after it. Hadoop's hidden .crc files are not looked at, as Spark does not either.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from spark_app.intake import records
from spark_app.running.errors import SaidError
from spark_app.settings import Settings
from spark_app.storage import tables

_VERSION = "v1"
_LOG = re.compile(r"(\d+)(\.compact)?")
_NAMED = re.compile(r".*-[0-9a-f]{8}")
REMEDY = (
    "`python -m spark_app doctor --repair` sets it aside; nothing is lost or doubled by that, because the tables know "
    "what they hold"
)

Log = Mapping[int, Path]
# The id of a query -> the number of its newest batch that the tables hold; -1 when they hold none.
Kept = Callable[[str], int]


class CheckpointError(SaidError, RuntimeError):
    """A stream cannot go on from its checkpoint; the message names the file, its fault and the way out."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"{fault}: the stream cannot go on from this checkpoint. {REMEDY}")
        self.fault = fault


def folder(settings: Settings, name: str) -> Path:
    """Where the checkpoint of a topic or an input path is: readable, and without collisions."""
    readable = "".join(letter if letter.isalnum() else "-" for letter in name)[-40:].strip("-")
    return settings.data_dir / "checkpoints" / f"{readable}-{_mark(name)}"


def kept_in(settings: Settings) -> Kept:
    """What the tables hold of a query."""
    return partial(_newest_batch, settings)


def look(checkpoint: Path, source: str, kept: Kept | None = None) -> None:
    """Raise CheckpointError when Spark could not go on from this folder, or would go on wrongly.

    `source` is "files" or "kafka:<topic>"; with `kept` it is also seen whether the tables are ahead of the checkpoint.
    A folder that is not there, or is empty, is that of a new stream.
    """
    offsets, commits = _log(checkpoint / "offsets"), _log(checkpoint / "commits")
    seen = _log(checkpoint / "sources" / "0")
    query = _query(checkpoint / "metadata", has_begun=bool(offsets or commits))
    ends = {number: _end(path, source) for number, path in offsets.items()}
    for path in [*commits.values(), *seen.values()]:
        _rows(path)
    _refuse_gaps(checkpoint, offsets, commits)
    if source == records.FILES:
        _refuse_gaps_in_files(checkpoint, seen, ends)
    if kept and query:
        _refuse_older(checkpoint, max(offsets, default=-1), kept(query))


def faults(checkpoints: Path, sources: Iterable[str], kept: Kept | None = None) -> dict[Path, str]:
    """What is wrong with each checkpoint that is damaged.

    `sources` are those that are known, as kafka:sales; whose any other checkpoint is, its own offsets tell.
    """
    known = {_mark(source): source for source in sources}
    found = {}
    for checkpoint in _listed(checkpoints):
        try:
            look(checkpoint, known.get(_mark_of(checkpoint)) or _told(checkpoint), kept)
        except CheckpointError as error:
            found[checkpoint] = error.fault
    return found


def repair(checkpoints: Path, sources: Iterable[str], kept: Kept | None = None) -> list[str]:
    """Set each damaged checkpoint aside under a name of its own; one line for each says so. Whole ones stay.

    Whoever calls this holds the lock of ingestion.
    """
    said = []
    for checkpoint, fault in faults(checkpoints, sources, kept).items():
        aside = checkpoint.with_name(f"broken-{checkpoint.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        checkpoint.rename(aside)
        said.append(f"{fault}: set aside as {aside.name}; the next run begins after what the tables hold")
    return said


def _mark(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:8]


def _mark_of(checkpoint: Path) -> str:
    return checkpoint.name.rpartition("-")[2]


def _newest_batch(settings: Settings, query: str) -> int:
    return max(tables.last_batch(settings, name, query) for name in (tables.EVENTS, tables.QUARANTINE, tables.BATCHES))


def _listed(checkpoints: Path) -> list[Path]:
    """Those in use; the name of one that was set aside ends otherwise."""
    if not checkpoints.is_dir():
        return []
    return [path for path in sorted(checkpoints.iterdir()) if path.is_dir() and _NAMED.fullmatch(path.name)]


def _log(path: Path) -> dict[int, Path]:
    """Number of a batch -> its file."""
    if not path.is_dir():
        return {}
    numbered = ((_LOG.fullmatch(file.name), file) for file in sorted(path.iterdir()))
    return {int(found[1]): file for found, file in numbered if found}


def _query(metadata: Path, *, has_begun: bool) -> str:
    """The id of the query; empty when there is none yet."""
    if not metadata.exists():
        if has_begun:
            raise CheckpointError(f"{metadata} is missing")
        return ""
    query = _parsed(metadata, _text(metadata)).get("id")
    if not isinstance(query, str):
        raise CheckpointError(f"{metadata} holds no id")
    return query


def _end(path: Path, source: str) -> dict[str, Any]:
    """Up to where a batch went, which is said after its metadata, as Spark writes it; empty when it did not say."""
    rows = _rows(path)
    if len(rows) < 2:
        raise CheckpointError(f"{path} is cut short")
    if len(rows) > 2:
        raise CheckpointError(f"{path} holds offsets of {len(rows) - 1} sources, expected one")
    if rows[1] and _source_of(rows[1]) != source:
        found = _in_words(_source_of(rows[1]))
        raise CheckpointError(f"{path} holds offsets of {found}, expected those of {_in_words(source)}")
    return rows[1]


def _rows(path: Path) -> list[dict[str, Any]]:
    """The lines below the version, of which there is one at least; one for a source without offsets is empty."""
    # Before the first offsets of a topic Spark puts a zero byte.
    version, *lines = _text(path).removeprefix("\0").rstrip("\n").split("\n")
    if version != _VERSION or not lines:
        raise CheckpointError(f"{path} is {'cut short' if _VERSION.startswith(version) else 'garbled'}")
    return [{} if line == "-" else _parsed(path, line) for line in lines]


def _text(path: Path) -> str:
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        raise CheckpointError(f"{path} is garbled") from None
    if not text:
        raise CheckpointError(f"{path} is empty")
    return text


def _parsed(path: Path, line: str) -> dict[str, Any]:
    """Of a line that is whole: each is an object."""
    try:
        found = json.loads(line)
    except ValueError:
        cut = line.startswith("{") and not line.endswith("}")
        raise CheckpointError(f"{path} is {'cut short' if cut else 'garbled'}") from None
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} is garbled")
    return found


def _source_of(end: Mapping[str, Any]) -> str:
    """{"logOffset": 4} is of files, {"sales": {"0": 17}} of a topic; empty for anything else."""
    if list(end) == ["logOffset"] and isinstance(end["logOffset"], int):
        return records.FILES
    return f"kafka:{','.join(end)}" if all(isinstance(parts, dict) for parts in end.values()) else ""


def _in_words(source: str) -> str:
    kind, _, topic = source.partition(":")
    return f"topic {topic!r}" if topic else kind or "another kind of source"


def _told(checkpoint: Path) -> str:
    """The topic that it is named for, if its offsets are of one; else it is of files."""
    for path in _log(checkpoint / "offsets").values():
        with suppress(CheckpointError):
            for end in _rows(path)[1:]:
                if _mark(_source_of(end)) == _mark_of(checkpoint):
                    return _source_of(end)
    return records.FILES


def _refuse_gaps(checkpoint: Path, offsets: Log, commits: Log) -> None:
    """Spark needs the offsets of the newest two batches, and all but the newest are committed."""
    newest, committed = max(offsets, default=-1), max(commits, default=-1)
    if committed > newest:
        raise CheckpointError(f"{checkpoint / 'offsets' / str(committed)} is missing")
    if newest > 0 and newest - 1 not in offsets:
        raise CheckpointError(f"{checkpoint / 'offsets' / str(newest - 1)} is missing")
    if committed < newest - 1:
        raise CheckpointError(f"{checkpoint / 'commits' / str(newest - 1)} is missing")


def _refuse_gaps_in_files(checkpoint: Path, seen: Log, ends: Mapping[int, Mapping[str, Any]]) -> None:
    """The names of files that were seen are needed from the newest summary on, and as far as the offsets go."""
    first = max((number for number, path in seen.items() if path.suffix == ".compact"), default=0)
    last = max([-1, *seen, *(end.get("logOffset", -1) for end in ends.values())])
    for number in range(first, last + 1):
        if number not in seen:
            raise CheckpointError(f"{checkpoint / 'sources' / '0' / str(number)} is missing")


def _refuse_older(checkpoint: Path, newest: int, kept: int) -> None:
    """Batches of one number are taken for the same: what an older copy makes of them anew would not be written."""
    if kept > newest:
        known = f"batches up to {newest}" if newest >= 0 else "no batch"
        raise CheckpointError(f"{checkpoint} knows {known}, and the tables hold batch {kept}: it is an older copy")
