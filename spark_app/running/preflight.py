"""What a fit of ALS takes, before it is begun: seconds and memory from users x products x interactions x factors.

The numbers come from benchmarks/preflight.py, whose table is in docs/performance.md. How fast this machine is beside
the one that they were seen on is found by a few milliseconds of arithmetic. No Spark.
"""

import math
import os
import time
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spark_app.running.errors import SaidError

GIGABYTE = 1 << 30
# Of the memory that is free, for a fit that nobody asked to be there: Java's heap may still grow.
SHARE = 0.5
# Seconds of a little arithmetic where the rates were seen.
_THERE = 2.5e-4
# Bytes that this program holds while a generation is kept, wherever it was fitted: of each user, of each product and of
# each of its factors; and of each interaction where products are likened by who met them.
_USER, _PRODUCT, _FACTOR, _LIKENED = 800.0, 1_500.0, 8.0, 80.0


class Size(NamedTuple):
    """What is fitted: how many users and products, and pairs of both that met."""

    users: int
    products: int
    interactions: int

    def __str__(self) -> str:
        """406,829 interactions of 4,372 users and 3,684 products."""
        return f"{self.interactions:,} interactions of {self.users:,} users and {self.products:,} products"


class Cost(NamedTuple):
    """Of one fit: seconds, and bytes at once."""

    seconds: float
    memory: float

    def __str__(self) -> str:
        """About 12 s and 0.4 GB."""
        return f"about {max(self.seconds, 1):.0f} s and {max(self.memory / GIGABYTE, 0.1):.1f} GB"


class TooLargeError(SaidError, RuntimeError):
    """A fit does not fit into memory; the message names the settings that would."""


class _Rates(NamedTuple):
    """What an engine takes on one core of the machine that it was seen on.

    Seconds of all at the start and of each iteration, of each interaction before the first one, and then, for either
    side of each iteration, of an interaction, of it and a factor, of it and two, and of a user or product and three.
    Bytes of all, of each interaction, and of each factor of a user or product.
    """

    start: float
    iteration: float
    interaction: float
    row: float
    cell: float
    square: float
    cube: float
    memory: float
    held: float
    factor: float


_RATES = {
    "mllib": _Rates(2.0, 0.2, 5e-6, 2.5e-7, 0.0, 1.2e-10, 8e-11, 1.5e8, 35.0, 45.0),
    "implicit": _Rates(0.6, 0.0, 3.5e-6, 0.0, 1.6e-9, 1e-11, 6e-12, 3e7, 60.0, 16.0),
}


def cost(size: Size, engine: str, factors: int, iterations: int, cores: int) -> Cost:
    """What one fit takes on so many cores of this machine."""
    rates, sides = _RATES[engine], size.users + size.products
    rows = 2 * size.interactions * (rates.row + factors * (rates.cell + factors * rates.square))
    work = size.interactions * rates.interaction + iterations * (rows + sides * rates.cube * factors**3)
    seconds = rates.start + iterations * rates.iteration + work / cores
    return Cost(seconds * slowness(), memory(size, engine, factors))


def memory(size: Size, engine: str, factors: int) -> float:
    """Bytes that one fit needs at once: of this program for `implicit`, of Java's heap for `mllib`."""
    rates = _RATES[engine]
    return rates.memory + size.interactions * rates.held + (size.users + size.products) * factors * rates.factor


@lru_cache(maxsize=1)
def slowness() -> float:
    """Of this machine: how many times as long as there a little arithmetic takes, at its best of several times.

    The time that other work takes away meanwhile does not count, as that of a Java that has only just begun.
    """
    numbers = np.linspace(0.0, 1.0, 1 << 14)
    best = np.inf
    for _ in range(20):
        begun = time.thread_time()
        for _ in range(20):
            np.exp(numbers)
        best = min(best, time.thread_time() - begun)
    return float(best / _THERE)


class Room(NamedTuple):
    """Bytes: free on this machine, all of this machine's, and Java's heap wherever the tasks run.

    `elsewhere` says that the heap is that of executors.
    """

    free: float
    whole: float
    heap: float
    elsewhere: bool = False


def room(heap: float, *, elsewhere: bool = False) -> Room:
    """What is there now, within the limits of a container."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    free = _number(_MEMINFO, "MemAvailable:") * 1024 or whole
    limit = _number(_LIMIT)
    if not limit:
        return Room(free, whole, heap, elsewhere)
    # What was read from files is given back when it is needed.
    used = _number(_USED) - _number(_STAT, "inactive_file")
    return Room(min(free, limit - used), min(whole, limit), heap, elsewhere)


def engine(size: Size, factors: int, now: Room) -> str:
    """`implicit` where it fits into its share of what is free, else `mllib`."""
    fits = memory(size, "implicit", factors) <= SHARE * now.free
    return "implicit" if fits else "mllib"


def ensure_fits(size: Size, engine: str, factors: int, now: Room, variable: str = "MILLSTREAM_ALS__FACTORS") -> None:
    """Raise TooLargeError where a fit needs more than there is; `variable` is what sets its factors."""
    needed = memory(size, engine, factors)
    there, name = (now.free, "this machine has free") if engine == "implicit" else (now.heap, "Java's heap holds")
    if needed <= there:
        return
    ways = [_more_room(needed, engine, now)]
    if (fewer := _most_factors(size, engine, there)) >= 1:
        ways.append(f"{variable}={fewer} or fewer")
    raise TooLargeError(
        f"{size} with {factors} factors need about {needed / GIGABYTE:.1f} GB by the engine {engine}, and {name} "
        f"{there / GIGABYTE:.1f} GB; set {', or '.join(ways)}"
    )


def here(size: Size, factors: int, *, likened: bool) -> float:
    """Bytes that the driver needs at once beside Java: ids, products with their vectors, and what is likened."""
    kept = size.users * _USER + size.products * (_PRODUCT + _FACTOR * factors)
    return max(kept, _LIKENED * size.interactions if likened else 0.0)


def ensure_room_here(size: Size, factors: int, now: Room, *, likened: bool) -> None:
    """Raise TooLargeError where the driver would need more than its machine has free, before anything is fitted."""
    needed = here(size, factors, likened=likened)
    if needed <= now.free:
        return
    ways = "a machine with more memory for the driver, or MILLSTREAM_ALS__FACTORS to fewer"
    if likened and here(size, factors, likened=False) <= now.free:
        ways = "MILLSTREAM_ALGORITHM=als, which likens no products"
    raise TooLargeError(
        f"{size} with {factors} factors need about {needed / GIGABYTE:.1f} GB where this program runs, beside Java, "
        f"and this machine has {now.free / GIGABYTE:.1f} GB free; it takes {ways}"
    )


def _more_room(needed: float, engine: str, now: Room) -> str:
    if engine == "implicit":
        return "MILLSTREAM_ENGINE=mllib"
    if now.elsewhere:
        return "MILLSTREAM_SPARK__EXECUTOR_MEMORY to more, or add executors"
    if 1.5 * needed <= 0.8 * now.whole:
        return f"MILLSTREAM_SPARK__DRIVER_MEMORY={math.ceil(1.5 * needed / GIGABYTE)}g"
    return "MILLSTREAM_SPARK__MASTER to a cluster with more memory"


def _most_factors(size: Size, engine: str, there: float) -> int:
    """Factors that would fit, 0 where none would."""
    rates = _RATES[engine]
    left = there - rates.memory - size.interactions * rates.held
    return max(0, int(left / (rates.factor * (size.users + size.products))))


_MEMINFO = Path("/proc/meminfo")
_LIMIT, _USED, _STAT = (Path(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current", "stat"))


def _number(path: Path, name: str = "") -> int:
    """The number in a file, behind a name where there is one; 0 where there is no file or no number."""
    try:
        words = next(line for line in path.read_text().splitlines() if line.startswith(name)).removeprefix(name).split()
    except (OSError, StopIteration):
        return 0
    return int(words[0]) if words and words[0].isdigit() else 0
