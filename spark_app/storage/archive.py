"""Files -> one checked file, and back: a plain tar whose last member says what is in it, and behind it its SHA-256.

Nothing of it is used before all of it was read and found to be as it was written: every byte counts, also those between
the members. `tar -tf` lists it; no other program is needed to get at a file.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any

from spark_app.running.errors import WrongUsageError
from spark_app.storage import disk

MANIFEST = "manifest.json"
_KIND, _FORMAT = "millstream dump", 1
_SEAL = b"sha256:"
_SEAL_BYTES = len(_SEAL) + hashlib.sha256().digest_size * 2 + 1
_AT_ONCE = 1 << 20
# What tarfile and the manifest raise where bytes are wrong.
_GARBLED = (tarfile.TarError, OSError, EOFError, ValueError, KeyError, TypeError, AttributeError)

Manifest = Mapping[str, Any]


class WrongDumpError(WrongUsageError, ValueError):
    """A dump cannot be made or used as it was asked for; the message names the file or folder, and what is wrong."""


def write(path: Path, files: Mapping[str, Path], said: Manifest) -> dict[str, Any]:
    """Put files, by the names that they have in it, into one at `path`; gives its manifest, which says `said` too.

    It is written aside and has its name once it is whole and on the disk. OSError.
    """
    aside = path.with_name(f".{path.name}.tmp")
    try:
        with aside.open("wb") as file:
            hashed = _Hashed(file)
            with tarfile.open(fileobj=hashed, mode="w|", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
                told = {name: _add(tar, name, source) for name, source in files.items()}
                manifest = {"kind": _KIND, "format": _FORMAT} | dict(said) | {"files": told}
                _add_text(tar, MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False))
            file.write(_SEAL + hashed.sha256.hexdigest().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    disk.sync(path.parent)
    return manifest


def checked(path: Path) -> dict[str, Any]:
    """The manifest of a file, once every byte of it was found to be as it was written. WrongDumpError."""
    if not path.is_file():
        raise WrongDumpError(f"{path} is no file: expected one that `dump` wrote")
    if not _is_sealed(path):
        raise WrongDumpError(f"{path} is damaged: {_damaged(path)}")
    manifest = _manifest(path)
    if manifest.get("format") != _FORMAT:
        raise WrongDumpError(f"{path} has the format {manifest.get('format')!r}, expected {_FORMAT}: a newer dump")
    for name in manifest["files"]:
        _refuse_outside(path, name)
    return manifest


def extract(path: Path, folder: Path, names: Iterable[str], manifest: Manifest) -> None:
    """Write members of a checked file below a folder, with their times, each on the disk. WrongDumpError, OSError."""
    with tarfile.open(path, "r:") as tar:
        for name in names:
            told, target = manifest["files"][name], folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            source = tar.extractfile(name)
            with target.open("wb") as file:
                if source is None or _copied(source, file.write) != told["sha256"]:
                    raise WrongDumpError(f"{path} is damaged: {name} is not as it was written")
                file.flush()
                os.fsync(file.fileno())
            os.utime(target, ns=(told["modified_ns"], told["modified_ns"]))
    for within in [folder, *folder.rglob("*")]:
        if within.is_dir():
            disk.sync(within)


class _Hashed:
    """A file to write to that knows the SHA-256 of what was written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self._file.write(data)


class _Read:
    """A file to read that knows the SHA-256 of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.sha256.update(data)
        return data


def _add(tar: tarfile.TarFile, name: str, source: Path) -> dict[str, Any]:
    """One file; gives what the manifest says of it."""
    with source.open("rb") as file:
        status = os.fstat(file.fileno())
        info = tarfile.TarInfo(name)
        info.size, info.mtime = status.st_size, int(status.st_mtime)
        reader = _Read(file)
        tar.addfile(info, reader)
    return {"bytes": info.size, "modified_ns": status.st_mtime_ns, "sha256": reader.sha256.hexdigest()}


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode()
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _is_sealed(path: Path) -> bool:
    """Whether the file ends with the SHA-256 of all before; WrongDumpError where it ends with none."""
    sha256, left = hashlib.sha256(), path.stat().st_size - _SEAL_BYTES
    with path.open("rb") as file:
        while left > 0 and (block := file.read(min(left, _AT_ONCE))):
            sha256.update(block)
            left -= len(block)
        return file.read() == _SEAL + sha256.hexdigest().encode() + b"\n"


def _damaged(path: Path) -> str:
    """Which member of a file is not as it was written; in words where it is none of them."""
    try:
        files = _manifest(path)["files"]
    except _GARBLED:
        return "it was cut short, or never was a dump"
    try:
        with tarfile.open(path, "r:") as tar:
            for name, told in files.items():
                source = tar.extractfile(name)
                if source is None or _copied(source, lambda _: None) != told["sha256"]:
                    return f"{name} is not as it was written"
    except _GARBLED:
        return f"{name} cannot be read"
    return "what stands between its files is not as it was written"


def _manifest(path: Path) -> dict[str, Any]:
    try:
        with tarfile.open(path, "r:") as tar:
            source = tar.extractfile(MANIFEST)
            found = json.loads(source.read()) if source else {}
    except _GARBLED as error:
        raise WrongDumpError(f"{path} is no dump: {error}") from error
    if not isinstance(found, dict) or found.get("kind") != _KIND or not isinstance(found.get("files"), dict):
        raise WrongDumpError(f"{path} is no dump: its {MANIFEST} does not say so")
    return found


def _refuse_outside(path: Path, name: str) -> None:
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in name or "\\" in name:
        raise WrongDumpError(f"{path} is refused: {name!r} would lie outside of the data folder")


def _copied(source: IO[bytes], write: Callable[[bytes], object]) -> str:
    """Copy to where `write` puts it; gives the SHA-256."""
    sha256 = hashlib.sha256()
    while block := source.read(_AT_ONCE):
        sha256.update(block)
        write(block)
    return sha256.hexdigest()
