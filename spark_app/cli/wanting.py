"""How a verb ends where there is too little to work on: code 3, and what comes first."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from spark_app import generations, status
from spark_app.cli import summary
from spark_app.generations import Generation
from spark_app.running import progress
from spark_app.settings import Settings
from spark_app.storage import tables

TOO_LITTLE = 3


@contextmanager
def or_too_little(*errors: type[Exception]) -> Iterator[None]:
    """Leave with code 3, and what these errors say, where there is too little to work on."""
    try:
        yield
    except errors as error:
        progress.console.print(str(error), markup=False)
        raise typer.Exit(TOO_LITTLE) from None


def ensure_events(settings: Settings, words: str = "there are no events yet; ingest some first") -> None:
    """Leave with code 3 and these words while the event table is empty."""
    if not tables.rows(settings, tables.EVENTS):
        progress.console.print(words, markup=False)
        raise typer.Exit(TOO_LITTLE)


def published(settings: Settings) -> Generation:
    """The published generation; leaves with code 3 and what comes first when there is none."""
    found = generations.published(settings)
    if found is None:
        progress.console.print(
            f"nothing is published yet: {summary.due_in_words(status.due(settings))}; "
            "`make run`, or `python -m spark_app run --input PATH`, comes first",
            markup=False,
        )
        raise typer.Exit(TOO_LITTLE)
    return found
