"""The verb segments: users who are alike, grouped by what they did or browsed or by their factors, and described."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from spark_app import locks
from spark_app.cli import outcome
from spark_app.cli.wanting import ensure_events, or_too_little, published
from spark_app.cli.workplace import working
from spark_app.cohorts import segmenting
from spark_app.cohorts.segmenting import Asked, Linkage, NothingToGroupError
from spark_app.running import progress
from spark_app.segmentation import Features, Method
from spark_app.settings import load

Of = Annotated[Features, typer.Option("--features", help="behaviour, browsing, or factors of the published generation")]
K = Annotated[int | None, typer.Option("--k", min=1, max=50, help="How many segments. Default: what fits best.")]
Most = Annotated[int, typer.Option("--most", min=2, max=50, help="How many are tried where --k is not given.")]
Tree = Annotated[Linkage, typer.Option("--linkage", help="Of agglomerative: complete, average, single or ward.")]
Similar = Annotated[int, typer.Option("--similar", min=1, max=100, help="How many similar users are told of each.")]
By = Annotated[Method, typer.Option("--method", help="Whose segments are shown: kmeans or agglomerative.")]
Results = Annotated[Path | None, typer.Option("--results", help="Where files and pictures go.")]
AsJson = Annotated[bool, typer.Option("--json", help="As one JSON object, as segments.json has it.")]
_SHOWN = 3


def add_to(app: typer.Typer) -> None:
    """Give the verb to the command line."""
    app.command()(segments)


def segments(
    features: Of = "behaviour", k: K = None, most: Most = 10, linkage: Tree = "complete", similar: Similar = 10,
    method: By = "kmeans", results: Results = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Group users who are alike, say what sets each group apart, and write segments.csv, its kin and pictures.

    Example: python -m spark_app segments --features behaviour --k 5
    """
    settings = load(results_dir=results)
    ensure_events(settings)
    if features == "factors":
        published(settings)
    with progress.aside(as_json), working(settings, "segments", holding=(locks.SEGMENTS,)) as spark:
        with or_too_little(NothingToGroupError):
            folder = segmenting.make(spark(), settings, Asked(features, k, most, linkage, similar))
        outcome.show(spark, settings, "segments", lambda: segmenting.log(settings, folder))
    summary = folder.summary
    if as_json:
        typer.echo(json.dumps(summary, ensure_ascii=False))
        return
    for line in _in_words(summary):
        progress.console.print(line, markup=False)
    progress.console.print(_drawn(summary["segments"][method]))


def _in_words(summary: dict[str, Any]) -> list[str]:
    left_out = f", {summary['left_out']:,} left out" if summary["left_out"] else ""
    kept = f"{summary['components']} components keep {summary['variance_kept']:.0%} of the variance"
    table = f"{summary['users']:,} users{left_out}, {len(summary['columns'])} columns"
    lines = [
        f"segments by {summary['features']}: {table}; {kept}",
        f"k is {summary['k']}: {summary['chosen_by']}",
        summary["structure"]["words"],
    ]
    if summary["agreement"] is not None:
        both = " and ".join(_measured(name, said) for name, said in summary["methods"].items())
        lines.append(f"{both}; they agree to {summary['agreement']:.2f} (adjusted Rand)")
    return lines


def _measured(name: str, said: dict[str, Any]) -> str:
    silhouette, stability = (
        "none" if said[what] is None else f"{said[what]:.2f}" for what in ("silhouette", "stability")
    )
    return f"{name}: silhouette {silhouette}, stability {stability}"


def _drawn(told: list[dict[str, Any]]) -> Table:
    table = Table("segment", "users", "share", "what they are", "what sets them apart", "what to do", show_lines=True)
    for name in ("segment", "users", "share"):
        next(column for column in table.columns if column.header == name).justify = "right"
    for one in told:
        apart = "; ".join(_trait(trait) for trait in one["apart"][:_SHOWN])
        row = (one["segment"], f"{one['size']:,}", f"{one['share']:.0%}", one["label"], apart, one["strategy"])
        table.add_row(*map(progress.plain, row))
    return table


def _trait(trait: dict[str, Any]) -> str:
    return f"{trait['feature']} {_figure(trait['mean'])} (all: {_figure(trait['overall_mean'])})"


def _figure(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
