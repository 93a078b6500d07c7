"""Verbs of generations: list, show, promote, rollback, rebuild."""

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from spark_app import generations, locks, pipeline
from spark_app.cli import outcome
from spark_app.cli.wanting import published
from spark_app.cli.workplace import working
from spark_app.generations import Generation
from spark_app.running import progress
from spark_app.settings import Settings, load

FAILED = 1

app = typer.Typer(help="Trained models with all that was made from them.", no_args_is_help=True)

Name = Annotated[str | None, typer.Argument(help="Its id, as `generations list` shows it.")]


def add_to(parent: typer.Typer) -> None:
    """Give the verbs to the command line."""
    parent.add_typer(app, name="generations")


@app.command("list")
def list_generations() -> None:
    """List generations, the published one marked.

    Example: python -m spark_app generations list
    """
    settings = load()
    shown, held = generations.published(settings), generations.held(settings)
    table = Table("generation", "published", "NDCG@10", "popular", "users", "products", "events")
    table.columns[0].no_wrap = True
    for generation in generations.listed(settings):
        metrics = generation.metrics
        table.add_row(
            generation.id,
            _state(generation, shown, held),
            _number(metrics["metrics"].get("ndcg_at_10")),
            _number(metrics["baselines"].get("popular", {}).get("ndcg_at_10")),
            *(f"{number:,}" for number in (metrics["users"], metrics["products"], metrics["events"]["accepted"])),
        )
    progress.console.print(table if table.row_count else "no generation yet; `run` or `train` makes one")


@app.command("show")
def show_generation(
    name: Annotated[str | None, typer.Argument(help="Its id; the published one when left out.")] = None,
) -> None:
    """Print the metrics and the manifest of a generation, as JSON.

    Example: python -m spark_app generations show
    """
    settings = load()
    generation = generations.find(settings, name) if name else published(settings)
    found = {"metrics": generation.metrics, "manifest": generation.manifest}
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False))


@app.command()
def promote(name: Name = None) -> None:
    """Publish a generation by hand, the newest sound one when none is named; training publishes again from then on.

    Example: python -m spark_app generations promote
    """
    settings = load()
    chosen = generations.find(settings, name) if name else _newest_sound(settings)
    with working(settings, "generations promote") as spark:
        with locks.held(settings, locks.PUBLISH, "generations promote", wait=pipeline.PATIENCE):
            generations.promote(settings, chosen)
        outcome.bring_up_to_date(spark, settings)
        outcome.track(settings, chosen)
    progress.note(f"generation {chosen.id} is published, and so will be what training makes next")


@app.command()
def rollback(name: Name = None) -> None:
    """Publish an older generation, the one before when none is named, and hold it there until `promote`.

    Example: python -m spark_app generations rollback
    """
    settings = load()
    shown = published(settings)
    chosen = generations.find(settings, name) if name else generations.before(settings, shown)
    with working(settings, "generations rollback") as spark:
        with locks.held(settings, locks.PUBLISH, "generations rollback", wait=pipeline.PATIENCE):
            generations.rollback(settings, chosen)
        outcome.bring_up_to_date(spark, settings)
        outcome.track(settings, chosen)
    progress.note(f"generation {chosen.id} is published and held: nothing else is, until `generations promote`")


@app.command()
def rebuild(name: Annotated[str, typer.Argument(help="Its id, as `generations list` shows it.")]) -> None:
    """Make a generation again from its manifest, not published, and say whether it equals the first.

    Example: python -m spark_app generations rebuild 20260102T030405Z-1a2b
    """
    settings = load()
    original = generations.find(settings, name)
    generations.ensure_rebuildable(original)
    with working(settings, "generations rebuild", holding=(locks.TRAIN,)) as spark:
        made, differences = pipeline.rebuild(spark(), settings, original)
    for difference in differences:
        progress.warn(difference)
    progress.note(
        f"generation {made.id} is " + ("not the same" if differences else f"equal to {original.id}, bit for bit")
    )
    if differences:
        raise typer.Exit(FAILED)


def _newest_sound(settings: Settings) -> Generation:
    sound = [one for one in generations.listed(settings) if one.is_sound and one.is_first]
    if not sound:
        raise generations.NoGenerationError("there is no sound generation yet; `run` or `train` makes one")
    return sound[-1]


def _state(generation: Generation, shown: Generation | None, held: str) -> str:
    if shown and generation.id == shown.id:
        return "now, held" if held else "now"
    return "" if generation.metrics["published"] else "no"


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "-"
