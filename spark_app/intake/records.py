"""Files -> their records, on the executors: opened, cut into records, handed on as Arrow batches.

No Spark here. A record is a line, or a row of a CSV whose quoted cells may span lines. Files are read as they
stream by, so that memory does not grow with their size.
"""

import gzip
import io
from collections import deque
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa

from spark_app import rules
from spark_app.storage import bucket, places
from spark_app.storage.places import Place

FILES = "files"
SUFFIXES = (".csv", ".json", ".jsonl", ".ndjson")
_JSON_SUFFIXES = SUFFIXES[1:]
# A longer line keeps its first part, which is more than enough to be refused for its size.
_LINE_LIMIT = 16 * rules.MAX_BYTES
# A quoted cell may go on for this many lines; what is still open then was no quotation.
_SPAN_LIMIT = 1000
_LINE_END = b"\r\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_AFTER_QUOTATION = (b"", b",", b"\r", b"\n")
_BATCH_ROWS = 10_000
_BATCH_BYTES = 8_000_000


def read_files(batches: Iterator[pa.RecordBatch], endpoint: str = "") -> Iterator[pa.RecordBatch]:
    """Runs on the executors: (path, partition, header, received_at) -> raw records; `endpoint` is that of a bucket."""
    for batch in batches:
        for row in batch.to_pylist():
            path = places.parse(row["path"], endpoint) if places.is_one(row["path"]) else row["path"]
            yield from _raw_batches(read(path, has_header=row["header"] is not None), row)


def listed(path: Path) -> list[Path]:
    """Files of a folder and its subfolders, hidden ones left out, or the file itself."""
    if path.is_file():
        return [path]
    inside = (found for found in sorted(path.rglob("*")) if found.is_file())
    return [found for found in inside if not any(part[0] in "._" for part in found.relative_to(path).parts)]


def partition_of(path: Path, data_dir: Path) -> str:
    """What a file is called for ever: its path below the data folder, else its whole path."""
    absolute, home = path.resolve(), data_dir.resolve()
    return str(absolute.relative_to(home)) if absolute.is_relative_to(home) else str(absolute)


def has_known_suffix(path: str) -> bool:
    """Whether its name says that it holds JSON or CSV."""
    return _plain_name(path).endswith(SUFFIXES)


def read(path: str | Place, *, has_header: bool) -> Iterator[bytes]:
    """The records of one file, blank lines and the header left out."""
    with _opened(path) as file:
        yield from _records(file, has_header)


def lines(content: bytes) -> list[bytes]:
    """The records of a text as a file of JSON would have them."""
    return list(_records(io.BytesIO(content), has_header=False))


def header_of(path: str) -> str | None:
    """The header of a CSV; None when the file holds JSON, or nothing at all."""
    if _plain_name(path).endswith(_JSON_SUFFIXES):
        return None
    first = first_of(path)
    if not first or first.lstrip().startswith(b"{"):
        return None
    return first.decode(errors="replace")


def first_of(path: str) -> bytes:
    """The first line that is not blank, empty when there is none."""
    with _opened(path) as file:
        return next(_filled(_lines(file)), b"")


def ensure_whole(path: str) -> None:
    """Read a gzip file to its end, so that one cut short is noticed before a record of it is taken.

    Raises EOFError, zlib.error or gzip.BadGzipFile.
    """
    if path.lower().endswith(".gz"):
        with _opened(path) as file:
            while file.read(1 << 20):
                pass


def _raw_batches(records: Iterator[bytes], file: Mapping[str, object]) -> Iterator[pa.RecordBatch]:
    position, size = 0, 0
    held: list[bytes] = []
    for record in records:
        held.append(record)
        size += len(record)
        if len(held) >= _BATCH_ROWS or size >= _BATCH_BYTES:
            yield _raw_batch(held, position, file)
            position, size, held = position + len(held), 0, []
    if held:
        yield _raw_batch(held, position, file)


def _raw_batch(records: list[bytes], position: int, file: Mapping[str, object]) -> pa.RecordBatch:
    count = len(records)
    return pa.RecordBatch.from_pydict(
        {
            "value": pa.array(records, pa.binary()),
            "header": pa.repeat(pa.scalar(file["header"], pa.string()), count),
            "source": pa.repeat(pa.scalar(FILES), count),
            "partition": pa.repeat(pa.scalar(file["partition"], pa.string()), count),
            "position": pa.array(range(position, position + count), pa.int64()),
            "received_at": pa.repeat(pa.scalar(file["received_at"], pa.timestamp("us", "UTC")), count),
        }
    )


def _records(file: IO[bytes], has_header: bool) -> Iterator[bytes]:
    """Records of a file, blank lines and the header left out."""
    lines = _lines(file)
    if has_header:
        next(_filled(lines), None)
        return _filled(_rows(lines))
    return _filled(lines)


def _filled(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Those that are not blank, without their end."""
    return (line.rstrip(_LINE_END) for line in lines if not line.isspace())


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Lines with their end, and without a byte order mark at the beginning of the file."""
    first = True
    while line := file.readline(_LINE_LIMIT):
        if len(line) == _LINE_LIMIT and not line.endswith(b"\n"):
            _skip_line(file)
        if first:
            line, first = line.removeprefix(_BYTE_ORDER_MARK), False
        if line:
            yield line


def _skip_line(file: IO[bytes]) -> None:
    while (rest := file.readline(_LINE_LIMIT)) and not rest.endswith(b"\n"):
        pass


def _rows(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Rows of a CSV: a cell in quotes may hold line breaks. A quote that is never closed costs its own line only."""
    waiting: deque[bytes] = deque()
    while True:
        line = waiting.popleft() if waiting else next(lines, None)
        if line is None:
            return
        if b'"' in line and _ends(line, Cell.BEGINS) is Cell.QUOTED:
            line = _whole(line, waiting, lines)
        yield line


def _whole(line: bytes, waiting: deque[bytes], lines: Iterator[bytes]) -> bytes:
    """The row that begins with this line; the line alone when its quotation does not come to a good end.

    Lines that were looked at and do not belong to the row are put back into `waiting`.
    """
    span: list[bytes] = []
    state, size = Cell.QUOTED, len(line)
    while state is Cell.QUOTED and len(span) < _SPAN_LIMIT and size <= rules.MAX_BYTES:
        following = waiting.popleft() if waiting else next(lines, None)
        if following is None:
            break
        span.append(following)
        size += len(following)
        state = _ends(following, state)
    if state is Cell.BEGINS:
        return b"".join((line, *span))
    waiting.extendleft(reversed(span))
    return line


class Cell(Enum):
    """Where in a row of a CSV one is, by RFC 4180."""

    BEGINS = auto()
    QUOTED = auto()
    MALFORMED = auto()


def _ends(line: bytes, state: Cell) -> Cell:
    """Where a line leaves one who began it in this state: BEGINS after a whole row, QUOTED within an open quotation."""
    at = 0
    while True:
        if state is Cell.BEGINS and line[at : at + 1] == b'"':
            state, at = Cell.QUOTED, at + 1
        if state is Cell.QUOTED:
            at = _end_of_quotation(line, at)
            if at < 0:
                return Cell.QUOTED
            if line[at : at + 1] not in _AFTER_QUOTATION:
                return Cell.MALFORMED
        comma = line.find(b",", at)
        if comma < 0:
            return Cell.BEGINS
        state, at = Cell.BEGINS, comma + 1


def _end_of_quotation(line: bytes, at: int) -> int:
    """The place after the closing quote, -1 when there is none."""
    while (quote := line.find(b'"', at)) >= 0:
        if line[quote + 1 : quote + 2] != b'"':
            return quote + 1
        at = quote + 2
    return -1


def _opened(path: str | Place) -> IO[bytes]:
    if isinstance(path, Place):
        file = cast(IO[bytes], io.BufferedReader(cast(Any, bucket.opened(path)), 1 << 20))
        return cast(IO[bytes], gzip.open(file, "rb")) if path.key.lower().endswith(".gz") else file
    if path.lower().endswith(".gz"):
        return cast(IO[bytes], gzip.open(path, "rb"))
    return Path(path).open("rb", buffering=1 << 20)


def _plain_name(path: str) -> str:
    return path.lower().removesuffix(".gz")
