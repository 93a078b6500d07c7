"""The verb layers: what the batch view and the speed view took, day by day, and whether they agree with the table."""

import json
from typing import Annotated

import typer
from rich.table import Table

from spark_app import layers as layers_
from spark_app.layers import Layers
from spark_app.running import progress
from spark_app.settings import load

DISAGREES = 1

Days = Annotated[int, typer.Option("--days", min=1, help="Days shown, the newest.")]
AsJson = Annotated[bool, typer.Option("--json", help="As one JSON object, with every day.")]


def add_to(app: typer.Typer) -> None:
    """Give the verb to the command line."""
    app.command()(layers)


def layers(days: Days = 14, as_json: AsJson = False) -> None:
    """Count the events of each day in the event table, in the batch view and in the speed view, side by side.

    The exit code is 1 when batch and speed view together are not what the table holds.

    Example: python -m spark_app layers --days 7
    """
    found = layers_.found(load())
    if as_json:
        typer.echo(json.dumps(_plain(found), ensure_ascii=False))
    else:
        progress.console.print(_drawn(found, days))
        for line in _in_words(found):
            progress.console.print(line, markup=False)
    if not found.agrees:
        raise typer.Exit(DISAGREES)


def _plain(found: Layers) -> dict[str, object]:
    days = [day._asdict() | {"day": day.day.isoformat(), "agrees": day.agrees} for day in found.days]
    return found._asdict() | {"counts": found.counts._asdict(), "days": days, "agrees": found.agrees}


def _drawn(found: Layers, shown: int) -> Table:
    table = Table("day", "event table", "batch view", "speed view", "batch + speed")
    for column in table.columns[1:]:
        column.justify = "right"
    earlier, newest = found.days[:-shown], found.days[-shown:]
    rows = [(f"{len(earlier):,} days before", *_sums(earlier))] if earlier else []
    rows += [(day.day.isoformat(), day.table, day.batch, day.speed) for day in newest]
    for name, held, batch, speed in [*rows, ("all", *found.whole)]:
        sum_ = f"{batch + speed:,}" + ("" if batch + speed == held else " !")
        table.add_row(name, f"{held:,}", f"{batch:,}", f"{speed:,}", sum_)
    return table


def _sums(days: list[layers_.Day]) -> tuple[int, int, int]:
    return sum(day.table for day in days), sum(day.batch for day in days), sum(day.speed for day in days)


def _in_words(found: Layers) -> list[str]:
    counts, (made_from, newest) = found.counts, found.versions
    rejected = sum(counts.rejected.values())
    batch = f"generation {found.generation}, made from version {made_from}" if found.generation else "none yet"
    lines = [
        f"batch view: {batch}; speed view: what came since, up to version {newest} of the event table",
        f"ledger: {counts.read:,} read = {counts.accepted:,} accepted + {counts.duplicates:,} duplicates "
        f"+ {rejected:,} rejected",
    ]
    if found.dropped:
        lines.append(f"{found.dropped:,} events of the speed view were let go for want of room; training takes them in")
    if found.fault:
        lines.append(f"the event table cannot be followed: {found.fault}")
    return [*lines, "they agree" if found.agrees else "they do not agree"]
