"""Wiring of segments: a version of the event table, or the factors of a generation, in; kept segments and files out.

What is asked of users is told by one of three sets of features; all that follows from it is the same for each.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app import generations, interactions, store, tracking
from spark_app.cohorts import segment_exports, shelf_tables
from spark_app.frames.held import hold, released
from spark_app.generations import Generation
from spark_app.running import failpoints, progress
from spark_app.segmentation import Features
from spark_app.segments import (
    alike,
    behaviour,
    browsing,
    clusters,
    labels,
    latent,
    profiles,
    strategies,
    summaries,
    tops,
)
from spark_app.segments.clusters import Clustered
from spark_app.segments.wide import Correlations, Wide
from spark_app.settings import Settings
from spark_app.storage import segment_files, tables
from spark_app.storage.segment_files import Folder

Made = TypeVar("Made")
Linkage = Literal["complete", "average", "single", "ward"]
_FILES = (
    segment_exports.SEAL, "segments.csv", "segment_profiles.csv", "segment_strategies.csv", "clusters.png", "elbow.png",
    "dendrogram.png", "correlations.png",
)  # fmt: skip
_NOTHING = {
    "behaviour": "no event is there of which users could be told apart",
    "browsing": "no event came in the browsing layout (domain, category_name, volume, ...)",
    "factors": "the published generation has no factors of users: its lists come from popularity or neighbours",
}


class NothingToGroupError(RuntimeError):
    """No user has such features."""


class Asked(NamedTuple):
    """What is to be made: `k` None chooses it up to `most`; `similar` users are told of each."""

    features: Features
    k: int | None = None
    most: int = 10
    linkage: Linkage = "complete"
    similar: int = 10


class _Stock(NamedTuple):
    """What the segments are made from."""

    events: DataFrame
    details: DataFrame
    wide: Wide
    left_out: int
    version: int
    generation: str | None


def make(spark: SparkSession, settings: Settings, asked: Asked) -> Folder:
    """Make the segments of the event table as it is now, keep them, and write their files.

    NothingToGroupError, DamagedError or NoGenerationError in words; what was kept before then stays. Kept segments that
    are damaged are one warning, and hinder nothing: the numbers go on from the newest that can be read.
    """
    seconds: dict[str, float] = {}
    before = segment_files.last_intact(settings, asked.features, progress.warn)
    with released():
        with progress.phase("features") as step:
            stock = _stocked(spark, settings, asked.features)
            step.say(f"{stock.wide.table.count():,} users, {len(stock.wide.columns)} columns")
        seconds["features"] = step.seconds
        folder = segment_files.new(settings, asked.features)
        summary = _filled(spark, settings, asked, stock, folder, before, seconds)
        segment_files.publish(folder, summary | {"seconds": seconds})
    return folder


def log(settings: Settings, folder: Folder) -> str | None:
    """Log them with MLflow where that is on, with their files and pictures; gives the id of the run."""
    return tracking.log_segments(settings, folder.summary, [settings.results_dir / name for name in _FILES])


def _stocked(spark: SparkSession, settings: Settings, features: Features) -> _Stock:
    version = tables.version(settings)
    tables.ensure_whole(settings, tables.EVENTS, version)
    events = store.read(spark, settings, tables.EVENTS, version)
    details = interactions.product_details(events).transform(hold)
    generation = None
    if features == "behaviour":
        wide = behaviour.wide(events, details, settings.weights)
    elif features == "browsing":
        wide = browsing.wide(events)
    else:
        generation = _published(settings)
        wide = latent.wide(_factors(spark, generation))
    if not wide.columns or wide.table.isEmpty():
        raise NothingToGroupError(f"{_NOTHING[features]}: nothing to form segments of")
    wide = wide._replace(table=wide.table.transform(hold))
    left_out = events.select("user").distinct().join(wide.table, "user", "left_anti").count()
    return _Stock(events, details, wide, left_out, version, generation and generation.id)


def _filled(
    spark: SparkSession, settings: Settings, asked: Asked, stock: _Stock, folder: Folder, before: Folder | None,
    seconds: dict[str, float],
) -> dict[str, Any]:  # fmt: skip
    """Write all tables; gives the summary."""
    clustered, seconds["cluster"] = _timed("cluster", lambda: _clustered(spark, settings, asked, stock, before))
    shelf_tables.write(folder, segment_files.SEGMENTS, clustered.assigned.orderBy("user", "method"))
    failpoints.reach("mid_segments")
    told, seconds["profile"] = _timed("profile", lambda: _told(spark, settings, stock, clustered, folder))
    network, seconds["alike"] = _timed("alike", lambda: _alike(settings, asked, clustered, folder))
    return {
        **clustered.said, "events_version": stock.version, "generation": stock.generation, "features": asked.features,
        "left_out": stock.left_out, "correlations": _plain(stock.wide.correlations),
        "segments": told, "alike": network,
    }  # fmt: skip


def _timed(name: str, make: Callable[[], tuple[Made, str]]) -> tuple[Made, float]:
    """One phase: what it made, and its seconds; beside it comes what there is to say."""
    with progress.phase(name) as step:
        made, words = make()
        step.say(words)
    return made, step.seconds


def _clustered(
    spark: SparkSession, settings: Settings, asked: Asked, stock: _Stock, before: Folder | None
) -> tuple[Clustered, str]:
    earlier = before and shelf_tables.read(spark, before, segment_files.SEGMENTS).select("user", "method", "segment")
    found = clusters.of(
        stock.wide, k=asked.k, most=asked.most, linkage=asked.linkage, seed=settings.seed, before=earlier,
        given=before.summary.get("given") if before else None,
    )  # fmt: skip
    found = found._replace(points=found.points.transform(hold), assigned=found.assigned.transform(hold))
    return found, found.said["structure"]["words"]


def _told(
    spark: SparkSession, settings: Settings, stock: _Stock, clustered: Clustered, folder: Folder
) -> tuple[dict[str, Any], str]:
    members = clustered.assigned.select("user", "method", "segment")
    turned = tops.of(stock.events, stock.details, members, settings.weights).transform(hold)
    rows = tops.rows(turned)
    named = labels.of(profiles.of(stock.wide, members), rows)
    advice = strategies.of(named, rows)
    shelf_tables.write(folder, segment_files.TOPS, turned)
    shelf_tables.write(folder, segment_files.PROFILES, profiles.table(spark, named))
    shelf_tables.write(folder, segment_files.STRATEGIES, strategies.table(spark, advice))
    return summaries.of(named, rows, advice), f"{len(named)} segments by {len({one.method for one in named})} methods"


def _alike(settings: Settings, asked: Asked, clustered: Clustered, folder: Folder) -> tuple[dict[str, Any], str]:
    similar = alike.users(clustered.points, asked.similar, settings.seed).transform(hold)
    network = alike.communities(similar).transform(hold)
    shelf_tables.write(folder, segment_files.SIMILARITY, similar.orderBy("user", "similar_user"))
    shelf_tables.write(folder, segment_files.COMMUNITIES, network.orderBy("user"))
    said = alike.said(similar, network, clustered.said["users"])
    return said, f"{said['edges']:,} pairs of users, {said['communities']:,} communities"


def _published(settings: Settings) -> Generation:
    found = generations.published(settings)
    if found is None:
        raise generations.NoGenerationError("nothing is published yet, so there are no factors: `run` comes first")
    return found


def _factors(spark: SparkSession, generation: Generation) -> DataFrame:
    """(user, factors) of the users that the model learnt, without what else stands in a vector: biases, boosts."""
    number = generation.manifest["model"]["factors"]
    if not number:
        raise NothingToGroupError(f"{_NOTHING['factors']}: nothing to form segments of")
    users = generations.read(spark, generation, generations.USERS)
    vectors = generations.read(spark, generation, generations.USER_FACTORS)
    return users.join(vectors, "userId").select("user", F.slice("vector", 1, number).alias("factors"))


def _plain(found: Correlations | None) -> dict[str, Any] | None:
    return found and found._asdict()
