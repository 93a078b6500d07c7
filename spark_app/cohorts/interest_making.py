"""Wiring of interests: a version of the event table in; users in groups by what they post, kept and told, out.

The groups are found on a sample of users on the driver. Executors place everyone by them and count the words of each.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app import interactions, store, tracking
from spark_app.cohorts import interest_exports, interest_placing, posts, seen_pictures, shelf_tables
from spark_app.cohorts.interest_placing import Everyone
from spark_app.cohorts.seen_pictures import Counts
from spark_app.frames import samples
from spark_app.frames.held import hold, released
from spark_app.interests import catalogue, keywords, making, spotting, strategies, tokens, vocabulary
from spark_app.interests.catalogue import BOUGHT, WrongCatalogueError
from spark_app.interests.model import Model
from spark_app.interests.seeing import gemini
from spark_app.interests.tokens import Tokens
from spark_app.running import failpoints, progress
from spark_app.segments import strategies as of_segments
from spark_app.segments import tops
from spark_app.segments.tops import Top
from spark_app.settings import Settings
from spark_app.storage import interest_files, tables
from spark_app.storage.shelves import Folder

MOST = making.MOST
# Products of a group that are told, and words of its label.
PRODUCTS, LABEL = 10, 3
# What tops.py calls the method that users are grouped by.
_METHOD = "interests"
_FILES = (interest_exports.SEAL, interest_exports.TABLE, interest_exports.GROUPS, "interests.png")


class NothingPostedError(RuntimeError):
    """No event is a post."""


class Asked(NamedTuple):
    """What is to be made: `k` None chooses it up to `most`."""

    k: int | None = None
    most: int = MOST


class _Stock(NamedTuple):
    """What interests are made from: events, schemas.POSTED, and what came of the pictures."""

    events: DataFrame
    posted: DataFrame
    pictures: Counts
    version: int


def make(spark: SparkSession, settings: Settings, asked: Asked) -> Folder:
    """Make the interests of the event table as it is now, and keep them.

    NothingPostedError or DamagedError in words; what was kept before then stays. Kept interests that are damaged are
    one warning, and hinder nothing: the numbers go on from the newest that can be read.
    """
    before = interest_files.last_intact(settings, progress.warn)
    seconds: dict[str, float] = {}
    with released():
        stock = _stocked(spark, settings, seconds)
        folder = interest_files.new(settings)
        summary = _filled(spark, settings, asked, stock, folder, before, seconds)
        interest_files.publish(folder, summary | {"seconds": seconds})
    return folder


def log(settings: Settings, folder: Folder) -> str | None:
    """Log them with MLflow where that is on, with their files and picture; gives the id of the run."""
    return tracking.log_interests(settings, folder.summary, [settings.results_dir / name for name in _FILES])


def _stocked(spark: SparkSession, settings: Settings, seconds: dict[str, float]) -> _Stock:
    version = tables.version(settings)
    tables.ensure_whole(settings, tables.EVENTS, version)
    events = store.read(spark, settings, tables.EVENTS, version)
    own = posts.posted(events).transform(hold)
    if own.isEmpty():
        raise NothingPostedError("no event is a post (event_type post, with a text or an image): nothing to group")
    pictures = Counts(0, 0, 0)
    images = posts.pictures(own).transform(hold)
    if not images.isEmpty():
        with progress.phase("pictures") as step:
            texts, pictures = seen_pictures.texts(spark, settings, images)
            own = posts.with_pictures(own, texts)
            step.say(str(pictures))
        seconds["pictures"] = step.seconds
    return _Stock(events, posts.of(own).transform(hold), pictures, version)


def _filled(
    spark: SparkSession, settings: Settings, asked: Asked, stock: _Stock, folder: Folder, before: Folder | None,
    seconds: dict[str, float],
) -> dict[str, Any]:  # fmt: skip
    """Write all tables and the model; gives the summary."""
    with progress.phase("sample") as step:
        sampled, groups_before, total = _sampled(spark, settings, stock, before)
        step.say(f"{len(sampled):,} of {total:,} users")
    seconds["sample"] = step.seconds
    with progress.phase("groups") as step:
        said = tokens.read(sampled)
        model = making.of_tokens(
            settings.interests, said, k=asked.k, most=asked.most, seed=settings.seed, groups_before=groups_before,
            given=_given(before),
        )  # fmt: skip
        step.say(model.said["structure"]["words"])
    seconds["groups"] = step.seconds
    with progress.phase("place") as step:
        everyone = interest_placing.everyone(spark, stock.posted, model, _known(settings, model, said))
        shelf_tables.write(folder, interest_files.USERS, everyone.users.orderBy("user"))
        sizes = _sizes(everyone.users)
        step.say(f"{sum(sizes.values()):,} users, {sizes.get(None, 0):,} of them in no group")
    seconds["place"] = step.seconds
    failpoints.reach("mid_interests")
    with progress.phase("tell") as step:
        model = replace(model, keywords=_keywords(everyone, model))
        model.save(interest_files.model(folder))
        groups = _told(settings, stock, everyone.users, model, sizes, folder)
        step.say("; ".join(group["label"] for group in groups.values() if group["label"]))
    seconds["tell"] = step.seconds
    return _summary(stock, model, sizes, groups, len(sampled), _given(before))


def _sampled(
    spark: SparkSession, settings: Settings, stock: _Stock, before: Folder | None
) -> tuple[list[str], list[int | None] | None, int]:
    """Texts of a sample of users, the groups that these had before, and how many users there are in all."""
    table = stock.posted.select("user", "text")
    if before is not None:
        earlier = shelf_tables.read(spark, before, interest_files.USERS)
        table = table.join(earlier.select("user", F.col("group").alias("before")), "user", "left")
    sampled, total = samples.drawn(table, settings.seed)
    return sampled["text"].to_pylist(), sampled["before"].to_pylist() if before is not None else None, total


def _given(before: Folder | None) -> int:
    """The highest number that was ever given to a group."""
    return int(before.summary.get("given", 0)) if before is not None else 0


def _sizes(users: DataFrame) -> dict[int | None, int]:
    return {row["group"]: row["count"] for row in users.groupBy("group").count().collect()}


def _known(settings: Settings, model: Model, said: Tokens) -> Collection[str]:
    """Words that may be told of a group; `said` are the texts of the sample."""
    return vocabulary.counted(model.encoder, said, settings.interests.least_users)


def _keywords(everyone: Everyone, model: Model) -> dict[int, list[tuple[str, float]]]:
    """By the words of all users; a group's rows are as many as there are known words at the most."""
    counts: dict[int, dict[str, int]] = {int(number): {} for number in model.numbers}
    rows = everyone.words.toArrow()
    for group, word, count in zip(*(rows[name].to_pylist() for name in ("group", "word", "count")), strict=True):
        counts[group][word] = count
    return dict(zip(counts, keywords.of([*counts.values()]), strict=True))


def _told(
    settings: Settings, stock: _Stock, users: DataFrame, model: Model, sizes: dict[int | None, int], folder: Folder
) -> dict[str, Any]:
    """What is said of each group, by its number; what its users turn to is written into the folder."""
    members = users.filter(F.col("group").isNotNull()).select(
        "user", F.lit(_METHOD).alias("method"), F.col("group").alias("segment")
    )
    details = interactions.product_details(stock.events).transform(hold)
    turned = tops.of(stock.events, details, members, settings.weights).transform(hold)
    product = F.col("kind") == "product"
    shelf_tables.write(folder, interest_files.TOPS, turned.filter(product).select(
        F.col("segment").alias("group"), "rank", F.col("key").alias("product"), F.col("label").alias("name"), "users",
        "share", "lift",
    ).orderBy("group", "rank"))  # fmt: skip
    bought = tops.rows(turned)
    posted = tops.rows(tops.ranked(tops.times(posts.posted(stock.events)), details, members))
    total, offers = max(sum(sizes.values()), 1), _offers(settings)
    complete, found = _complete(settings), {}
    for number in sorted(set(model.numbers.tolist()) & sizes.keys()):
        own = (tops.of_segment(rows, _METHOD, number) for rows in (bought, posted))
        facts = _facts(number, model, sizes[number], total, *own)
        found[str(number)] = _advised(facts, offers, complete)
    return found


def _facts(
    number: int, model: Model, size: int, total: int, bought: Sequence[Top], posted: Sequence[Top]
) -> dict[str, Any]:
    words = model.keywords[number]
    products = [
        {"product": row.key, "name": row.label, "link": None, "image": None, "source": BOUGHT}
        for row in tops.leading(bought, "product")[:PRODUCTS]
    ]
    times = {"posts": posted, "buys": bought}
    return {
        "group": number, "label": ", ".join(word for word, _ in words[:LABEL]), "size": size, "share": size / total,
        "keywords": [[word, weight] for word, weight in words], "products": products,
        "times": {what: {row.kind: row.label for row in of_segments.times(rows)} for what, rows in times.items()},
    }  # fmt: skip


def _advised(
    facts: dict[str, Any], offers: Callable[[dict[str, Any]], list[dict[str, Any]]],
    complete: Callable[[str], str] | None,
) -> dict[str, Any]:  # fmt: skip
    facts = facts | {"products": offers(facts)}
    return facts | {"strategy": strategies.of(facts, complete, progress.warn)._asdict()}


def _offers(settings: Settings) -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
    """What a group is shown: of the catalogue first, then what its users turn to; a wrong catalogue is one warning."""
    try:
        rows = catalogue.read(settings.interests.products)
    except WrongCatalogueError as error:
        progress.warn(f"{error}; without it, groups are shown what their users turn to")
        rows = []
    return lambda facts: catalogue.offered(rows, facts)


def _complete(settings: Settings) -> Callable[[str], str] | None:
    if not gemini.has_key(settings):
        return None
    return lambda prompt: gemini.complete(settings, prompt)


def _summary(
    stock: _Stock, model: Model, sizes: dict[int | None, int], groups: dict[str, Any], sampled: int, given: int
) -> dict[str, Any]:
    total, none = sum(sizes.values()), sizes.get(None, 0)
    count = stock.posted.agg(F.sum("posts")).first()
    return {
        "events_version": stock.version, "users": total, "posts": count[0] if count else 0,
        "pictures": stock.pictures._asdict(), **model.said, "silhouette_users": min(sampled, spotting.LOOKED_AT),
        "sampled": sampled, "groups": groups, "none": {"size": none, "share": none / max(total, 1)},
        "given": max(given, *model.numbers.tolist()),
    }  # fmt: skip
