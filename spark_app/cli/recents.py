"""The verb recent: what one user turned to last, or a file of what all users did."""

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.table import Table

from spark_app import personal
from spark_app.cli import outcome
from spark_app.cli.wanting import ensure_events, published
from spark_app.cli.workplace import working
from spark_app.running import progress
from spark_app.serving import recents
from spark_app.settings import Settings, load
from spark_app.storage import results as results_
from spark_app.timeline import recency
from spark_app.timeline.recency import Kind

User = Annotated[str | None, typer.Argument(help="The shop's own id of a user; all users when it is left out.")]
Of = Annotated[Kind, typer.Option("--kind", help="brand or product")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=recency.LAST, help="How many at the most, for each user.")]
AsJson = Annotated[bool, typer.Option("--json", help="As one JSON object; of one user.")]
Results = Annotated[Path | None, typer.Option("--results", help="Where recent_brands.csv goes; of all users.")]

_HINT = "; --kind product lists products, with a brand or without"
_NOTHING: dict[Kind, str] = {
    "brand": "no product that somebody turned to has a brand: `recent --kind product` lists products",
    "product": "nobody has turned to a product yet",
}


def add_to(app: typer.Typer) -> None:
    """Give the verb to the command line."""
    app.command()(recent)


def recent(
    user: User = None, kind: Of = "brand", limit: Limit = recency.LAST, as_json: AsJson = False, results: Results = None
) -> None:
    """Print the last distinct brands, or products, of a user, the newest first; or write a file of all users.

    One user is answered without Spark, from the published generation and what came since, as the API does it. For all
    users the event table is read, and recent_brands.csv (recent_products.csv) is written.

    Example: python -m spark_app recent U00042 --kind product
    """
    settings = load(results_dir=results)
    if user is None:
        if as_json:
            raise typer.BadParameter("--json is of one user: name one")
        _write(settings, kind, limit)
    elif results is not None:
        raise typer.BadParameter("--results is of all users: leave the user out")
    else:
        _show(settings, user, kind, limit, as_json=as_json)


def _write(settings: Settings, kind: Kind, limit: int) -> None:
    ensure_events(settings)
    with (
        working(settings, "recent") as spark,
        results_.held(settings, "recent", outcome.PATIENCE),
        progress.phase("recent") as step,
    ):
        path, rows = personal.write_recent(spark, settings, kind, limit)
        step.say(f"{settings.told(path)}, {rows:,} rows")
    if not rows:
        progress.console.print(_NOTHING[kind], markup=False)


def _show(settings: Settings, user: str, kind: Kind, limit: int, *, as_json: bool) -> None:
    found = recents.asked(published(settings), settings, user, kind, limit)
    if as_json:
        typer.echo(orjson.dumps(found).decode())
        return
    table = Table("rank", kind, *(["product"] if kind == "brand" else ["brand"]), "name", "last event at")
    for row in found["recent"]:
        cells = (row["rank"], row[kind], row["product" if kind == "brand" else "brand"], row["name"])
        at = row["last_event_at"].isoformat(sep=" ", timespec="seconds")
        table.add_row(*(progress.plain("" if cell is None else cell) for cell in cells), at)
    nothing = f"user {user!r} has turned to no {kind} that is known{_HINT if kind == 'brand' else ''}"
    progress.console.print(table if found["recent"] else nothing, markup=table.row_count > 0)
    progress.console.print(f"generation {found['generation']} and {found['folded_in']:,} events since", markup=False)
