"""Wiring of training: events and settings in which nothing is left open in, a model and its lists out."""

from collections.abc import Mapping
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app import interactions, policy, recommendations, rules, schemas
from spark_app.frames import near
from spark_app.frames.held import hold
from spark_app.models import Model, NothingToFitError, als, blend, neighbours, newcomers, popular, segmental
from spark_app.models.blend import Additions
from spark_app.settings import Settings
from spark_app.shop_rules import Rules


class Index(NamedTuple):
    """Every user (user, userId) and product (product, productId) with its engine id, and whether they are few."""

    users: DataFrame
    products: DataFrame
    small: bool = False


class Shop(NamedTuple):
    """What is known of the products (schemas.PRODUCT_DETAILS), and the shop's rules about them.

    `kinds` are the event types that occur, None where that is not known.
    """

    details: DataFrame
    rules: Rules = Rules()
    kinds: frozenset[str] | None = None

    def occurring(self, weights: Mapping[str, float]) -> dict[str, float]:
        """The weights of the event types that occur."""
        return {kind: weight for kind, weight in weights.items() if self.kinds is None or kind in self.kinds}


class Learned(NamedTuple):
    """What makes lists, and what stands beside it; `model` is None when nothing was learnt, and `reason` says why.

    `popular` is the baseline under the same rules of the shop, `fallback` makes the lists of users that the model does
    not know. `predictor` predicts preferences or ratings, where something does. `pairs` are the interactions, `liked`
    those that show interest. `excluded` (user, product, userId, productId) may not be listed to a user; `touched`
    (productId, hidden, boost, rule) are products that a rule of the shop touches, None where none does. `segmental` is
    what is popular in each segment, and `members` (userId, place) whose list it makes where the model does not; None
    where no segments are known.
    """

    model: Model | None
    predictor: Model | None
    popular: Model
    fallback: Model
    pairs: DataFrame
    liked: DataFrame
    excluded: DataFrame
    touched: DataFrame | None
    reason: str = ""
    segmental: Model | None = None
    members: DataFrame | None = None


def index(events: DataFrame, known: Index | None, least_user_id: int = 0) -> Index:
    """Engine ids for all of the events; what is known keeps its own, and no new user gets one below the least."""
    return Index(
        interactions.user_index(events, known and known.users, least_user_id),
        interactions.product_index(events, known and known.products),
    )


def learn(events: DataFrame, ids: Index, shop: Shop, settings: Settings) -> Learned:
    """Fit the settings' model, and popularity, on these events."""
    pairs = interactions.from_events(
        events,
        settings.weights,
        strength=settings.strength,
        half_life_days=settings.half_life_days,
        kinds=shop.kinds,
        nets=True,
    ).transform(hold)
    liked = interactions.liked(pairs)
    touched = _touched(ids, shop)
    beside = {
        "popular": _boosted(popular.fit(popular.counts(liked), ids.users, ids.products), ids, touched),
        "fallback": _boosted(_fallback(liked, ids, settings), ids, touched),
        "pairs": pairs,
        "liked": liked,
        "excluded": with_ids(excluded(events, pairs, shop, settings), ids),
        "touched": touched,
    }
    try:
        model, predictor = _fitted(events, liked, ids, settings)
    except NothingToFitError as reason:
        return Learned(None, None, **beside, reason=str(reason))
    unmet = _unmet(events, ids, shop, settings)
    if unmet is not None:
        model = newcomers.admit(model, unmet, shop.details.join(ids.products, "product"))
    return Learned(_settled(_boosted(model, ids, touched), ids), predictor, **beside)


def excluded(events: DataFrame, pairs: DataFrame, shop: Shop, settings: Settings) -> DataFrame:
    """(user, product) that may not be listed, of all pairs that met in the events."""
    if settings.seen != "cooldown":
        nothing = policy.fixed_cooldown(events.sparkSession, 1)
        return policy.excluded(pairs, nothing, shop.details, seen=settings.seen)
    days = settings.cooldown_days
    cooldowns = policy.fixed_cooldown(events.sparkSession, days) if days else policy.cooldowns(events, shop.details)
    return policy.excluded(pairs, cooldowns, shop.details, seen=settings.seen)


def lists(learned: Learned, users: DataFrame, ids: Index, *, n: int, explain: bool) -> DataFrame:
    """The best n of each of `users` (user, userId), as schemas.RECOMMENDATION.

    For users that the model does not know, what is popular in their segment; the fallback's where that is not known.
    """
    if learned.model is None:
        return _without_model(learned, users, ids, n=n)
    known = listed(learned.model, learned, users, ids, n=n, explain=explain)
    unknown = users.join(learned.model.users, "userId", "left_anti")
    return known if unknown.isEmpty() else known.unionByName(_without_model(learned, unknown, ids, n=n))


def _without_model(learned: Learned, users: DataFrame, ids: Index, *, n: int) -> DataFrame:
    if learned.segmental is None or learned.members is None:
        return listed(learned.fallback, learned, users, ids, n=n)
    of_segments = segmental.for_members(learned.segmental, learned.members)
    others = users.join(learned.members, "userId", "left_anti")
    found = listed(of_segments, learned, users, ids, n=n)
    return found if others.isEmpty() else found.unionByName(listed(learned.fallback, learned, others, ids, n=n))


def with_segments(
    learned: Learned, members: DataFrame, ids: Index, settings: Settings, *, least: int = segmental.LEAST
) -> Learned:
    """The same with what is popular in each segment; `members` are (user, place), a user's best place the smallest.

    A segment in which fewer than `least` users have shown interest has no list; without any it is as before.
    """
    shown = members.join(learned.liked.select("user").distinct(), "user", "left_semi").groupBy("place").count()
    members = members.join(shown.filter(F.col("count") >= least), "place", "left_semi").select("user", "place")
    within = segmental.counts(learned.liked, members, _half_life(settings)).transform(hold)
    if within.isEmpty():
        return learned
    everywhere = popular.counts(learned.liked, _half_life(settings))
    model = _boosted(segmental.fit(within, everywhere, ids.products), ids, learned.touched)
    used = members.join(within.select("place").distinct(), "place", "left_semi")
    first = used.groupBy("user").agg(F.min("place").alias("place"))
    first = first.join(ids.users, "user").select("userId", "place")
    if learned.model is not None:
        first = first.join(learned.model.users, "userId", "left_anti")
    return learned._replace(segmental=model, members=near.kept(first, near=ids.small))


def listed(model: Model, learned: Learned, users: DataFrame, ids: Index, *, n: int, explain: bool = False) -> DataFrame:
    """The best n of one model, without what may not be listed."""
    hidden = learned.touched.filter("hidden") if learned.touched is not None else None
    products = recommendations.catalogue(model, ids.products, hidden)
    return recommendations.top_n(model, users, learned.excluded, products, n=n, explain=explain, near=ids.small)


def kept_interactions(learned: Learned, ids: Index) -> DataFrame:
    """Every pair that met with what explains a list, as schemas.KEPT_INTERACTION."""
    key, zero = ["userId", "productId"], F.lit(0.0).cast("float")
    own = learned.model.strengths if learned.model is not None else None
    strength = F.col("strength").cast("float")
    rows = with_ids(learned.pairs, ids).drop("user", "product").withColumn("strength", strength)
    barred = learned.excluded.select(*key, F.lit(True).alias("excluded"))
    rows = rows.join(barred, key, "left").fillna(False, ["excluded"])
    numbers = [F.lit(None).cast("float").alias(name) for name in ("strength", "weight", "again")]
    if own is None:
        own = learned.excluded.limit(0).select(*key, *numbers)
    own = own.withColumnRenamed("strength", "fitted")
    for name in ("weight", "again"):
        own = own if name in own.columns else own.withColumn(name, zero)
    found = rows.join(own.withColumn("trained", F.lit(True)), key, "left").fillna(False, ["trained"])
    if not ids.small:
        # In this order they are mapped without being held; few are sorted where that is done.
        found = found.repartitionByRange("userId").sortWithinPartitions(*key)
    return found.select(*schemas.names(schemas.KEPT_INTERACTION), *interactions.net_columns(rows.columns))


def with_ids(rows: DataFrame, ids: Index) -> DataFrame:
    """Rows of (user, product, ...) with userId and productId."""
    return rows.join(ids.users, "user").join(F.broadcast(ids.products), "product")


def _settled(model: Model, ids: Index) -> Model:
    """The model with its vectors worked out, where they are few: they are asked for again and again."""
    users, products = (near.settled(side, near=ids.small) for side in (model.users, model.products))
    return model._replace(users=users, products=products)


def _unmet(events: DataFrame, ids: Index, shop: Shop, settings: Settings) -> DataFrame | None:
    """(productId, category, brand) of products that were announced, and that nobody has turned to or from yet.

    None where every event turns to a product or from it.
    """
    counting = [kind for kind, weight in settings.weights.items() if weight] + [rules.DISLIKE]
    if shop.kinds is not None and shop.kinds <= set(counting):
        return None
    named = events.filter("product IS NOT NULL").groupBy("product")
    met = named.agg(F.count_if(F.col("event_type").isin(counting)).alias("counted")).filter("counted = 0")
    return shop.details.join(met, "product", "left_semi").join(ids.products, "product")


def _fitted(events: DataFrame, liked: DataFrame, ids: Index, settings: Settings) -> tuple[Model, Model | None]:
    """(what makes the lists, what predicts), before the shop's rules."""
    predictor = _of_ratings(events, ids, settings)
    if settings.algorithm == als.RATINGS:
        if predictor is None:
            raise NothingToFitError("there are no ratings")
        return predictor, predictor
    if settings.algorithm in (popular.SOURCE, popular.RECENT):
        half_life = settings.popularity_half_life_days if settings.algorithm == popular.RECENT else None
        counted = popular.counts(liked, half_life or 0.0)
        return popular.fit(counted, ids.users, ids.products, settings.algorithm), predictor
    rows = with_ids(liked, ids)
    base = _base(rows, ids, settings)
    if settings.feedback == "implicit" and base.source == als.SOURCE:
        predictor = base
    if settings.algorithm != "blend":
        return base, predictor
    return blend.fit(base, _additions(rows, ids, settings), near=ids.small), predictor


def _of_ratings(events: DataFrame, ids: Index, settings: Settings) -> Model | None:
    """What predicts ratings, where they are asked for and there are any."""
    if settings.feedback != "explicit":
        return None
    ratings = with_ids(interactions.ratings(events), ids).transform(hold)
    return None if ratings.isEmpty() else als.fit_explicit(ratings, settings.explicit, settings.seed)


def _base(rows: DataFrame, ids: Index, settings: Settings) -> Model:
    name = settings.blend.base if settings.algorithm == "blend" else settings.algorithm
    if name == "bm25" or name == "cosine":
        return neighbours.fit(rows, name, settings.neighbours, near=ids.small)
    return als.fit_implicit(rows, settings.als, settings.seed, settings.engine)


def _additions(rows: DataFrame, ids: Index, settings: Settings) -> Additions:
    """What the settings of the blend add to its base, from interest with ids."""
    weights, alike = settings.blend, None
    if weights.neighbours_weight and weights.base == als.SOURCE:
        alike = neighbours.fit(rows, weights.neighbours or "bm25", settings.neighbours, near=ids.small)
    counted = popular.counts(rows, settings.popularity_half_life_days or 0.0).join(ids.products, "product")
    return Additions(
        neighbours=alike,
        neighbours_weight=(weights.neighbours_weight or 0.0) if alike else 0.0,
        popularity=counted,
        popularity_weight=weights.popularity_weight or 0.0,
        counts=rows,
        repeat_weight=weights.repeat_weight or 0.0,
    )


def _fallback(liked: DataFrame, ids: Index, settings: Settings) -> Model:
    """Popularity of the kind that the lists use."""
    half_life = _half_life(settings)
    source = popular.RECENT if half_life else popular.SOURCE
    return popular.fit(popular.counts(liked, half_life), ids.users, ids.products, source)


def _half_life(settings: Settings) -> float:
    """In days, of popularity where nothing is known of a user: 0 where the lists do not decay."""
    blends = settings.algorithm == "blend" and bool(settings.blend.popularity_weight)
    decays = settings.algorithm == popular.RECENT or blends
    return (settings.popularity_half_life_days or 0.0) if decays else 0.0


def _touched(ids: Index, shop: Shop) -> DataFrame | None:
    """What the shop's rules say of each product that they touch; None where there are no rules."""
    if not shop.rules.rows:
        return None
    touched = policy.adjustments(shop.details, shop.rules).join(ids.products, "product")
    return touched.select("productId", "hidden", "boost", "rule").transform(hold)


def _boosted(model: Model, ids: Index, touched: DataFrame | None) -> Model:
    boosts = touched.filter(F.col("boost") != 0) if touched is not None else None
    if boosts is None or boosts.isEmpty():
        return model
    return blend.fit(model, Additions(boosts=boosts), near=ids.small)
