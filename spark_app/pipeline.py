"""The order of things: what is called when, and what one run gives. Only here do stages meet."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from spark_app import dumps, exports, generations, lately, locks, personal, quarantine, retention
from spark_app import tune as tune_
from spark_app.cohorts import interest_exports, segment_exports
from spark_app.fitting import judging, making, sameness
from spark_app.frames import held
from spark_app.generations import Generation
from spark_app.lately import Late
from spark_app.running import progress
from spark_app.running.errors import SaidError
from spark_app.settings import Settings, untuned
from spark_app.storage import tables
from spark_app.tuning import choice

PICTURES = Path(__file__).parent.parent / "visualize_graph.py"
# Seconds that a publication or a rollback waits for another.
PATIENCE = 30.0
TRENDING_PICTURE = "trending.png"
# What can be drawn alone -> its pictures, those that are drawn of any; and the file that they must not be older than.
ALONE: dict[str, tuple[str, ...]] = {
    "trending": (TRENDING_PICTURE,), "segments": ("clusters.png", "elbow.png", "dendrogram.png"),
    "interests": ("interests.png",),
}  # fmt: skip
_SHOWS = {"trending": lately.TRENDING, "segments": segment_exports.SEAL, "interests": interest_exports.SEAL}
# Picture -> the file of the results that it must not be older than.
_PICTURES = {
    **dict.fromkeys(
        ("recommendation_graph.png", "recommendation_graph.html", "degree_distribution.png", "top_products.png"),
        exports.METRICS,
    ),
    **{name: _SHOWS[kind] for kind, names in ALONE.items() for name in names},
}


class DrawError(SaidError, RuntimeError):
    """The pictures could not be drawn; the message is what visualize_graph.py said."""


def recover(spark: Callable[[], SparkSession], settings: Settings) -> None:
    """Carry to its end what was cut short before: a restore, a replay of quarantine, a removal, a publication."""
    dumps.finish(settings)
    if quarantine.is_open(settings):
        quarantine.finish(spark(), settings)
    retention.settle(settings)
    with locks.held(settings, locks.PUBLISH, "recovery", wait=PATIENCE):
        generations.resume(settings)


def refresh(
    spark: SparkSession, settings: Settings, seconds: dict[str, float] | None = None, *, force: bool = False
) -> Generation:
    """Train on the events stored so far, judge, and publish what they say.

    `seconds` holds what earlier steps took, for metrics.json. What fails its checks or the gate is kept, not published,
    and so is all that is made while a rollback holds; `force` overrules the gate and nothing else. DamagedError when a
    file of the event table is gone.
    """
    with locks.held(settings, locks.PUBLISH, "train", wait=PATIENCE):
        generations.resume(settings)
    generations.remove_unfinished(settings)
    parents = making.Parents(generations.newest(settings), generations.published(settings))
    with held.released():
        made = making.make(spark, settings, tables.version(settings), parents, {"ingest": 0.0} | (seconds or {}))
    generations.send(made.generation)
    with locks.held(settings, locks.PUBLISH, "train", wait=PATIENCE):
        said, publish = _said(settings, made, force=force)
        if publish:
            generations.announce(settings, made.generation)
        generations.finish(made.generation, made.metrics | said, made.manifest)
        if publish:
            generations.publish(settings, made.generation)
    generations.remove_old(settings)
    return made.generation


def rebuild(spark: SparkSession, settings: Settings, original: Generation) -> tuple[Generation, list[str]]:
    """Make a generation again from its manifest, not published; gives it, and how it differs from the first.

    DamagedError when its version of the event table is not kept any more, NotRebuildableError after `forget`.
    """
    generations.ensure_rebuildable(original)
    with held.released():
        made = making.make_again(spark, settings, original)
    said = {"published": False, "reason": made.fault or f"rebuilt from {original.id}"}
    generations.finish(made.generation, made.metrics | said, made.manifest | {"rebuilt_from": original.id})
    return made.generation, sameness.differences(original, made.generation)


def evaluate(spark: SparkSession, settings: Settings) -> tuple[choice.Choice, judging.Judgement]:
    """Judge the settings on the events stored so far, beside the published ones; nothing is written."""
    parents = making.Parents(generations.newest(settings), generations.published(settings))
    with held.released():
        return making.judged(spark, settings, tables.version(settings), parents)


def tune(
    spark: SparkSession,
    settings: Settings,
    *,
    minutes: float | None,
    most: int | None,
    shown: Callable[[tune_.Trial, tune_.Trial], None],
) -> tune_.Tuned | None:
    """Search for better settings on the events before the hold-out; None where they cannot be judged."""
    parents = making.Parents(generations.newest(settings), None)
    asked = untuned(settings)
    with held.released():
        found, kinds, events = making.tried(spark, asked, tables.version(settings), parents)
        if found is None or len(found.split.judged) < choice.ENOUGH_USERS:
            return None
        return tune_.search(found, asked, kinds=kinds, events=events, minutes=minutes, most=most, shown=shown)


def _said(settings: Settings, made: making.Made, *, force: bool) -> tuple[dict[str, Any], bool]:
    """What metrics.json says of a publication, and whether there is one."""
    kept = generations.held(settings)
    if made.fault or kept:
        reason = made.fault or f"a rollback holds {kept}; `generations promote` publishes again"
        return {"published": False, "reason": reason}, False
    if made.verdict.publish or not force:
        return {"published": made.verdict.publish, "reason": made.verdict.reason}, made.verdict.publish
    return {"published": True, "reason": f"forced, against the gate: {made.verdict.reason}"}, True


def export(
    spark: SparkSession, settings: Settings, generation: Generation, late: Late | None = None
) -> dict[str, int]:
    """Write the files of a generation to the results folder, with what rises for its users; gives rows by file."""
    late = late or Late(lambda: spark, settings)
    csvs = [
        exports.Csv(file, _columns(name, generations.read(spark, generation, name)), order)
        for name, (file, order) in _EXPORTED.items()
    ]
    rows = exports.publish(
        [*csvs, *personal.csvs(spark, settings, generation, late)],
        settings.results_dir,
        metrics=generation.metrics | _by_hand(generation),
        texts={"rmse.txt": generation.manifest["rmse"] + "\n"},
        parts=settings.export_parts,
    )
    late.date(personal.MATCHES)
    return rows


def _by_hand(generation: Generation) -> dict[str, Any]:
    """What metrics.json in the results says in place of a refusal that someone has overruled."""
    if generation.metrics["published"]:
        return {}
    return {"published": True, "reason": f"promoted by hand; before: {generation.metrics['reason']}"}


def is_exported(settings: Settings, generation: Generation) -> bool:
    """Whether the results folder shows this generation."""
    return generations.published_in(settings.results_dir) == generation.id


def outdated(settings: Settings) -> list[str]:
    """The pictures that are missing, or older than what they show.

    Those of what rises, of segments and of interests only where there is something to show.
    """
    return [name for name, of in _PICTURES.items() if _is_older(settings.results_dir / name, settings.results_dir / of)]


def _is_older(picture: Path, shown: Path) -> bool:
    if not shown.exists():
        return shown.name == exports.METRICS
    return not picture.exists() or picture.stat().st_mtime < shown.stat().st_mtime


def draw(settings: Settings, alone: str | None = None) -> list[str]:
    """The pictures, or those of one kind of ALONE, by the script that anyone can run.

    Gives its lines, and warns as it does. Raises DrawError.
    """
    asked = f"--{alone}" if alone else "--html"
    command = [sys.executable, str(PICTURES), "--results", str(settings.results_dir), asked]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise DrawError((run.stderr.strip().splitlines() or ["visualize_graph.py failed"])[-1])
    for line in run.stderr.strip().splitlines():
        progress.warn(line)
    return run.stdout.strip().splitlines()


# Table of a generation -> (file, order of its rows).
_EXPORTED: dict[str, tuple[str, Sequence[str]]] = {
    generations.RECOMMENDATIONS: ("recommendations.csv", ("user", "rank")),
    generations.VERTICES: ("vertices.csv", ("id",)),
    generations.EDGES: ("edges.csv", ("src", "rank")),
    generations.USERS: ("user_mappings.csv", ("userId",)),
    generations.PRODUCTS: ("product_mappings.csv", ("productId",)),
}


def _columns(name: str, table: DataFrame) -> DataFrame:
    return table.drop("price", "brand_at") if name == generations.PRODUCTS else table
