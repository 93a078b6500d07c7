"""Objects of a bucket, read and written by boto3: each put is whole or not at all, and may depend on what is there.

Credentials and the region come by AWS's own chain (environment, profile, role of the machine), never by our settings.
What fails is an OSError that names the place; boto3 is loaded where a bucket is asked for, and not before.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from secrets import token_hex
from typing import IO, Any, NamedTuple, cast

from spark_app.storage.places import Place

_THREADS = 8
# Keys that one request removes at the most, by the rules of S3.
_AT_ONCE = 1000
_MISSING = {"404", "NoSuchKey", "NotFound"}
_CONFLICT = {"412", "409", "PreconditionFailed", "ConditionalRequestConflict"}
_REFUSED = {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"}


class NoClientError(OSError):
    """boto3 is not installed; the message says how to get it."""


class ConflictError(OSError):
    """An object is not as it was expected: there already, gone, or another."""


class Entry(NamedTuple):
    """What is known of an object without reading it; `marks` are its own words, given where it was looked at alone."""

    bytes: int
    modified_at: datetime
    etag: str
    marks: Mapping[str, str]


def read(place: Place) -> bytes:
    """What an object holds; FileNotFoundError."""
    return read_with_age(place)[0]


def read_with_age(place: Place) -> tuple[bytes, str, float]:
    """The same, its ETag, and the seconds since it was put; both times are the bucket's own."""
    with _in_words(place):
        answer = _client(place.endpoint).get_object(**_named(place))
        now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return answer["Body"].read(), answer["ETag"], (now - answer["LastModified"]).total_seconds()


def text(place: Place) -> str:
    """The same as text; empty when there is none."""
    try:
        return read(place).decode()
    except FileNotFoundError:
        return ""


def opened(place: Place) -> IO[bytes]:
    """The same to be read as it comes; FileNotFoundError."""
    with _in_words(place):
        return cast(IO[bytes], _client(place.endpoint).get_object(**_named(place))["Body"])


def write(place: Place, content: bytes) -> None:
    """Put it in the place of what was there."""
    with _in_words(place):
        _client(place.endpoint).put_object(**_named(place), Body=content)


def write_new(place: Place, content: bytes) -> str:
    """Put it where nothing is; gives its ETag. ConflictError where something is."""
    with _in_words(place):
        return str(_client(place.endpoint).put_object(**_named(place), Body=content, IfNoneMatch="*")["ETag"])


def write_over(place: Place, content: bytes, etag: str) -> str:
    """Put it in the place of what has this ETag; gives its own. ConflictError when that is another, or gone."""
    with _in_words(place):
        try:
            return str(_client(place.endpoint).put_object(**_named(place), Body=content, IfMatch=etag)["ETag"])
        except Exception as error:
            if _code(error) in _MISSING:
                raise ConflictError(f"{place} is gone") from error
            raise


def remove(place: Place, etag: str | None = None) -> None:
    """Remove an object, if it is there; with an ETag only that one: ConflictError when it is another."""
    with _in_words(place), suppress(FileNotFoundError):
        _client(place.endpoint).delete_object(**_named(place), **({"IfMatch": etag} if etag else {}))


def entry(place: Place) -> Entry | None:
    """What is known of an object; None when there is none."""
    try:
        with _in_words(place):
            found = _client(place.endpoint).head_object(**_named(place))
    except FileNotFoundError:
        return None
    return Entry(found["ContentLength"], found["LastModified"], found["ETag"], found.get("Metadata", {}))


def listed(place: Place) -> dict[str, Entry]:
    """All objects below a key, by what stands behind it."""
    start = f"{place.key}/" if place.key else ""
    found = {}
    with _in_words(place):
        pages = _client(place.endpoint).get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=place.bucket, Prefix=start):
            for one in page.get("Contents", ()):
                if name := one["Key"].removeprefix(start):
                    found[name] = Entry(one["Size"], one["LastModified"], one["ETag"], {})
    return found


def send(path: Path, place: Place, marks: Mapping[str, str] | None = None) -> None:
    """Put a file there, in parts where it is large; `marks` are kept with it."""
    with _in_words(place):
        _client(place.endpoint).upload_file(
            str(path), place.bucket, place.key, ExtraArgs={"Metadata": dict(marks or {})}
        )


def fetch(place: Place, path: Path) -> None:
    """Bring an object into a file, whole or not at all; FileNotFoundError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        with _in_words(place):
            _client(place.endpoint).download_file(place.bucket, place.key, str(aside))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def follow(place: Place, known: Entry, path: Path) -> None:
    """Bring an object unless the file is as it is there, by size and time; the file has its time then."""
    seconds = known.modified_at.timestamp()
    if path.exists() and (path.stat().st_size, path.stat().st_mtime) == (known.bytes, seconds):
        return
    fetch(place, path)
    os.utime(path, (seconds, seconds))


def send_all(folder: Path, place: Place, names: Iterable[str]) -> None:
    """Put files of a folder there, side by side, in no order."""
    _side_by_side(lambda name: send(folder / name, place / name), names)


def fetch_all(place: Place, folder: Path, names: Iterable[str]) -> None:
    """Bring objects below a key into a folder, side by side."""
    _side_by_side(lambda name: fetch(place / name, folder / name), names)


def remove_all(place: Place, names: Iterable[str]) -> None:
    """Remove objects below a key, in no order."""
    keys = [{"Key": (place / name).key} for name in names]
    for start in range(0, len(keys), _AT_ONCE):
        with _in_words(place):
            some = {"Objects": keys[start : start + _AT_ONCE], "Quiet": True}
            answer = _client(place.endpoint).delete_objects(Bucket=place.bucket, Delete=some)
        if errors := answer.get("Errors"):
            raise PermissionError(f"{place}: {errors[0].get('Key')} cannot be removed: {errors[0].get('Message')}")


def move(place: Place, target: Place) -> None:
    """Give an object another key: the new one is there before the old one goes."""
    with _in_words(place):
        _client(place.endpoint).copy(_named(place), target.bucket, target.key)
    remove(place)


def _side_by_side(work: Callable[[str], None], names: Iterable[str]) -> None:
    with ThreadPoolExecutor(_THREADS) as threads:
        for _ in threads.map(work, names):
            pass


def _named(place: Place) -> dict[str, str]:
    return {"Bucket": place.bucket, "Key": place.key}


@lru_cache
def _client(endpoint: str) -> Any:
    """Safe in many threads."""
    try:
        # Only who has a bucket needs it.
        import boto3
        from botocore.config import Config
    except ModuleNotFoundError as error:
        line = "python -m pip install -r requirements-s3.txt"
        raise NoClientError(f"{error.name} is not installed, which s3a:// needs: {line}") from error
    patience = {"connect_timeout": 5, "read_timeout": 60, "retries": {"mode": "standard", "max_attempts": 5}}
    own = {"s3": {"addressing_style": "path"}} if endpoint else {}
    # A session of its own: boto3 shares its first one between threads, and making a client of that is not safe.
    return boto3.session.Session().client("s3", endpoint_url=endpoint or None, config=Config(**patience, **own))


@contextmanager
def _in_words(place: Place) -> Iterator[None]:
    """What boto3 raises, as an OSError that names the place."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        if not type(error).__module__.startswith(("botocore", "boto3", "s3transfer")):
            raise
        raise _kind(_code(error))(f"{place}: {_cause(error)}") from error


def _code(error: Exception) -> str:
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def _kind(code: str) -> type[OSError]:
    if code in _MISSING:
        return FileNotFoundError
    if code in _CONFLICT:
        return ConflictError
    return PermissionError if code in _REFUSED else ConnectionError


def _cause(error: Exception) -> str:
    """Without boto3's name of the call, where it is known what was refused."""
    said = getattr(error, "response", {}).get("Error", {})
    return f"{said['Code']}: {said['Message']}" if said.get("Message") else str(error)
