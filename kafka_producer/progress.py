"""How far it is, on standard error: a bar on a terminal, elsewhere a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

EVERY = 10.0  # seconds between two lines

Seen = Callable[[int], None]


def say(text: str) -> None:
    """One line on standard error."""
    typer.echo(text, err=True)


@contextmanager
def counted(name: str, total: int | None) -> Iterator[Seen]:
    """A function to be told how many are done so far; `total` is None where nobody knows."""
    if not sys.stderr.isatty():
        yield _line_now_and_then(name, total)
        return
    columns = (TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=total)
        yield lambda done: bar.update(task, completed=done)


def _line_now_and_then(name: str, total: int | None) -> Seen:
    begun = said = time.monotonic()
    of_all = f" of {total:,}" if total else ""

    def seen(done: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= EVERY:
            said = now
            say(f"{name}: {done:,}{of_all} sent, {done / (now - begun):,.0f} a second")

    return seen
