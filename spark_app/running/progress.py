"""What the user sees while it runs: a bar for each phase on a terminal, elsewhere one line a phase."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

_WIDTH = 12

# Where there is no terminal to fit into, tables may be as wide as they need.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
# A terminal shows one bar at a time, whatever runs beside it.
_one_bar = Lock()
errors = Console(stderr=True, highlight=False, soft_wrap=True)


class Phase:
    """A step that is timed; `say` sets what its line ends with."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = ""
        self.seconds = 0.0

    def say(self, text: str) -> None:
        """What came of it, such as "541,909 read"."""
        self.text = text


@contextmanager
def phase(name: str) -> Iterator[Phase]:
    """Time a step, show that it runs, and print one line when it is done."""
    step = Phase(name)
    begun = time.perf_counter()
    with _bar(name):
        yield step
    step.seconds = time.perf_counter() - begun
    console.print(f"{name:<{_WIDTH}} {step.seconds:>7.1f} s  {step.text}".rstrip(), markup=False)
    structlog.get_logger().info("phase", name=name, seconds=round(step.seconds, 3), result=step.text)


def plain(value: object) -> str:
    """Text that Rich must not read as markup."""
    return str(value).replace("[", "\\[")


def note(text: str) -> None:
    """One line on stdout."""
    console.print(text, markup=False)
    structlog.get_logger().info("noted", text=text)


@contextmanager
def aside(when: bool = True) -> Iterator[None]:
    """Bars and lines inside it go to stderr if `when`, so that stdout holds the answer alone; else nothing changes."""
    before, console.stderr = console.stderr, when or console.stderr
    try:
        yield
    finally:
        console.stderr = before


def warn(text: str) -> None:
    """One line on stderr that does not stop anything."""
    errors.print(text, markup=False, style="yellow" if sys.stderr.isatty() else None)
    structlog.get_logger().info("warned", text=text)


@contextmanager
def _bar(name: str) -> Iterator[None]:
    if not console.is_terminal or not _one_bar.acquire(blocking=False):
        yield
        return
    columns = (TextColumn(f"{name:<{_WIDTH}}"), BarColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console, transient=True) as bar:
            bar.add_task(name, total=None)
            yield
    finally:
        _one_bar.release()
