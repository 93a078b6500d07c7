"""Ways of doing the same thing, timed in turns in one run: seconds, ratios, and the machine they were seen on."""

import os
import platform
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from benchmarks.long_tail import Interactions
from spark_app import session
from spark_app.settings import Settings

Made = TypeVar("Made")


@contextmanager
def at_work(app: str) -> Iterator[tuple[SparkSession, Settings]]:
    """A session, and settings whose data and results lie in a folder that goes with it."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(_env_file=None, data_dir=Path(home) / "data", results_dir=Path(home) / "results")
        spark = session.start(settings, app=app)
        try:
            yield spark, settings
        finally:
            session.stop(spark)


def clocked(run: Callable[[], Made]) -> tuple[float, Made]:
    """Seconds that it took, and what it gave."""
    begun = time.perf_counter()
    made = run()
    return time.perf_counter() - begun, made


def watched(run: Callable[[], Made], used: Callable[[], int], every: float) -> tuple[int, Made]:
    """The most that was used while it ran, looked at each so many seconds, and what it gave."""
    done, most = threading.Event(), [used()]

    def look() -> None:
        while not done.wait(every):
            most[0] = max(most[0], used())

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        made = run()
    finally:
        done.set()
        watcher.join()
    return most[0], made


def timed(runs: dict[str, Callable[[], None]], rounds: int, once: str = "") -> dict[str, list[float]]:
    """Seconds of each, in turns, after one round to warm up; `once` is run once, last, and not warmed up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name in [name for name in runs if name != once]:
            spent, _ = clocked(runs[name])
            if number:
                seconds[name].append(spent)
    if once:
        seconds[once].append(clocked(runs[once])[0])
    return seconds


def report(seconds: Mapping[str, list[float]], ours: str) -> None:
    """How ours compares with each, then the seconds."""
    median = {name: float(np.median(values)) for name, values in seconds.items()}
    for name in median:
        if name != ours:
            print(f"{ours} / {name}: {median[ours] / median[name]:.2f}")
    for name, values in seconds.items():
        print(f"{name}: {median[name]:.2f} s ({min(values):.2f} to {max(values):.2f}, {len(values)} rounds)")


def machine() -> None:
    """What the numbers were seen on."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("pyspark", "numpy", "implicit"))
    python = f"Python {platform.python_version()}, {packages}"
    print(f"{os.cpu_count()} cores, {platform.machine()}, {python}, {time.strftime('%Y-%m-%d')}")


def pairs(spark: SparkSession, simulated: Interactions, folder: Path) -> DataFrame:
    """(userId, productId, strength) from Parquet files, one a core."""
    write_pairs(simulated, folder)
    return spark.read.parquet(str(folder))


def write_pairs(simulated: Interactions, folder: Path) -> None:
    """The files of `pairs`."""
    table = simulated.known.tocoo()
    columns = {"userId": table.row.astype(np.int32), "productId": table.col.astype(np.int32), "strength": table.data}
    folder.mkdir(parents=True)
    parts = os.cpu_count() or 1
    for part in range(parts):
        some = slice(part * table.nnz // parts, (part + 1) * table.nnz // parts)
        rows = pa.table({name: values[some] for name, values in columns.items()})
        pq.write_table(rows, folder / f"{part:02}.parquet")
