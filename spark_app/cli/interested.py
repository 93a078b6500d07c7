"""The verb interests: users who post alike, grouped by their words and pictures, and described."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from spark_app import locks
from spark_app.cli import assigning, outcome
from spark_app.cli.wanting import ensure_events, or_too_little
from spark_app.cli.workplace import working
from spark_app.cohorts import interest_making
from spark_app.cohorts.interest_making import MOST, Asked, NothingPostedError
from spark_app.running import progress
from spark_app.settings import Settings, load

Encoder = Literal["tfidf", "sentences"]
K = Annotated[int | None, typer.Option("--k", min=1, max=50, help="How many groups. Default: what fits best.")]
Most = Annotated[int, typer.Option("--most", min=2, max=50, help="How many are tried where --k is not given.")]
By = Annotated[
    Encoder | None, typer.Option("--encoder", help="tfidf, or sentences: a model of sentence-transformers.")
]
Results = Annotated[Path | None, typer.Option("--results", help="Where files and the picture go.")]
AsJson = Annotated[bool, typer.Option("--json", help="As one JSON object, as interests.json has it.")]
_NOTHING = "there are no posts yet; ingest some first"
_SHOWN = 8

app = typer.Typer(invoke_without_command=True, add_completion=False)
assigning.add_to(app)


def add_to(parent: typer.Typer) -> None:
    """Give the verb to the command line."""
    parent.add_typer(app, name="interests")


@app.callback()
def interests(
    context: typer.Context, k: K = None, most: Most = MOST, encoder: By = None, results: Results = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Group users by what they post, say what each group is about, and write interests.csv, its kin and a picture.

    Example: python -m spark_app interests --k 8
    """
    if context.invoked_subcommand is not None:
        return
    settings = _with(load(results_dir=results), encoder)
    ensure_events(settings, _NOTHING)
    with progress.aside(as_json), working(settings, "interests", holding=(locks.INTERESTS,)) as spark:
        with or_too_little(NothingPostedError):
            folder = interest_making.make(spark(), settings, Asked(k, most))
        outcome.show(spark, settings, "interests", lambda: interest_making.log(settings, folder))
    summary = folder.summary
    if as_json:
        typer.echo(json.dumps(summary, ensure_ascii=False))
        return
    for line in _in_words(summary):
        progress.console.print(line, markup=False)
    if summary["groups"]:
        progress.console.print(_drawn(summary["groups"]))


def _with(settings: Settings, encoder: Encoder | None) -> Settings:
    if encoder is None:
        return settings
    return settings.model_copy(update={"interests": settings.interests.model_copy(update={"encoder": encoder})})


def _in_words(summary: dict[str, Any]) -> list[str]:
    pictures, none = summary["pictures"], summary["none"]
    seen = f", {pictures['read']:,} of {sum(pictures.values()):,} pictures read" if any(pictures.values()) else ""
    lines = [
        f"interests by {summary['encoder']}: {summary['users']:,} users, {summary['posts']:,} posts{seen}",
        f"k is {summary['k']}: {summary['chosen_by']}",
        summary["structure"]["words"],
    ]
    if none["size"]:
        why = "what they post says too little, or is near no group"
        lines.append(f"{none['size']:,} users ({none['share']:.0%}) are in none: {why}")
    return lines


def _drawn(groups: dict[str, dict[str, Any]]) -> Table:
    table = Table("group", "users", "share", "what they post about", "what they take to", "what to do", show_lines=True)
    for name in ("group", "users", "share"):
        next(column for column in table.columns if column.header == name).justify = "right"
    for one in groups.values():
        words = ", ".join(word for word, _ in one["keywords"][:_SHOWN])
        products = ", ".join(product["name"] or product["product"] for product in one["products"][:3])
        row = (one["group"], f"{one['size']:,}", f"{one['share']:.0%}", words, products, one["strategy"]["needs"])
        table.add_row(*map(progress.plain, row))
    return table
