"""Wiring of training and judging: events of one table version in, a judged model that knows all of them out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app import evaluation, interactions, recommendations
from spark_app.evaluation import Metrics, Rmse
from spark_app.models import Model, NothingToFitError, als, popular
from spark_app.settings import Settings

JUDGED_AT = 10
# Room for rounding where the refit is held against the judged model.
TOLERANCE = 1e-6


class Index(NamedTuple):
    """Every user (user, userId) and product (product, productId) with its engine id."""

    users: DataFrame
    products: DataFrame


class Learned(NamedTuple):
    """A model and what stands beside it; `model` is None when there was nothing to learn from, `reason` says so.

    `met` is (userId, productId) of every pair that ever met, `liked` the interactions that show interest.
    """

    model: Model | None
    popular: Model
    met: DataFrame
    liked: DataFrame
    reason: str = ""


class Judgement(NamedTuple):
    """What the lists and predictions were worth on the hold-out, and what the refit is held against."""

    cut: datetime | None
    metrics: dict[str, Any]
    baselines: dict[str, Any]
    rmse: Rmse
    held_out: DataFrame | None = None
    held_out_rmse: float | None = None


def index(events: DataFrame, known: Index | None) -> Index:
    """Engine ids for all of the events; what is known keeps its own."""
    return Index(
        interactions.user_index(events, known and known.users),
        interactions.product_index(events, known and known.products),
    )


def learn(events: DataFrame, ids: Index, settings: Settings) -> Learned:
    """Fit the settings' model, and popularity, on these events."""
    pairs = interactions.from_events(
        events, settings.weights, strength=settings.strength, half_life_days=settings.half_life_days
    ).persist()
    liked = interactions.liked(pairs)
    met = _with_ids(pairs, ids).select("userId", "productId")
    beside = (popular.fit(popular.counts(liked), ids.users, ids.products), met, liked)
    try:
        if settings.feedback == "explicit":
            ratings = _with_ids(interactions.ratings(events), ids).persist()
            return Learned(als.fit_explicit(ratings, settings.explicit, settings.seed), *beside)
        return Learned(als.fit_implicit(_with_ids(liked, ids), settings.als, settings.seed), *beside)
    except NothingToFitError as reason:
        return Learned(None, *beside, reason=str(reason))


def judge(events: DataFrame, ids: Index, settings: Settings) -> Judgement:
    """Fit on what came before the cut, and judge lists and predictions on what came after."""
    at = evaluation.cut(events, settings.weights)
    if at is None:
        return _unjudged(evaluation.NO_CUT)
    before, held_out = evaluation.split(events, at)
    learned = learn(before, ids, settings)
    if learned.model is None:
        return _unjudged(learned.reason)
    lists = _judge_lists(learned, before, held_out, ids, settings)
    pairs = _held_out_pairs(before, held_out, ids, settings).persist()
    rmse, others = _judge_predictions(learned.model, pairs, events, before, ids, settings)
    ones = pairs if settings.feedback == "explicit" else pairs.withColumn("expected", F.lit(1.0))
    warm = evaluation.rmse(recommendations.predicted(learned.model, ones))
    popularity = lists[popular.SOURCE].as_dict()
    return Judgement(
        at,
        lists[als.SOURCE].as_dict(rmse),
        {popular.SOURCE: popularity} | others | {"published": _not_compared()},
        rmse,
        ones,
        warm.value,
    )


def fault_of_refit(learned: Learned, judgement: Judgement) -> str:
    """Why the refit must not be published, empty when it may: it has to be finite, complete, and no worse."""
    if learned.model is None:
        return ""
    unfit = F.exists("vector", lambda number: F.isnan(number) | (F.abs(number) == float("inf")))
    vectors = learned.model.users.select("vector").unionByName(learned.model.products.select("vector"))
    if not vectors.filter(unfit).isEmpty():
        return "the refit holds numbers that are not finite"
    if learned.model.strengths is not None and _missing(learned.model, learned.model.strengths):
        return "the refit lacks users or products that it was trained on"
    if judgement.held_out is None or judgement.held_out_rmse is None:
        return ""
    refit = evaluation.rmse(recommendations.predicted(learned.model, judgement.held_out)).value
    if refit is None or refit > judgement.held_out_rmse + TOLERANCE:
        against = f"RMSE {refit} against {judgement.held_out_rmse}"
        return f"the refit is worse on the held-out pairs than the judged model: {against}"
    return ""


def lists(learned: Learned, users: DataFrame, ids: Index, *, n: int, explain: bool) -> DataFrame:
    """The best n of each of `users` (user, userId), as schemas.RECOMMENDATION; popular products for the unknown."""
    unknown = users if learned.model is None else users.join(learned.model.users, "userId", "left_anti")
    fallback = _listed(learned.popular, unknown, learned.met, ids, n=n, explain=False)
    if learned.model is None:
        return fallback
    return _listed(learned.model, users, learned.met, ids, n=n, explain=explain).unionByName(fallback)


def _listed(model: Model, users: DataFrame, met: DataFrame, ids: Index, *, n: int, explain: bool) -> DataFrame:
    products = recommendations.catalogue(model, ids.products)
    return recommendations.top_n(model, users, met, products, n=n, explain=explain)


def _judge_lists(
    learned: Learned, before: DataFrame, held_out: DataFrame, ids: Index, settings: Settings
) -> dict[str, Metrics]:
    """Metrics of the model's lists and of popularity's, for the same users."""
    relevant = evaluation.relevant(before, held_out, settings.weights).persist()
    try:
        users = relevant.select("user").distinct().join(ids.users, "user")
        ours = lists(learned, users, ids, n=JUDGED_AT, explain=False)
        baseline = _listed(learned.popular, users, learned.met, ids, n=JUDGED_AT, explain=False)
        return evaluation.judge_each(
            {als.SOURCE: ours, popular.SOURCE: baseline},
            relevant,
            catalogue=before.filter("product IS NOT NULL").select("product").distinct().count(),
            popularity=popular.counts(learned.liked),
            users_before=before.select("user").distinct().count(),
            seed=settings.seed,
            k=JUDGED_AT,
        )
    finally:
        relevant.unpersist()


def _held_out_pairs(before: DataFrame, held_out: DataFrame, ids: Index, settings: Settings) -> DataFrame:
    """(user, product, userId, productId[, expected]): what predictions are held against."""
    if settings.feedback == "explicit":
        return _with_ids(interactions.ratings(held_out).withColumnRenamed("rating", "expected"), ids)
    return _with_ids(evaluation.positive_pairs(before, held_out, settings.weights), ids)


def _judge_predictions(
    model: Model, pairs: DataFrame, events: DataFrame, before: DataFrame, ids: Index, settings: Settings
) -> tuple[Rmse, dict[str, Any]]:
    """The model's RMSE, and that of the baselines where there are any."""
    if settings.feedback == "explicit":
        return _judge_ratings(model, pairs, before, ids, settings)
    known = Index(ids.users.join(model.users, "userId"), ids.products.join(model.products, "productId"))
    met = events.filter("product IS NOT NULL").select("user", "product").distinct()
    sampled = evaluation.preference_pairs(pairs, met, known.users, known.products, seed=settings.seed)
    cold = evaluation.cold_share(pairs, known.users, known.products)
    return evaluation.rmse(recommendations.predicted(model, _with_ids(sampled, ids)), cold), {}


def _judge_ratings(
    model: Model, pairs: DataFrame, before: DataFrame, ids: Index, settings: Settings
) -> tuple[Rmse, dict[str, Any]]:
    ratings = _with_ids(interactions.ratings(before), ids)
    found = als.biases(ratings, settings.explicit.shrinkage)
    rmse = evaluation.rmse(recommendations.predicted(model, pairs))
    warm = recommendations.predicted(model, pairs).filter("predicted IS NOT NULL").drop("predicted")
    alone = evaluation.rmse(recommendations.predicted(als.biases_alone(found), warm))
    mean = evaluation.rmse(warm.withColumn("predicted", F.lit(found.mean)))
    return rmse, {"global_mean": {"rmse": mean.value}, "biases": {"rmse": alone.value}}


def _unjudged(reason: str) -> Judgement:
    """Metrics of nothing, with the reason in their place."""
    rmse = Rmse(None, None, reason)
    nothing = Metrics(pd.Series(dtype="float64"), reason=reason)
    return Judgement(None, nothing.as_dict(rmse), {popular.SOURCE: {"ndcg_at_10": None}}, rmse)


def _not_compared() -> dict[str, Any]:
    return {"ndcg_at_10": None}


def _missing(model: Model, strengths: DataFrame) -> bool:
    """Whether a user or product of the training rows has no vector."""
    users = strengths.select("userId").distinct().join(model.users, "userId", "left_anti")
    products = strengths.select("productId").distinct().join(model.products, "productId", "left_anti")
    return not (users.isEmpty() and products.isEmpty())


def _with_ids(rows: DataFrame, ids: Index) -> DataFrame:
    return rows.join(ids.users, "user").join(F.broadcast(ids.products), "product")


def counts(learned: Learned, ids: Index) -> Mapping[str, int]:
    """Users, products and interactions, as metrics.json has them."""
    return {"users": ids.users.count(), "products": ids.products.count(), "interactions": learned.liked.count()}
