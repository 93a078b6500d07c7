"""Wiring of one generation: a version of the event table in, a folder with all that was made from it out.

Here settings become settled: what nobody set is learnt from the events before the hold-out, or taken from the
generation before as long as the shop has not grown by half.
"""

import importlib.metadata
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app import evaluation, generations, interactions, policy, session, shop_rules, store
from spark_app.cohorts import belonging
from spark_app.cohorts.belonging import Belonging
from spark_app.decisive import changed, given, recorded, restored, same_lists, variable
from spark_app.fitting import agreement, inner, judging, saving, soundness, training
from spark_app.fitting.judging import Judgement
from spark_app.fitting.training import Index, Learned, Shop
from spark_app.frames import near
from spark_app.frames.held import hold
from spark_app.gate import Verdict
from spark_app.generations import Generation
from spark_app.mapped import maps
from spark_app.models import als, implicit, popular
from spark_app.running import cluster, failpoints, preflight, progress
from spark_app.running.preflight import Size
from spark_app.settings import Settings
from spark_app.storage import forgotten, ledger, tables
from spark_app.tuning import choice
from spark_app.tuning.choice import Choice
from spark_app.tuning.rating_trials import RatingTrials
from spark_app.tuning.trials import Trials

# What was learnt holds until there are so many times the events.
GROWTH = 1.5
_TRAINED_ON = (
    "event_id", "user", "product", "event_type", "quantity", "rating", "occurred_at", "price", "product_data",
)  # fmt: skip


class Parents(NamedTuple):
    """What came before: the newest generation, which gave ids and may lend what it learnt, and the published one."""

    newest: Generation | None
    published: Generation | None


class Made(NamedTuple):
    """A generation with its tables, not finished yet; `fault` says why it must not be published, empty when sound."""

    generation: Generation
    metrics: dict[str, Any]
    manifest: dict[str, Any]
    fault: str
    verdict: Verdict


class _Stock(NamedTuple):
    """What everything is made from; `cut` is where the hold-out begins, None where nothing can be held out.

    `accepted` is how many events there are, and `newest` the time of the last, in microseconds; of the
    pairs that met `size` knows the number within some per cent. `belonging` is None where no segments are kept; they
    may know of the hold-out, so that nothing is judged by them.
    """

    events: DataFrame
    ids: Index
    shop: Shop
    version: int
    cut: datetime | None
    accepted: int
    size: Size
    newest: int
    belonging: Belonging | None = None

    @property
    def before(self) -> DataFrame | None:
        """The events before the hold-out."""
        return None if self.cut is None else evaluation.split(self.events, self.cut)[0]


def make(spark: SparkSession, settings: Settings, version: int, parents: Parents, seconds: dict[str, float]) -> Made:
    """Index, choose, judge, learn, list and draw the graph of one version of the event table."""
    rules = shop_rules.read(settings.rules_file)
    with progress.phase("index") as step:
        stock = _stocked(spark, settings, version, parents.newest, rules)
        stock = stock._replace(belonging=belonging.newest(spark, settings))
        step.say(f"{stock.size.users:,} users, {stock.size.products:,} products")
    for rule in _unmatched(stock):
        progress.warn(f"{settings.rules_file}: no product matches: {rule}")
    chosen = _settled(stock, settings, parents.newest, seconds)
    with progress.phase("evaluate") as step:
        judgement = _judge(stock, chosen.settings, parents.published)
        step.say(_verdict(judgement))
    seconds["evaluate"] = step.seconds
    chosen, judgement = _after_judging(stock, settings, chosen, judgement, parents)
    return _made(spark, stock, chosen, judgement, parents, seconds)


def _after_judging(
    stock: _Stock, settings: Settings, chosen: Choice, judgement: Judgement, parents: Parents
) -> tuple[Choice, Judgement]:
    """What is made in place of what lost: the biases alone, or popularity's lists where nothing else was asked for."""
    if judgement.too_thin:
        chosen = choice.instead(chosen, {"explicit.factors": 0}, judging.TOO_THIN)
        if chosen.settings.algorithm == als.RATINGS:
            judgement = _judge(stock, chosen.settings, parents.published)
    verdict = judgement.verdict
    if verdict.popular or (verdict.below_popularity and settings.algorithm == "auto"):
        chosen = choice.instead(chosen, {"algorithm": popular.SOURCE}, verdict.reason)
        judgement = judging.with_popularity(judgement, settings, first=parents.published is None)
    return chosen, judgement


def make_again(spark: SparkSession, settings: Settings, original: Generation) -> Made:
    """The same from the manifest of a generation: its settings, its rules and its version of the events."""
    manifest = original.manifest
    then = choice.plain(restored(settings, manifest["settings"]))
    rules = shop_rules.Rules.from_dict(manifest.get("rules", {}))
    with progress.phase("index"):
        stock = _stocked(spark, then, manifest["events_version"], original, rules)
        stock = stock._replace(belonging=belonging.again(spark, settings, manifest.get("segments")))
    seconds = {"ingest": 0.0}
    with progress.phase("evaluate") as step:
        judgement = _judge(stock, then, None)
        step.say(_verdict(judgement))
    seconds["evaluate"] = step.seconds
    return _made(spark, stock, Choice(then, (), {}), judgement, Parents(original, original), seconds)


def judged(spark: SparkSession, settings: Settings, version: int, parents: Parents) -> tuple[Choice, Judgement]:
    """What is chosen, and what it is worth; nothing is written."""
    stock = _stocked(spark, settings, version, parents.newest, shop_rules.read(settings.rules_file))
    chosen = _settled(stock, settings, parents.newest, {})
    return chosen, _judge(stock, chosen.settings, parents.published)


def tried(
    spark: SparkSession, settings: Settings, version: int, parents: Parents
) -> tuple[Trials | None, list[str], int]:
    """What settings can be tried on, the event types that occur, and how many events there are."""
    stock = _stocked(spark, settings, version, parents.newest, shop_rules.read(settings.rules_file))
    return _trials(stock, settings), sorted(stock.shop.kinds or ()), stock.accepted


def _stocked(
    spark: SparkSession, settings: Settings, version: int, parent: Generation | None, rules: shop_rules.Rules
) -> _Stock:
    tables.ensure_whole(settings, tables.EVENTS, version)
    events = store.read(spark, settings, tables.EVENTS, version).select(*_TRAINED_ON).transform(hold)
    known = parent and Index(
        generations.read(spark, parent, generations.USERS),
        generations.read(spark, parent, generations.PRODUCTS).select("product", "productId"),
    )
    ids = training.index(events, known, forgotten.read(settings).least_user_id)
    details = interactions.product_details(events).transform(hold)
    ids = Index(ids.users.transform(hold), ids.products.transform(hold))
    counted = (
        F.count("*"), F.collect_set("event_type"), F.approx_count_distinct(F.xxhash64("user", "product")),
        F.unix_micros(F.max("occurred_at")),
    )  # fmt: skip
    count, kinds, met, newest = events.agg(*counted).first()
    size = Size(ids.users.count(), ids.products.count(), met)
    ids = ids._replace(small=near.is_small(size.users, size.products))
    shop = Shop(details, rules, frozenset(kinds))
    cut = evaluation.cut(events, shop.occurring(settings.weights))
    return _Stock(events, ids, shop, version, cut, count, size, newest)


def _unmatched(stock: _Stock) -> list[str]:
    return policy.unmatched(stock.shop.rules, stock.shop.details) if stock.shop.rules.rows else []


def _settled(stock: _Stock, settings: Settings, before: Generation | None, seconds: dict[str, float]) -> Choice:
    """Settings in which nothing is left open, and of which a fit has room."""
    return _checked(stock, _chosen(stock, settings, before, seconds))


def _checked(stock: _Stock, chosen: Choice) -> Choice:
    """The choice with its engine, and what a fit takes said; raises TooLargeError where there is no room for it."""
    settings, spark, size = chosen.settings, stock.events.sparkSession, stock.size
    elsewhere = cluster.is_elsewhere(settings.spark.master)
    now = preflight.room(session.heap(spark, settings), elsewhere=elsewhere)
    if settings.engine == "auto":
        engine = preflight.engine(size, settings.als.factors, now) if implicit.is_there() else "mllib"
        chosen = choice.by_engine(chosen, engine)
    for fit in choice.fits(chosen.settings):
        preflight.ensure_fits(size, fit.engine, fit.factors, now, variable(fit.setting))
        cost = preflight.cost(size, fit.engine, fit.factors, fit.iterations, session.cores(spark))
        progress.note(f"a fit of {size}, {fit.factors} factors: {cost}, by the engine {fit.engine}")
    factors = max((fit.factors for fit in choice.fits(chosen.settings)), default=0)
    preflight.ensure_room_here(size, factors, now, likened=choice.likens(chosen.settings))
    return chosen


def _chosen(stock: _Stock, settings: Settings, before: Generation | None, seconds: dict[str, float]) -> Choice:
    """What was set, what the generation before learnt, or what is learnt now."""
    if not choice.is_open(settings):
        return choice.fixed(settings)
    if before is not None and (kept := _lent(settings, before, stock.accepted)):
        return kept
    with progress.phase("choose") as step:
        chosen = choice.choose(_trials(stock, settings), settings)
        if settings.feedback == "explicit":
            chosen = choice.choose_explicit(_rating_trials(stock, settings), settings, chosen)
        step.say(choice.in_words(chosen))
    seconds["choose"] = step.seconds
    return chosen._replace(report=chosen.report | {"events": stock.accepted})


def _lent(settings: Settings, before: Generation, events: int) -> Choice | None:
    """What a sound generation before learnt, if it was asked for the same and the shop has not grown much since."""
    found = before.manifest.get("choice") or {}
    if not before.is_sound or found.get("given") != given(settings) or events > GROWTH * found.get("events", 0):
        return None
    return choice.remembered(settings, found)


def _trials(stock: _Stock, settings: Settings) -> Trials | None:
    return None if stock.before is None else inner.trials(stock.before, stock.ids, stock.shop, settings)


def _rating_trials(stock: _Stock, settings: Settings) -> RatingTrials | None:
    return None if stock.before is None else inner.rating_trials(stock.before, stock.ids, settings)


def _judge(stock: _Stock, settings: Settings, published: Generation | None) -> Judgement:
    theirs = _published_settings(settings, published)
    first = published is None
    return judging.judge(stock.events, stock.ids, stock.shop, settings, at=stock.cut, published=theirs, first=first)


def _published_settings(settings: Settings, published: Generation | None) -> Settings | None:
    """Those of the published generation, under today's policy; None when they are the same."""
    if published is None:
        return None
    then = choice.plain(restored(settings, published.manifest["settings"]))
    then = changed(then, {"seen": settings.seen, "cooldown_days": settings.cooldown_days})
    return None if same_lists(then, settings) else then


def _made(
    spark: SparkSession,
    stock: _Stock,
    chosen: Choice,
    judgement: Judgement,
    parents: Parents,
    seconds: dict[str, float],
) -> Made:
    """Learn from everything, and write all tables."""
    settings, ids = chosen.settings, stock.ids
    learned, counts, fault = _refit(stock, settings, judgement, seconds)
    failpoints.reach("mid_training")
    generation = generations.new(settings)
    with progress.phase("recommend") as step:
        saving.model(generation, learned, ids, stock.shop)
        lists = training.lists(learned, ids.users, ids, n=settings.top_n, explain=True)
        generations.write_table(generation, generations.RECOMMENDATIONS, lists)
        maps.make(generation)
        overlap = saving.overlap(spark, generation, parents.published)
        agreed = agreement.of_fold_in(settings, parents.published, generation, stock.version)
        step.say(_listed(settings, overlap, agreed))
    seconds["recommend"] = step.seconds
    with progress.phase("graph") as step:
        step.say(saving.graph_of_lists(spark, generation))
    seconds["graph"] = step.seconds
    rows = soundness.rows(generation)
    fault = fault or soundness.fault(generation, counts, rows)
    metrics = _metrics(generation, chosen, judgement, counts, ledger.counts(settings, stock.version), seconds)
    manifest = _manifest(spark, stock, chosen, parents, judgement, metrics)
    busiest = stock.events.groupBy("user").count().orderBy(F.desc("count"), "user").first()
    manifest |= {"model": saving.described(learned), "busiest_user": busiest and busiest["user"]}
    manifest |= {"rows": rows, "fault": fault, "newest_event_at": stock.newest}
    metrics |= {"overlap_at_10": overlap, "fold_in_overlap_at_10": agreed}
    if stock.belonging is not None:
        manifest |= {"segments": stock.belonging.as_dict()}
        metrics |= _by_segment(stock.belonging, judgement)
    return Made(generation, metrics, manifest, fault, judgement.verdict)


def _by_segment(kept: Belonging, judgement: Judgement) -> dict[str, Any]:
    """The metrics cut by segment; a warning and nothing when the segments were lost meanwhile."""
    try:
        return {"metrics_by_segment": belonging.cut(kept.folders[0], judgement)}
    except tables.DamagedError as error:
        progress.warn(f"{error}; metrics are not cut by segment")
        return {}


def _listed(settings: Settings, overlap: float | None, agreed: float | None) -> str:
    """top 10 for each user, 83 % as before; 91 % of what folding in had found."""
    before = f", {overlap:.0%} as before" if overlap is not None else ""
    folded = f"; folding in had found {agreed:.0%} of them for who had new events" if agreed is not None else ""
    return f"top {settings.top_n} for each user{before}{folded}"


def _refit(
    stock: _Stock, settings: Settings, judgement: Judgement, seconds: dict[str, float]
) -> tuple[Learned, Mapping[str, int], str]:
    """(what was learnt from everything, how much that was, why it must not be published)."""
    with progress.phase("train") as step:
        learned = training.learn(stock.events, stock.ids, stock.shop, settings)
        if stock.belonging is not None:
            learned = training.with_segments(learned, stock.belonging.members, stock.ids, settings)
        interactions = learned.liked.count()
        counts = {"users": stock.size.users, "products": stock.size.products, "interactions": interactions}
        fault = judging.fault_of_refit(learned, judgement, near=stock.ids.small)
        step.say(f"{counts['interactions']:,} interactions" + (f"; {learned.reason}" if learned.reason else ""))
    seconds["train"] = step.seconds
    return learned, counts, fault


def _metrics(
    generation: Generation,
    chosen: Choice,
    judgement: Judgement,
    counts: Any,
    events: ledger.Counts,
    seconds: dict[str, float],
) -> dict[str, Any]:
    """metrics.json, as the contract has it."""
    return {
        "generation": generation.id,
        "engine": chosen.settings.engine,
        "feedback": chosen.settings.feedback,
        "algorithm": chosen.settings.algorithm,
        "events": events._asdict(),
        **counts,
        "cut": judgement.cut.isoformat() if judgement.cut else None,
        "metrics": judgement.metrics,
        "baselines": judgement.baselines,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
    }


def _manifest(
    spark: SparkSession,
    stock: _Stock,
    chosen: Choice,
    parents: Parents,
    judgement: Judgement,
    metrics: dict[str, Any],
) -> dict[str, Any]:
    packages = ("pyspark", "numpy", "numba", "graphframes-py", "pyarrow")
    return {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "parent": parents.newest.id if parents.newest else None,
        "events_version": stock.version,
        "events": metrics["events"],
        "counts": {name: metrics[name] for name in ("users", "products", "interactions")},
        "seed": chosen.settings.seed,
        "rmse": str(judgement.rmse),
        "settings": recorded(chosen.settings, chosen.learnt),
        "choice": chosen.report,
        "rules": stock.shop.rules.as_dict(),
        "versions": {"python": platform.python_version(), "spark": spark.version}
        | {name: importlib.metadata.version(name) for name in packages},
    }


def _verdict(judgement: Judgement) -> str:
    ours, baseline = judgement.metrics["ndcg_at_10"], judgement.baselines["popular"].get("ndcg_at_10")
    if ours is None:
        return "; ".join(judgement.metrics.get("reasons", {}).values())
    return f"NDCG@10 {ours:.3f} (popular {baseline:.3f}), {judgement.metrics['users_judged']:,} users judged"
