"""Ways of doing the same thing, timed in turns in one run: seconds, ratios, and the machine they were seen on."""

import os
import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.long_tail import Interactions


def timed(runs: dict[str, Callable[[], None]], rounds: int, once: str = "") -> dict[str, list[float]]:
    """Seconds of each, in turns, after one round to warm up; `once` is run once, last, and not warmed up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name in runs.keys() - {once}:
            spent = _seconds(runs[name])
            if number:
                seconds[name].append(spent)
    if once:
        seconds[once].append(_seconds(runs[once]))
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


def pairs(simulated: Interactions, folder: Path) -> None:
    """(userId, productId, strength) as Parquet files for Spark, one a core."""
    table = simulated.known.tocoo()
    columns = {"userId": table.row.astype(np.int32), "productId": table.col.astype(np.int32), "strength": table.data}
    folder.mkdir()
    parts = os.cpu_count() or 1
    for part in range(parts):
        some = slice(part * table.nnz // parts, (part + 1) * table.nnz // parts)
        rows = pa.table({name: values[some] for name, values in columns.items()})
        pq.write_table(rows, folder / f"{part:02}.parquet")


def _seconds(run: Callable[[], None]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun
