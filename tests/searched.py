"""Every byte of a folder searched for a word: as it stands there, and unpacked, whatever packs it."""

import gzip
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def found(home: Path, word: str) -> list[str]:
    """Files below `home` that hold the word: in their bytes, their name, or what is packed in them."""
    files = sorted(path for path in home.rglob("*") if path.is_file())
    return [str(path.relative_to(home)) for path in files if any(word in text for text in texts(path, home))]


def texts(path: Path, home: Path) -> Iterator[str]:
    """All that a file may say."""
    content = path.read_bytes()
    yield str(path.relative_to(home))
    yield content.decode("utf-8", "replace")
    # UTF-16 and UTF-32, as numpy keeps its texts.
    yield content.replace(b"\0", b"").decode("utf-8", "replace")
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content).decode("utf-8", "replace")
    if content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(path) as packed:
            yield from (packed.read(name).decode("utf-8", "replace") for name in packed.namelist())
    if content[:4] == b"PAR1":
        with pq.ParquetFile(path) as file:
            yield from map(_told, file.read().to_pylist())
    if content[:6] == b"ARROW1":
        yield from map(_told, pa.ipc.open_file(content).read_all().to_pylist())
    if path.suffix == ".json":
        # Each line on its own, escapes undone.
        yield from (_told(json.loads(line)) for line in content.splitlines() if _is_json(line))


def _told(value: object) -> str:
    """A row or a document with all that is nested in it, statistics as text of JSON among it."""
    return repr(value)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
