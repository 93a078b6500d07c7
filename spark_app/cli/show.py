"""Verbs that show: recommend, graph, generations, quarantine. None of them starts Spark."""

import json
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import typer
from rich.table import Table

from spark_app import generations, pipeline, progress, tables
from spark_app.cli import summary
from spark_app.generations import Generation
from spark_app.settings import Settings, load

TOO_LITTLE = 3

generations_app = typer.Typer(help="Trained models with all that was made from them.", no_args_is_help=True)
quarantine_app = typer.Typer(help="Records that were rejected, each with its reason.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Give the verbs to the command line."""
    for verb in (recommend, graph):
        app.command()(verb)
    app.add_typer(generations_app, name="generations")
    app.add_typer(quarantine_app, name="quarantine")


def recommend(user: Annotated[str, typer.Argument(help="The shop's own id of a user.")]) -> None:
    """Print a user's list: names, scores, why, and the generation it comes from.

    Example: python -m spark_app recommend U00042
    """
    settings = load()
    published = _published(settings)
    rows = generations.scan(published, generations.RECOMMENDATIONS, filter=pc.field("user") == user).sort_by("rank")
    names = _names(published)
    if not len(rows):
        rows = _popular(published, settings.top_n)
        known = pc.is_in(pa.scalar(user), generations.scan(published, generations.USERS)["user"]).as_py()
        why = "has seen every product that could be listed" if known else "is unknown"
        progress.console.print(f"user {user!r} {why}: the fallback, the most popular products", markup=False)
        source = "popular (fallback)"
    else:
        source = rows["source"][0].as_py()
    table = Table("rank", "product", "name", "score", "because of")
    for row in rows.to_pylist():
        reasons = ", ".join(names.get(product) or product for product in row["because"] or []) or "-"
        name = names.get(row["product"]) or ""
        table.add_row(*map(progress.plain, (row["rank"], row["product"], name, f"{row['score']:.4f}", reasons)))
    progress.console.print(table)
    progress.console.print(f"source {source}, generation {published.id}", markup=False)


def graph(top: Annotated[int, typer.Option("--top", min=1, help="Communities shown.")] = 10) -> None:
    """Print the published graph: its size, its communities and the hub of each.

    Example: python -m spark_app graph --top 5
    """
    published = _published(load())
    vertices = generations.scan(published, generations.VERTICES)
    edges = generations.scan(published, generations.EDGES, columns=["rank"]).num_rows
    products = vertices.filter(pc.field("type") == "product")
    users = vertices.num_rows - products.num_rows
    progress.console.print(
        f"{users:,} users and {products.num_rows:,} products, {edges:,} edges, generation {published.id}", markup=False
    )
    table = Table("community", "users", "products", "most recommended")
    for community in sorted(set(products["community"].to_pylist()))[:top]:
        of_it = products.filter(pc.field("community") == community)
        members = pc.sum(pc.equal(vertices["community"], community)).as_py()
        hubs = of_it.sort_by([("degree", "descending"), ("id", "ascending")])["label"].to_pylist()[:3]
        table.add_row(*map(progress.plain, (community, members - of_it.num_rows, of_it.num_rows, "; ".join(hubs))))
    progress.console.print(table)


@generations_app.command("list")
def list_generations() -> None:
    """List generations, the published one marked.

    Example: python -m spark_app generations list
    """
    settings = load()
    published = generations.published(settings)
    table = Table("generation", "published", "NDCG@10", "popular", "users", "products", "events")
    table.columns[0].no_wrap = True
    for generation in generations.listed(settings):
        metrics = generation.metrics
        table.add_row(
            generation.id,
            "now" if published and generation.id == published.id else ("" if metrics["published"] else "refused"),
            _number(metrics["metrics"].get("ndcg_at_10")),
            _number(metrics["baselines"].get("popular", {}).get("ndcg_at_10")),
            *(f"{number:,}" for number in (metrics["users"], metrics["products"], metrics["events"]["accepted"])),
        )
    progress.console.print(table if table.row_count else "no generation yet; `run` or `train` makes one")


@generations_app.command("show")
def show_generation(
    name: Annotated[str | None, typer.Argument(help="Its id; the published one when left out.")] = None,
) -> None:
    """Print the metrics and the manifest of a generation, as JSON.

    Example: python -m spark_app generations show
    """
    settings = load()
    generation = generations.find(settings, name) if name else _published(settings)
    found = {"metrics": generation.metrics, "manifest": generation.manifest}
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False))


@quarantine_app.command("list")
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


@quarantine_app.command("show")
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


def _published(settings: Settings) -> Generation:
    published = generations.published(settings)
    if published is None:
        progress.console.print(
            f"nothing is published yet: {summary.due_in_words(pipeline.due(settings))}; "
            "`make run`, or `python -m spark_app run --input PATH`, comes first",
            markup=False,
        )
        raise typer.Exit(TOO_LITTLE)
    return published


def _popular(published: Generation, n: int) -> pa.Table:
    """The most popular products as a list."""
    rows = generations.scan(published, generations.POPULAR)
    best = rows.sort_by([("users", "descending"), ("product", "ascending")]).slice(0, n)
    return pa.table(
        {
            "rank": pa.array(range(1, len(best) + 1)),
            "product": best["product"],
            "score": pc.cast(best["users"], pa.float64()),
            "because": pa.nulls(len(best), pa.list_(pa.string())),
        }
    )


def _names(published: Generation) -> dict[str, str | None]:
    rows = generations.scan(published, generations.PRODUCTS, columns=["product", "name"])
    return dict(zip(rows["product"].to_pylist(), rows["name"].to_pylist(), strict=True))


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "-"
