"""Verbs that keep the data folder: retention makes it small, dump and restore keep a copy. None starts Spark."""

from pathlib import Path
from typing import Annotated, Any

import typer

from spark_app import dumps, locks, pipeline, retention
from spark_app.cli.workplace import working
from spark_app.running import progress
from spark_app.settings import load
from spark_app.storage import archive

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")]
File = Annotated[Path, typer.Argument(help="One file.", show_default=False)]
Force = Annotated[bool, typer.Option("--force", help="Also what only kept generations need: they are never rebuilt.")]


# All who write to the tables, or read them at a version of their own.
_ALL = (locks.INGEST, locks.TRAIN, *locks.OF_USERS)


def add_to(app: typer.Typer) -> None:
    """Give the verbs to the command line."""
    app.command("retention")(retain)
    for verb in (dump, restore):
        app.command()(verb)


def retain(dry_run: DryRun = False, force: Force = False) -> None:
    """Remove events and files that are older than the settings keep them, and what no generation needs.

    Example: MILLSTREAM_RETENTION_DAYS=365 python -m spark_app retention --dry-run
    """
    settings = load()
    said = []

    def note(text: str) -> None:
        said.append(text)
        progress.note(text)

    with working(settings, "retention", holding=() if dry_run else _ALL):
        retention.run(settings, note, dry_run=dry_run, force=force)
    if not said:
        progress.note("there is nothing to remove")


def dump(file: File) -> None:
    """Write all that cannot be made again, events and ids and what is published, into one checked file.

    Example: python -m spark_app dump backup.tar
    """
    settings = load()
    dumps.refuse_taken(file)
    if not settings.data_dir.is_dir() and not settings.place(settings.data_dir):
        raise archive.WrongDumpError(f"there is nothing to dump in {settings.data_dir}")
    with working(settings, "dump", holding=_ALL), progress.phase("dump") as step:
        with locks.held(settings, locks.PUBLISH, "dump", wait=pipeline.PATIENCE):
            manifest = dumps.write(settings, file)
        step.say(f"{_in_words(manifest)}; {file}, {file.stat().st_size / 1e6:,.1f} MB")


def restore(file: File) -> None:
    """Put a dump into an empty data folder, once every byte of it was checked.

    Example: MILLSTREAM_DATA_DIR=restored python -m spark_app restore backup.tar
    """
    settings = load()
    dumps.refuse_filled(settings)
    with progress.phase("check") as step:
        manifest = archive.checked(file)
        step.say(_in_words(manifest))
    with working(settings, "restore", holding=_ALL), progress.phase("restore") as step:
        dumps.restore(settings, file, manifest)
        step.say(f"{len(manifest['files']):,} files in {settings.data_dir}")
    # With what `tune` found, which came along.
    for name, then, now in dumps.differing(load(), manifest):
        progress.warn(f"{name} was {then or 'unset'} when it was dumped, and is {now or 'unset'} here")
    if (rules := dumps.rules_file(settings, manifest)) and settings.rules_file is None:
        progress.warn(f"the shop's rules came along: MILLSTREAM_RULES_FILE={rules} uses them")
    progress.note("`python -m spark_app run` brings the results up to date and goes on from there")


def _in_words(manifest: archive.Manifest) -> str:
    counts: dict[str, Any] = manifest["counts"]
    published = f"generation {manifest['published']} published" if manifest["published"] else "nothing published"
    return f"{counts['events']:,} events, {counts['quarantine']:,} in quarantine, {published}"
