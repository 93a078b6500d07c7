"""What a machine needs, looked at one by one: found or not, and what to do about it."""

import ctypes
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from deltalake.exceptions import DeltaError

from spark_app import locks, session
from spark_app.interests.seeing import reading
from spark_app.running import java
from spark_app.running.preflight import GIGABYTE
from spark_app.settings import Settings, size_in_bytes
from spark_app.storage import bucket, checkpoints

LEAST_FREE = 2 * GIGABYTE


class Finding(NamedTuple):
    """One thing that was looked at; `remedy` says what to do when it is not well."""

    name: str
    is_well: bool
    found: str
    remedy: str = ""


def look(settings: Settings, *, start_spark: bool = True) -> Iterator[Finding]:
    """Look at everything, the cheap things first; starting Spark shows that its packages can be had."""
    yield _python()
    yield _java()
    yield _blas()
    yield _memory(settings)
    for name, folder in (("data folder", settings.data_dir), ("results folder", settings.results_dir)):
        yield _writable(name, folder, settings)
    yield _disk(settings)
    yield _checkpoints(settings)
    yield _loopback()
    yield _pictures(settings)
    if settings.source == "kafka":
        yield _broker(settings)
    if start_spark:
        yield _spark(settings)


def _python() -> Finding:
    version = sys.version.split()[0]
    return Finding("Python", sys.version_info >= (3, 11), version, "install Python 3.11 or later")


def _java() -> Finding:
    try:
        return Finding("Java", True, str(java.home()))
    except java.NoJavaError as error:
        return Finding("Java", False, str(error), "`doctor --install-java` installs it where apt may be used")


def _blas() -> Finding:
    """What MLlib multiplies with. It does without a native one, but trains longer."""
    try:
        openblas = hasattr(ctypes.CDLL("libblas.so.3"), "openblas_get_num_threads")
    except OSError:
        return Finding("BLAS", True, "Java's own; MLlib trains faster after `apt-get install libopenblas0-pthread`")
    return Finding("BLAS", True, "OpenBLAS" if openblas else "libblas.so.3")


def _memory(settings: Settings) -> Finding:
    """The driver's heap has to fit beside Python's own needs."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    heap = size_in_bytes(settings.spark.driver_memory)
    remedy = f"lower MILLSTREAM_SPARK__DRIVER_MEMORY ({settings.spark.driver_memory})"
    return Finding("memory", heap <= 0.8 * whole, f"{whole / GIGABYTE:.1f} GiB", remedy)


def _writable(name: str, folder: Path, settings: Settings) -> Finding:
    def write() -> str:
        if place := settings.place(folder):
            bucket.write(place / ".doctor", b"x")
            bucket.remove(place / ".doctor")
            return f"{place} can be written"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
        return f"{folder} can be written"

    return _tried(name, write, f"make {settings.told(folder)} writable, or name another folder in the settings")


def _disk(settings: Settings) -> Finding:
    there = next(folder for folder in (settings.data_dir, *settings.data_dir.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    return Finding("disk", free >= LEAST_FREE, f"{free / GIGABYTE:.1f} GiB free", "free at least 2 GiB")


def _checkpoints(settings: Settings) -> Finding:
    """Those of a stream that runs are its own business: they change while one looks."""

    def check() -> str:
        if busy := locks.holder(settings, locks.INGEST):
            return f"in use by {busy}"
        folder = settings.data_dir / "checkpoints"
        if faults := checkpoints.faults(folder, [settings.kafka.source], checkpoints.kept_in(settings)):
            raise ValueError("; ".join(faults.values()))
        return "every stream can go on"

    return _tried("checkpoints", check, checkpoints.REMEDY)


def _loopback() -> Finding:
    """Spark's parts talk to each other over ports that the system chooses."""

    def bind() -> str:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return f"loopback port {server.getsockname()[1]} can be opened"

    return _tried("ports", bind, "allow programs to listen on 127.0.0.1")


def _pictures(settings: Settings) -> Finding:
    """What posted pictures can be read by; that matters only where there are some, and a reader is set."""
    lacking = {reader: reading.lacking(settings, reader) for reader in reading.READERS}
    found = "; ".join(f"{reader} reads" if lack is None else lack for reader, lack in lacking.items())
    wanted = settings.interests.pictures is not None or settings.interests.fetch
    lack = lacking.get(settings.interests.reader)
    return Finding("pictures", not (wanted and lack), found, "or set MILLSTREAM_INTERESTS__READER to another")


def _broker(settings: Settings) -> Finding:
    first = settings.kafka.bootstrap_servers.split(",")[0]
    host, _, port = first.rpartition(":")

    def connect() -> str:
        with socket.create_connection((host, int(port)), timeout=3):
            return f"{first} answers"

    return _tried("Kafka", connect, "start the broker, or set MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS")


def _spark(settings: Settings) -> Finding:
    def start() -> str:
        begun = time.perf_counter()
        spark = session.start(settings, app="millstream-doctor")
        try:
            spark.range(1).count()
            packages = len(session.packages(settings))
            return f"{spark.version} with {packages} packages, {time.perf_counter() - begun:.1f} s to start"
        finally:
            session.stop(spark)

    remedy = "the first start fetches the packages from Maven Central: it must be reachable once"
    return _tried("Spark", start, remedy)


def _tried(name: str, action: Callable[[], str], remedy: str) -> Finding:
    try:
        return Finding(name, True, action())
    except (OSError, ValueError, RuntimeError, DeltaError) as error:
        return Finding(name, False, str(error), remedy)
