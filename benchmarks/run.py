"""A whole run, phase by phase: with each engine beside the plain way of doing it, or over more and more events.

    python -m benchmarks.run --input ../shared/data/online_retail [--engines mllib implicit auto --rounds 3]
    python -m benchmarks.run --events 100000 1000000 10000000

Each is a process of its own in an empty folder, timed from its start to its end. Memory is the most that it and all
that it started held at once.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import beside
from spark_app.running.preflight import GIGABYTE

PLAIN = "plain"
PHASE = re.compile(r"^(\w[\w ]*?) +(\d+\.\d) s\b")
# What the plain way does, too.
TRAINING_AND_LISTS = {"train", "recommend", "lists"}


class Run(NamedTuple):
    """Seconds in all and of each phase, and bytes at the most."""

    seconds: float
    phases: dict[str, float]
    memory: int

    @property
    def training_and_lists(self) -> float:
        """Seconds of what the plain way does too, once the events are there."""
        return sum(seconds for name, seconds in self.phases.items() if name in TRAINING_AND_LISTS)


def main() -> None:
    """Run what was asked for, and print."""
    asked = arguments()
    if asked.events:
        growth(asked.events)
    else:
        engines(asked.input, asked.engines, asked.rounds)
    beside.machine()


def engines(source: Path, names: list[str], rounds: int) -> None:
    """Each engine and the plain way in turns; medians, ratios first."""
    runs: dict[str, list[Run]] = {name: [] for name in [PLAIN, *names]}
    for _ in range(rounds):
        for name, found in runs.items():
            found.append(plainly(source) if name == PLAIN else pipeline(source, {"MILLSTREAM_ENGINE": name}))
            print(f"  {name}: {found[-1].seconds:.1f} s", flush=True)
    plain = middle(runs[PLAIN])
    for name in names:
        ours = middle(runs[name])
        print(f"{name} / plain: {ours.seconds / plain.seconds:.2f} in all, "
              f"{ours.training_and_lists / plain.training_and_lists:.2f} for training and lists")  # fmt: skip
    for name, found in runs.items():
        show(name, middle(found))


def growth(counts: list[int]) -> None:
    """One run for each number of simulated events: a twentieth as many users, and products by their root."""
    before: Run | None = None
    for events in counts:
        with tempfile.TemporaryDirectory() as folder:
            products = max(500, int(events**0.5 * 2))
            numbers = ("--events", events, "--users", events // 20, "--products", products, "--files", 50)
            inbox = ("--to", "files", "--inbox", Path(folder) / "inbox")
            command = [sys.executable, "-m", "kafka_producer", "simulate", *numbers, *inbox]
            subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
            run = pipeline(Path(folder) / "inbox", {})
        show(f"{events:,} events", run)
        if before:
            print(f"  {run.seconds / before.seconds:.1f} times the seconds, "
                  f"{run.memory / before.memory:.1f} times the memory", flush=True)  # fmt: skip
        before = run


def pipeline(source: Path, environment: Mapping[str, str]) -> Run:
    """`python -m spark_app run` on files, from nothing."""
    with tempfile.TemporaryDirectory() as home:
        folders = {"MILLSTREAM_DATA_DIR": f"{home}/data", "MILLSTREAM_RESULTS_DIR": f"{home}/results"}
        return watched(["spark_app", "run", "--input", str(source)], folders | dict(environment))


def plainly(source: Path) -> Run:
    """The script beside this one."""
    with tempfile.TemporaryDirectory() as home:
        return watched(["benchmarks.plain", str(source), f"{home}/lists"], {})


def watched(command: list[str], environment: Mapping[str, str], used: Callable[[int], int] | None = None) -> Run:
    """Run a module, and look at its memory four times a second: `used` by its process id, or all below it."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", *command], env=os.environ | environment, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    most, (said, _) = beside.watched(process.communicate, partial(used or resident, process.pid), 0.25)
    seconds = time.perf_counter() - begun
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{said[-2000:]}")
    found = (PHASE.match(line) for line in said.splitlines())
    return Run(seconds, {match[1]: float(match[2]) for match in found if match}, most)


def resident(root: int) -> int:
    """Bytes that a process and all below it hold in memory; what they share counts for each of them."""
    parents: dict[int, int] = {}
    pages: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            pages[int(folder.name)] = int((folder / "statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            continue
    below, wave = {root}, {root}
    while wave := {child for child, parent in parents.items() if parent in wave} - below:
        below |= wave
    return sum(pages.get(process, 0) for process in below) * os.sysconf("SC_PAGE_SIZE")


def middle(runs: list[Run]) -> Run:
    """The medians."""
    names = dict.fromkeys(name for run in runs for name in run.phases)
    phases = {name: statistics.median(run.phases.get(name, 0.0) for run in runs) for name in names}
    return Run(statistics.median(run.seconds for run in runs), phases, max(run.memory for run in runs))


def show(name: str, run: Run) -> None:
    """One line of seconds and memory, one of phases."""
    phases = ", ".join(f"{phase} {seconds:.1f}" for phase, seconds in run.phases.items())
    print(f"{name}: {run.seconds:.1f} s, {run.memory / GIGABYTE:.1f} GB\n  {phases}", flush=True)


def arguments() -> argparse.Namespace:
    """What to measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--input", type=Path, help="Online Retail's files")
    what.add_argument("--events", type=int, nargs="+", default=[], help="how many to simulate")
    parser.add_argument("--engines", nargs="+", default=["mllib", "implicit", "auto"])
    parser.add_argument("--rounds", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
