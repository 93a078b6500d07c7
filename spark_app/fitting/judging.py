"""Wiring of judging: events of one table version in, what lists and predictions were worth on the hold-out out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app import evaluation, gate, interactions, recommendations
from spark_app.evaluation import Metrics, Rmse
from spark_app.fitting import training
from spark_app.fitting.training import Index, Learned, Shop
from spark_app.frames import near as near_
from spark_app.frames.held import hold
from spark_app.gate import Verdict
from spark_app.models import Model, als, popular
from spark_app.numbers import vectors
from spark_app.settings import Settings

JUDGED_AT = 10
OURS, PUBLISHED, BIASES = "ours", "published", "biases"
# Room for rounding where the refit is held against the judged model.
TOLERANCE = 1e-6
TOO_THIN = "too thin: with factors the ratings of the hold-out are predicted worse than by the biases alone"
NO_PREDICTION = "these lists come from an order of products, which predicts no preference"


class Judgement(NamedTuple):
    """What the lists and predictions were worth on the hold-out, and what the refit is held against.

    `lists` are the metrics of our lists, of popularity's and of the published settings'. `held_out` are pairs that the
    judged model knew and had not met, and `held_out_rmse` its error on them. `too_thin` says that the biases alone
    predict the ratings better than with factors, and are to be used.
    """

    cut: datetime | None
    metrics: dict[str, Any]
    baselines: dict[str, Any]
    rmse: Rmse
    verdict: Verdict
    lists: Mapping[str, Metrics]
    held_out: DataFrame | None = None
    held_out_rmse: float | None = None
    too_thin: bool = False


def judge(
    events: DataFrame,
    ids: Index,
    shop: Shop,
    settings: Settings,
    *,
    at: datetime | None,
    published: Settings | None,
    first: bool,
) -> Judgement:
    """Fit on what came before the cut `at`, judge on what came after, and say whether to publish.

    `published` are other settings to be compared with; None when there are none, or when they are the same.
    """
    if at is None:
        return _unjudged(evaluation.NO_CUT)
    before, held_out = evaluation.split(events, at)
    learned = training.learn(before, ids, shop, settings)
    theirs = training.learn(before, ids, shop, published) if published else None
    lists = _judge_lists(learned, theirs, before, held_out, ids, shop, settings)
    verdict = gate.decide(lists[OURS], lists[popular.SOURCE], lists.get(PUBLISHED), first=first, seed=settings.seed)
    rmse, others, pairs = _judge_predictions(learned, before, held_out, ids, shop, settings)
    too_thin = _is_too_thin(rmse, others)
    if too_thin:
        rmse = Rmse(others[BIASES]["rmse"], rmse.cold_share)
    baselines = {popular.SOURCE: lists[popular.SOURCE].as_dict()} | others
    baselines[PUBLISHED] = _compared(lists.get(PUBLISHED), verdict)
    metrics = lists[OURS].as_dict(rmse)
    if too_thin:
        metrics["reasons"]["factors"] = TOO_THIN
    judgement = Judgement(at, metrics, baselines, rmse, verdict, lists, too_thin=too_thin)
    if learned.predictor is None or pairs is None or too_thin:
        return judgement
    met = learned.pairs.select("user", "product")
    new = pairs.join(met, ["user", "product"], "left_anti")
    known = recommendations.predicted(learned.predictor, new, near=ids.small)
    known = known.filter("predicted IS NOT NULL").transform(hold)
    return judgement._replace(held_out=known.drop("predicted"), held_out_rmse=evaluation.rmse(known).value)


def with_popularity(judgement: Judgement, settings: Settings, *, first: bool) -> Judgement:
    """What the same hold-out says of popularity's lists in place of the model's; predictions stay as they are."""
    popularity = judgement.lists[popular.SOURCE]
    published = judgement.lists.get(PUBLISHED)
    verdict = gate.decide(popularity, popularity, published, first=first, seed=settings.seed)
    verdict = verdict._replace(reason=f"{judgement.verdict.reason}; {verdict.reason}")
    rmse = judgement.rmse if settings.feedback == "explicit" else Rmse(None, None, NO_PREDICTION)
    baselines = judgement.baselines | {PUBLISHED: _compared(published, verdict)}
    return judgement._replace(
        metrics=popularity.as_dict(rmse),
        baselines=baselines,
        rmse=rmse,
        verdict=verdict,
        lists=dict(judgement.lists) | {OURS: popularity},
        held_out=None,
        held_out_rmse=None,
    )


def fault_of_refit(learned: Learned, judgement: Judgement, *, near: bool = False) -> str:
    """Why the refit must not be published, empty when it may: it has to be finite, complete, and no worse."""
    if learned.model is None:
        return ""
    if fault := _unfit_or_lacking(learned.model, near=near):
        return fault
    if judgement.held_out is None or judgement.held_out_rmse is None or learned.predictor is None:
        return ""
    refit = evaluation.rmse(recommendations.predicted(learned.predictor, judgement.held_out, near=near)).value
    if refit is None or refit > judgement.held_out_rmse + TOLERANCE:
        against = f"RMSE {refit} against {judgement.held_out_rmse}"
        return f"the refit is worse on the held-out pairs than the judged model: {against}"
    return ""


def _judge_lists(
    learned: Learned,
    theirs: Learned | None,
    before: DataFrame,
    held_out: DataFrame,
    ids: Index,
    shop: Shop,
    settings: Settings,
) -> dict[str, Metrics]:
    """Metrics of our lists, of popularity's and of the published settings', for the same users."""
    excluded = learned.excluded.select("user", "product")
    relevant = evaluation.relevant(before, held_out, shop.occurring(settings.weights), excluded)
    relevant = near_.kept(relevant, near=ids.small)
    if not ids.small:
        relevant = evaluation.sampled(relevant, settings.seed)
    users = relevant.select("user").distinct().join(ids.users, "user")
    made = {
        OURS: training.lists(learned, users, ids, n=JUDGED_AT, explain=False),
        popular.SOURCE: training.listed(learned.popular, learned, users, ids, n=JUDGED_AT),
    }
    if theirs is not None:
        made[PUBLISHED] = training.lists(theirs, users, ids, n=JUDGED_AT, explain=False)
    users_before, products_before = before.agg(F.count_distinct("user"), F.count_distinct("product")).first()
    return evaluation.judge_each(
        made,
        relevant,
        catalogue=products_before,
        popularity=popular.counts(learned.liked),
        users_before=users_before,
        seed=settings.seed,
        k=JUDGED_AT,
    )


def _judge_predictions(
    learned: Learned, before: DataFrame, held_out: DataFrame, ids: Index, shop: Shop, settings: Settings
) -> tuple[Rmse, dict[str, Any], DataFrame | None]:
    """(RMSE, that of the baselines where there are any, the pairs that the refit is held against)."""
    if settings.feedback == "explicit":
        return _judge_ratings(learned, before, held_out, ids, settings)
    if learned.predictor is None:
        return Rmse(None, None, learned.reason or NO_PREDICTION), {}, None
    positive = evaluation.positive_pairs(before, held_out, shop.occurring(settings.weights))
    pairs = near_.kept(training.with_ids(positive, ids), near=ids.small)
    known = _known(learned.predictor, ids)
    of_hold_out = held_out.filter("product IS NOT NULL").select("user", "product")
    met = learned.pairs.select("user", "product").unionByName(of_hold_out)
    sampled = evaluation.preference_pairs(
        pairs, met, known.users, known.products, seed=settings.seed, near=ids.small
    )
    cold = evaluation.cold_share(pairs, known.users, known.products)
    predicted = recommendations.predicted(learned.predictor, training.with_ids(sampled, known), near=ids.small)
    return evaluation.rmse(predicted, cold), {}, pairs.withColumn("expected", F.lit(1.0))


def _known(model: Model, ids: Index) -> Index:
    """The users and products that a model knows."""
    users = ids.users.join(model.users.select("userId"), "userId")
    products = ids.products.join(model.products.select("productId"), "productId")
    return Index(near_.kept(users, near=ids.small), near_.kept(products, near=ids.small), ids.small)


def _judge_ratings(
    learned: Learned, before: DataFrame, held_out: DataFrame, ids: Index, settings: Settings
) -> tuple[Rmse, dict[str, Any], DataFrame | None]:
    ratings = training.with_ids(interactions.ratings(before), ids)
    pairs = training.with_ids(interactions.ratings(held_out).withColumnRenamed("rating", "expected"), ids).transform(
        hold
    )
    if learned.predictor is None:
        return Rmse(None, None, learned.reason or "there are no ratings before the cut"), {}, None
    found = als.biases(ratings, settings.explicit.shrinkage)
    scored = recommendations.predicted(learned.predictor, pairs, near=ids.small)
    warm = scored.filter("predicted IS NOT NULL").drop("predicted")
    alone = evaluation.rmse(recommendations.predicted(als.biases_alone(found), warm, near=ids.small))
    mean = evaluation.rmse(warm.withColumn("predicted", F.lit(found.mean)))
    others = {"global_mean": {"rmse": mean.value}, BIASES: {"rmse": alone.value}}
    return evaluation.rmse(scored), others, pairs


def _is_too_thin(rmse: Rmse, others: Mapping[str, Any]) -> bool:
    """Whether factors make the predictions worse than the biases alone."""
    alone = others.get(BIASES, {}).get("rmse")
    return alone is not None and rmse.value is not None and rmse.value > alone + TOLERANCE


def _unjudged(reason: str) -> Judgement:
    """Metrics of nothing, with the reason in their place."""
    rmse = Rmse(None, None, reason)
    nothing = Metrics(pd.Series(dtype="float64"), reason=reason)
    baselines = {popular.SOURCE: {"ndcg_at_10": None}, PUBLISHED: {"ndcg_at_10": None}}
    verdict = gate.decide(nothing, nothing, None, first=False, seed=0)
    return Judgement(None, nothing.as_dict(rmse), baselines, rmse, verdict, {})


def _compared(published: Metrics | None, verdict: Verdict) -> dict[str, Any]:
    """What the published settings were worth on the same users, where they are others."""
    if published is None:
        return {"ndcg_at_10": None}
    return {"ndcg_at_10": published.ndcg, "difference_ci": list(verdict.difference) if verdict.difference else None}


def _unfit_or_lacking(model: Model, *, near: bool) -> str:
    """What is wrong with the vectors: not finite, or not there for all of the training rows."""
    sides = {"userId": model.users, "productId": model.products}
    if not all((_are_finite_here if near else _are_finite)(side) for side in sides.values()):
        return "the refit holds numbers that are not finite"
    if model.strengths is None:
        return ""
    complete = (_has_all_here if near else _has_all)(model.strengths, sides)
    return "" if complete else "the refit lacks users or products that it was trained on"


def _are_finite_here(side: DataFrame) -> bool:
    return bool(np.isfinite(vectors.matrix(side.select("vector").toArrow()["vector"])).all())


def _are_finite(side: DataFrame) -> bool:
    return side.filter(F.exists("vector", lambda number: F.isnan(number) | (F.abs(number) == float("inf")))).isEmpty()


def _has_all_here(rows: DataFrame, sides: Mapping[str, DataFrame]) -> bool:
    """Ids are few to collect."""
    trained = rows.agg(*[F.collect_set(key).alias(key) for key in sides]).toArrow()
    found = {key: side.select(key).toArrow()[key] for key, side in sides.items()}
    return all(pc.all(pc.is_in(trained[key].combine_chunks().flatten(), found[key])).as_py() for key in sides)


def _has_all(rows: DataFrame, sides: Mapping[str, DataFrame]) -> bool:
    return all(rows.select(key).distinct().join(side, key, "left_anti").isEmpty() for key, side in sides.items())
