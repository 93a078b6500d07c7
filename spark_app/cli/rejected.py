"""Verbs of quarantine: list, show, replay."""

from typing import Annotated

import pyarrow.compute as pc
import typer
from rich.table import Table

from spark_app import locks, quarantine, rules, status
from spark_app.cli import summary
from spark_app.cli.workplace import working
from spark_app.running import progress
from spark_app.settings import load
from spark_app.storage import tables

app = typer.Typer(help="Records that were rejected, each with its reason.", no_args_is_help=True)


def add_to(parent: typer.Typer) -> None:
    """Give the verbs to the command line."""
    parent.add_typer(app, name="quarantine")


@app.command("list")
def list_quarantine() -> None:
    """Count rejected records by reason and source.

    Example: python -m spark_app quarantine list
    """
    rejected = tables.scan(load(), tables.QUARANTINE, ["reason", "source"])
    groups = rejected.group_by(["reason", "source"]).aggregate([([], "count_all")])
    table = Table("reason", "source", "records")
    for row in groups.sort_by([("count_all", "descending"), ("reason", "ascending")]).to_pylist():
        table.add_row(row["reason"], progress.plain(row["source"]), f"{row['count_all']:,}")
    progress.console.print(table if table.row_count else "nothing is in quarantine")


@app.command("show")
def show_quarantine(
    reason: Annotated[str | None, typer.Option("--reason", help="Only records with this reason.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Records at the most.")] = 20,
) -> None:
    """Print rejected records as they came, with the place they came from.

    Example: python -m spark_app quarantine show --reason bad_timestamp --limit 5
    """
    columns = ["reason", "partition", "position", "value"]
    rejected = tables.scan(load(), tables.QUARANTINE, columns)
    if reason is not None:
        rejected = rejected.filter(pc.field("reason") == reason)
    order = [(name, "ascending") for name in columns[:3]]
    for row in rejected.sort_by(order).slice(0, limit).to_pylist():
        progress.console.print(summary.record(row), markup=False)
    progress.console.print(f"{min(limit, len(rejected)):,} of {len(rejected):,} records", markup=False)


@app.command()
def replay(
    reason: Annotated[str | None, typer.Option("--reason", help="Only records with this reason.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Only of this source, such as kafka:sales.")] = None,
) -> None:
    """Judge rejected records again, as after a changed setting, and move those that pass to the events.

    Example: MILLSTREAM_WEIGHTS__WISH=2 python -m spark_app quarantine replay --reason bad_event_type
    """
    if reason is not None and reason not in rules.REASONS:
        raise typer.BadParameter(f"{reason!r} is no reason; there are {', '.join(rules.REASONS)}")
    settings = load()
    with working(settings, "quarantine replay", holding=(locks.INGEST,)) as spark:
        done = quarantine.replay(spark(), settings, reason, source)
    progress.note(f"{done.accepted:,} accepted, {done.duplicates:,} duplicates, {done.rejected:,} still rejected")
    progress.note(summary.due_in_words(status.due(settings)))
