"""Verbs that show what is published: recommend, graph. Neither starts Spark."""

from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
import typer
from rich.table import Table

from spark_app import generations, progress
from spark_app.cli.workplace import published as found
from spark_app.generations import Generation
from spark_app.settings import load


def add_to(app: typer.Typer) -> None:
    """Give the verbs to the command line."""
    for verb in (recommend, graph):
        app.command()(verb)


def recommend(user: Annotated[str, typer.Argument(help="The shop's own id of a user.")]) -> None:
    """Print a user's list: names, scores, why, and the generation it comes from.

    Example: python -m spark_app recommend U00042
    """
    settings = load()
    published = found(settings)
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
    published = found(load())
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
