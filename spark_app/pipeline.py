"""The order of things: what is called when, and what one run gives. Only here do stages meet."""

import importlib.metadata
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app import (
    exports,
    failpoints,
    generations,
    graph,
    interactions,
    ledger,
    locks,
    progress,
    quarantine,
    recommendations,
    retention,
    soundness,
    store,
    tables,
    training,
)
from spark_app.generations import Generation
from spark_app.models import popular
from spark_app.settings import Settings, recorded, restored

ENGINE = "mllib"
PICTURES = Path(__file__).parent.parent / "visualize_graph.py"
# Seconds that a publication or a rollback waits for another.
PATIENCE = 30.0
_PICTURES = ("recommendation_graph.png", "degree_distribution.png", "top_products.png")
_TRAINED_ON = (
    "event_id", "user", "product", "event_type", "quantity", "rating", "occurred_at", "price", "product_data",
)  # fmt: skip


class DrawError(RuntimeError):
    """The pictures could not be drawn; the message is what visualize_graph.py said."""


class Due(NamedTuple):
    """Whether there is enough that is new: accepted events since the newest generation that was tried."""

    new: int
    threshold: int
    first: bool

    @property
    def missing(self) -> int:
        """Events that have still to come."""
        return max(self.threshold - self.new, 0)


def due(settings: Settings) -> Due:
    """Counted from the tables, so that a restart forgets nothing. No Spark."""
    newest = generations.newest(settings)
    tried = newest.manifest["events"]["accepted"] if newest else 0
    return Due(ledger.counts(settings).accepted - tried, settings.train_threshold, newest is None)


class _Made(NamedTuple):
    """A generation with its tables, not finished yet; `fault` says why it must not be published, empty when sound."""

    generation: Generation
    metrics: dict[str, Any]
    manifest: dict[str, Any]
    fault: str


def recover(spark: Callable[[], SparkSession], settings: Settings) -> None:
    """Carry to its end what was cut short before: a replay of quarantine, a removal by retention, a publication."""
    if quarantine.is_open(settings):
        quarantine.finish(spark(), settings)
    retention.settle(settings)
    with locks.held(settings, locks.PUBLISH, "recovery", wait=PATIENCE):
        generations.resume(settings)


def refresh(spark: SparkSession, settings: Settings, seconds: dict[str, float] | None = None) -> Generation:
    """Train on the events stored so far, judge, and publish what they say.

    `seconds` holds what earlier steps took, for metrics.json. What fails its checks is kept, not published, and so is
    all that is made while a rollback holds. DamagedError when a file of the event table is gone.
    """
    with locks.held(settings, locks.PUBLISH, "train", wait=PATIENCE):
        generations.resume(settings)
    generations.remove_unfinished(settings)
    parent = generations.newest(settings)
    made = _make(spark, settings, tables.version(settings), parent, {"ingest": 0.0} | (seconds or {}))
    with locks.held(settings, locks.PUBLISH, "train", wait=PATIENCE):
        held = generations.held(settings)
        reason = made.fault or (f"a rollback holds {held}; `generations promote` publishes again" if held else "")
        if not reason:
            generations.announce(settings, made.generation)
        _finish(made, reason)
        if not reason:
            generations.publish(settings, made.generation)
    generations.remove_old(settings)
    return made.generation


def rebuild(spark: SparkSession, settings: Settings, original: Generation) -> tuple[Generation, list[str]]:
    """Make a generation again from its manifest, not published; gives it, and how it differs from the first.

    DamagedError when its version of the event table is not kept any more.
    """
    then = restored(settings, original.manifest["settings"])
    made = _make(spark, then, original.manifest["events_version"], original, {"ingest": 0.0})
    made.manifest["rebuilt_from"] = original.id
    _finish(made, made.fault or f"rebuilt from {original.id}")
    return made.generation, generations.differences(original, made.generation)


def _finish(made: _Made, reason: str) -> None:
    """Write down whether it is published; from here on the generation exists."""
    said = {"published": not reason, "reason": reason or "the gate comes later: every sound generation is published"}
    generations.finish(made.generation, made.metrics | said, made.manifest)


def _make(
    spark: SparkSession, settings: Settings, version: int, parent: Generation | None, seconds: dict[str, float]
) -> _Made:
    """Index, judge, learn, list and draw the graph of one version of the event table; `parent` gave ids before."""
    tables.ensure_whole(settings, tables.EVENTS, version)
    events = store.read(spark, settings, tables.EVENTS, version).select(*_TRAINED_ON).persist()
    with progress.phase("index") as step:
        ids = _indexed(spark, events, parent)
        step.say(f"{ids.users.count():,} users, {ids.products.count():,} products")
    with progress.phase("evaluate") as step:
        judgement = training.judge(events, ids, settings)
        step.say(_verdict(judgement))
    seconds["evaluate"] = step.seconds
    with progress.phase("train") as step:
        learned = training.learn(events, ids, settings)
        counts = training.counts(learned, ids)
        fault = training.fault_of_refit(learned, judgement)
        step.say(f"{counts['interactions']:,} interactions" + (f"; {learned.reason}" if learned.reason else ""))
    seconds["train"] = step.seconds
    failpoints.reach("mid_training")
    generation = generations.new(settings)
    with progress.phase("recommend") as step:
        _write_model(generation, learned, ids, interactions.product_details(events))
        popular_products = popular.counts(learned.liked).orderBy(F.desc("users"), "product").coalesce(1)
        generations.write_table(generation, generations.POPULAR, popular_products)
        lists = training.lists(learned, ids.users, ids, n=settings.top_n, explain=True)
        generations.write_table(generation, generations.RECOMMENDATIONS, lists)
        step.say(f"top {settings.top_n} for each user")
    seconds["recommend"] = step.seconds
    with progress.phase("graph") as step:
        step.say(_write_graph(spark, generation))
    seconds["graph"] = step.seconds
    rows = soundness.rows(spark, generation)
    fault = fault or soundness.fault(spark, generation, counts, rows)
    busiest = events.groupBy("user").count().orderBy(F.desc("count"), "user").first()
    metrics = _metrics(settings, generation, judgement, counts, ledger.counts(settings, version), seconds)
    manifest = _manifest(spark, settings, version, parent, judgement, metrics)
    manifest |= {"busiest_user": busiest and busiest["user"], "rows": rows, "fault": fault}
    events.unpersist()
    return _Made(generation, metrics, manifest, fault)


def evaluate(spark: SparkSession, settings: Settings) -> training.Judgement:
    """Judge the settings on the events stored so far; nothing is written."""
    events = store.read(spark, settings, tables.EVENTS, tables.version(settings)).select(*_TRAINED_ON).persist()
    return training.judge(events, _indexed(spark, events, generations.newest(settings)), settings)


def export(spark: SparkSession, settings: Settings, generation: Generation) -> dict[str, int]:
    """Write the files of a generation to the results folder; gives rows by file."""
    return exports.publish(
        [
            exports.Csv(file, _columns(name, generations.read(spark, generation, name)), order)
            for name, (file, order) in _EXPORTED.items()
        ],
        settings.results_dir,
        metrics=generation.metrics | _by_hand(generation),
        texts={"rmse.txt": generation.manifest["rmse"] + "\n"},
        parts=settings.export_parts,
    )


def _by_hand(generation: Generation) -> dict[str, Any]:
    """What metrics.json in the results says in place of a refusal that someone has overruled."""
    if generation.metrics["published"]:
        return {}
    return {"published": True, "reason": f"promoted by hand; before: {generation.metrics['reason']}"}


def is_exported(settings: Settings, generation: Generation) -> bool:
    """Whether the results folder shows this generation."""
    return exports.published_in(settings.results_dir) == generation.id


def is_drawn(settings: Settings) -> bool:
    """Whether the pictures are there and not older than the results."""
    metrics = settings.results_dir / exports.METRICS
    pictures = [settings.results_dir / name for name in _PICTURES]
    return all(path.exists() and path.stat().st_mtime >= metrics.stat().st_mtime for path in pictures)


def draw(settings: Settings) -> list[str]:
    """The pictures, by the script that anyone can run; gives its lines. Raises DrawError."""
    command = [sys.executable, str(PICTURES), "--results", str(settings.results_dir)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise DrawError((run.stderr.strip().splitlines() or ["visualize_graph.py failed"])[-1])
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
    return table.drop("price") if name == generations.PRODUCTS else table


def _indexed(spark: SparkSession, events: DataFrame, parent: Generation | None) -> training.Index:
    known = parent and training.Index(
        generations.read(spark, parent, generations.USERS),
        generations.read(spark, parent, generations.PRODUCTS).select("product", "productId"),
    )
    ids = training.index(events, known)
    return training.Index(ids.users.persist(), ids.products.persist())


def _write_model(generation: Generation, learned: training.Learned, ids: training.Index, details: DataFrame) -> None:
    generations.write_table(generation, generations.USERS, ids.users.coalesce(1))
    products = ids.products.join(details, "product", "left").select(
        "product", "productId", "name", "category", "brand", "price"
    )
    generations.write_table(generation, generations.PRODUCTS, products.coalesce(1))
    if learned.model is None:
        return
    for name, vectors, key in (
        (generations.USER_FACTORS, learned.model.users, "userId"),
        (generations.PRODUCT_FACTORS, learned.model.products, "productId"),
    ):
        generations.write_table(generation, name, vectors)
        generations.write_factors(generation, name, *recommendations.collected(vectors, key))


def _write_graph(spark: SparkSession, generation: Generation) -> str:
    """Build the graph of the lists as they were written; gives its size in words."""
    lists = generations.read(spark, generation, generations.RECOMMENDATIONS)
    built = graph.build(lists, generations.read(spark, generation, generations.PRODUCTS).drop("productId"))
    generations.write_table(generation, generations.VERTICES, built.vertices)
    generations.write_table(generation, generations.EDGES, built.edges)
    built.unpersist()
    vertices = generations.read(spark, generation, generations.VERTICES)
    found = vertices.agg(F.count("*"), F.countDistinct("community"), F.countDistinct("component")).first()
    return f"{found[0]:,} vertices, {found[1]:,} communities, {found[2]:,} components"


def _metrics(
    settings: Settings,
    generation: Generation,
    judgement: training.Judgement,
    counts: Any,
    events: ledger.Counts,
    seconds: dict[str, float],
) -> dict[str, Any]:
    """metrics.json, as the contract has it."""
    return {
        "generation": generation.id,
        "engine": ENGINE,
        "feedback": settings.feedback,
        "events": events._asdict(),
        **counts,
        "cut": judgement.cut.isoformat() if judgement.cut else None,
        "metrics": judgement.metrics,
        "baselines": judgement.baselines,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
    }


def _manifest(
    spark: SparkSession,
    settings: Settings,
    version: int,
    parent: Generation | None,
    judgement: training.Judgement,
    metrics: dict[str, Any],
) -> dict[str, Any]:
    packages = ("pyspark", "numpy", "numba", "graphframes-py", "pyarrow")
    return {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "parent": parent.id if parent else None,
        "events_version": version,
        "events": metrics["events"],
        "counts": {name: metrics[name] for name in ("users", "products", "interactions")},
        "seed": settings.seed,
        "rmse": str(judgement.rmse),
        "settings": recorded(settings),
        "versions": {"python": platform.python_version(), "spark": spark.version}
        | {name: importlib.metadata.version(name) for name in packages},
    }


def _verdict(judgement: training.Judgement) -> str:
    ours, popular = judgement.metrics["ndcg_at_10"], judgement.baselines["popular"].get("ndcg_at_10")
    if ours is None:
        return "; ".join(judgement.metrics.get("reasons", {}).values())
    return f"NDCG@10 {ours:.3f} (popular {popular:.3f}), {judgement.metrics['users_judged']:,} users judged"
