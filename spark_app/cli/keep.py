"""The verb that keeps the data folder small: retention. It does not start Spark."""

from typing import Annotated

import typer

from spark_app import locks, progress, retention
from spark_app.cli.workplace import working
from spark_app.settings import load

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")]
Force = Annotated[bool, typer.Option("--force", help="Also what only kept generations need: they are never rebuilt.")]


def add_to(app: typer.Typer) -> None:
    """Give the verb to the command line."""
    app.command("retention")(retain)


def retain(dry_run: DryRun = False, force: Force = False) -> None:
    """Remove events and files that are older than the settings keep them, and what no generation needs.

    Example: MILLSTREAM_RETENTION_DAYS=365 python -m spark_app retention --dry-run
    """
    settings = load()
    said = []

    def note(text: str) -> None:
        said.append(text)
        progress.note(text)

    with working(settings, "retention", holding=() if dry_run else (locks.INGEST, locks.TRAIN, locks.SEGMENTS)):
        retention.run(settings, note, dry_run=dry_run, force=force)
    if not said:
        progress.note("there is nothing to remove")
