"""Verbs that show what is published: recommend, explain, graph. None starts Spark."""

import json
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
import typer
from rich.table import Table

from spark_app import explaining, generations
from spark_app.cli.wanting import published as published_
from spark_app.explaining import Explanation
from spark_app.generations import Generation
from spark_app.running import progress
from spark_app.settings import load

_PARTS_SHOWN = 12


def add_to(app: typer.Typer) -> None:
    """Give the verbs to the command line."""
    for verb in (recommend, explain, graph):
        app.command()(verb)


def recommend(user: Annotated[str, typer.Argument(help="The shop's own id of a user.")]) -> None:
    """Print a user's list: names, scores, why, and the generation it comes from.

    Example: python -m spark_app recommend U00042
    """
    settings = load()
    published = published_(settings)
    rows = generations.scan(published, generations.RECOMMENDATIONS, filter=pc.field("user") == user).sort_by("rank")
    names = _names(published)
    if not len(rows):
        rows = _popular(published, settings.top_n)
        known = pc.is_in(pa.scalar(user), generations.scan(published, generations.USERS)["user"]).as_py()
        why = "has seen every product that could be listed" if known else "is unknown"
        progress.console.print(f"user {user!r} {why}: the fallback, the most popular products", markup=False)
        source = f"{published.manifest.get('model', {}).get('fallback', 'popular')} (fallback)"
    else:
        source = rows["source"][0].as_py()
    table = Table("rank", "product", "name", "score", "because of")
    for row in rows.to_pylist():
        reasons = ", ".join(names.get(product) or product for product in row["because"] or []) or "-"
        name = names.get(row["product"]) or ""
        table.add_row(*map(progress.plain, (row["rank"], row["product"], name, f"{row['score']:.4f}", reasons)))
    progress.console.print(table)
    progress.console.print(f"source {source}, generation {published.id}", markup=False)


def explain(
    user: Annotated[str, typer.Argument(help="The shop's own id of a user.")],
    product: Annotated[str, typer.Argument(help="The shop's own id of a product.")],
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Print why a product has its score for a user, part by part, and what keeps it out of the list if it is not there.

    Example: python -m spark_app explain U00042 P0190
    """
    settings = load()
    found = explaining.explain(published_(settings), settings, user, product)
    if as_json:
        typer.echo(
            json.dumps(found._asdict() | {"parts": [part._asdict() for part in found.parts]}, ensure_ascii=False)
        )
        return
    for line in _told(found):
        progress.console.print(line, markup=False)
    if found.parts:
        progress.console.print(_parts(found))


def graph(top: Annotated[int, typer.Option("--top", min=1, help="Communities shown.")] = 10) -> None:
    """Print the published graph: its size, its communities and the hub of each.

    Example: python -m spark_app graph --top 5
    """
    published = published_(load())
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


def _told(found: Explanation) -> list[str]:
    """Score, place, and what keeps it out."""
    name = f" ({found.name})" if found.name else ""
    if found.score is None:
        return [
            f"{found.product}{name} has no score for {found.user}: {found.removed_by}",
            f"generation {found.generation}",
        ]
    place = f"rank {found.rank:,} of {found.listable:,} that may be listed"
    if found.removed_by:
        place = f"not listed: {found.removed_by}; it would have {place}" if found.rank else ""
    return [
        f"{found.product}{name} for {found.user}: score {found.score:.4f}, {place}",
        f"generation {found.generation}",
    ]


def _parts(found: Explanation) -> Table:
    table = Table("adds", "what", "product", "name", title="the score is the sum of", title_justify="left")
    table.columns[0].justify = "right"
    for part in found.parts[:_PARTS_SHOWN]:
        table.add_row(*map(progress.plain, (f"{part.amount:+.4f}", part.what, part.product or "", part.name or "")))
    rest = found.parts[_PARTS_SHOWN:]
    if rest:
        total = sum(part.amount for part in rest)
        table.add_row(f"{total:+.4f}", f"{len(rest):,} more of the user's own products", "", "")
    return table


def _popular(published: Generation, n: int) -> pa.Table:
    """The most popular products as a list."""
    rows = generations.scan(published, generations.POPULAR)
    # A generation of before knows only users.
    score = "score" if "score" in rows.column_names else "users"
    best = rows.sort_by([(score, "descending"), ("product", "ascending")]).slice(0, n)
    return pa.table(
        {
            "rank": pa.array(range(1, len(best) + 1)),
            "product": best["product"],
            "score": pc.cast(best[score], pa.float64()),
            "because": pa.nulls(len(best), pa.list_(pa.string())),
        }
    )


def _names(published: Generation) -> dict[str, str | None]:
    rows = generations.scan(published, generations.PRODUCTS, columns=["product", "name"])
    return dict(zip(rows["product"].to_pylist(), rows["name"].to_pylist(), strict=True))
