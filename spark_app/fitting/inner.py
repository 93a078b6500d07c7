"""Wiring of the inner split: events before the hold-out, cut once more, as the trials need them on the driver.

Whole users are left out where there are more interactions than fit, then the products that fewest turned to, and judged
users where there are still too many scores.
"""

import functools
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_app import evaluation, interactions, schemas
from spark_app.fitting import training
from spark_app.fitting.training import Index, Shop
from spark_app.frames.held import hold
from spark_app.numbers import vectors
from spark_app.numbers.vectors import Places
from spark_app.rules import MICROS_A_DAY
from spark_app.settings import Settings
from spark_app.tuning.rating_trials import Ratings, RatingTrials
from spark_app.tuning.trials import Split, Trials

MAX_INTERACTIONS, MAX_PRODUCTS, MAX_SCORES = 1_000_000, 50_000, 20_000_000
MOST_JUDGED, FEWEST_JUDGED = 2000, 200
_SHARES = 1000


def trials(events: DataFrame, ids: Index, shop: Shop, settings: Settings) -> Trials | None:
    """What settings can be tried on; None where the events cannot be cut or show no interest."""
    weights = shop.occurring(settings.weights)
    at = evaluation.cut(events, weights)
    if at is None:
        return None
    before, held_out = evaluation.split(events, at)
    before = _sampled(before)
    pairs = _pairs(before, ids, shop, settings)
    every = pairs.withColumn("strength", _strength(pairs, settings.model_copy(update={"half_life_days": None})))
    met = every.select("userId", "productId", "strength", "event_count", "last_event_at").toArrow()
    liked = met.filter(met["strength"].is_valid())
    if not liked.num_rows:
        return None
    places = Places.of(liked)._replace(products=_busiest(liked["productId"].to_numpy()))
    barred = training.excluded(before, every.select(*schemas.names(schemas.INTERACTION)), shop, settings)
    if settings.seen != "never":
        barred = barred.transform(hold)
    relevant = _collected(evaluation.relevant(before, held_out, weights, barred), ids)
    split = _split(liked, met if settings.seen == "never" else _collected(barred, ids), relevant, places, settings)
    return Trials(split, _strengths(pairs, places))


def rating_trials(events: DataFrame, ids: Index, settings: Settings) -> RatingTrials | None:
    """The same for ratings; None where no rating of a known user and product was held out."""
    at = evaluation.cut(events, settings.weights)
    if at is None:
        return None
    before, held_out = evaluation.split(_sampled(events), at)
    known, judged = (_collected(interactions.ratings(rows), ids, "rating") for rows in (before, held_out))
    places = Places.of(known)
    trained, held = (_ratings(rows, places) for rows in (known, judged))
    shape = (len(places.users), len(places.products))
    return RatingTrials(trained, held, shape, settings.seed) if len(held.values) else None


def _ratings(table: pa.Table, places: Places) -> Ratings:
    """Ratings from (userId, productId, rating), in the order of the ids; what has no place is left out."""
    return Ratings(*places.located(table.sort_by([("userId", "ascending"), ("productId", "ascending")]), "rating"))


def _busiest(product_ids: NDArray[np.int32]) -> NDArray[np.int32]:
    """Ids of the products that most users turned to, as many as fit, in order."""
    ids, users = np.unique(product_ids, return_counts=True)
    return np.sort(ids[np.argsort(-users, kind="stable")[:MAX_PRODUCTS]]).astype(np.int32)


def _pairs(events: DataFrame, ids: Index, shop: Shop, settings: Settings) -> DataFrame:
    """One row per user and product that met, with ids, from which the strengths of all trials follow."""
    netted = interactions.netted(events, settings.weights, kinds=shop.kinds)
    return training.with_ids(interactions.dated(netted, events), ids).transform(hold)


def _strength(pairs: DataFrame, asked: Settings) -> Column:
    return interactions.strength_of(
        pairs, asked.weights, strength=asked.strength, half_life_days=asked.half_life_days
    )


def _strengths(pairs: DataFrame, places: Places) -> Callable[[Settings], sp.csr_matrix]:
    """What gives the strengths for settings, asking Spark once for each that differ."""
    asked: dict[str, Settings] = {}

    @functools.lru_cache(maxsize=8)
    def collected(key: str) -> sp.csr_matrix:
        strengths = pairs.select("userId", "productId", _strength(pairs, asked[key]).alias("strength"))
        return places.sparse(interactions.liked(strengths).toArrow(), "strength")

    def strengths(settings: Settings) -> sp.csr_matrix:
        key = repr((settings.weights, settings.strength, settings.half_life_days))
        asked[key] = settings
        return collected(key)

    return strengths


def _collected(rows: DataFrame, ids: Index, *names: str) -> pa.Table:
    """(userId, productId, *names) on the driver."""
    return training.with_ids(rows, ids).select("userId", "productId", *names).toArrow()


def _sampled(events: DataFrame) -> DataFrame:
    """The events of as many whole users as fit, within some per cent."""
    count = events.agg(F.approx_count_distinct(F.xxhash64("user", "product"))).first()[0]
    # Of so many that a thousandth is too much, in finer shares.
    shares = _SHARES if count < _SHARES * MAX_INTERACTIONS else _SHARES**3
    share = int(shares * MAX_INTERACTIONS / max(count, 1))
    return events if share >= shares else events.filter(F.pmod(F.xxhash64("user"), F.lit(shares)) < max(share, 1))


def _split(liked: pa.Table, barred: pa.Table, relevant: pa.Table, places: Places, settings: Settings) -> Split:
    micros = liked["last_event_at"].cast(pa.int64()).to_numpy()
    ages = (micros.max() - micros) / MICROS_A_DAY
    span = float(ages.max())
    wanted_by = vectors.places(places.users, relevant["userId"].to_numpy())
    judged, wanted = np.unique(wanted_by[wanted_by >= 0], return_counts=True)
    most = int(np.clip(MAX_SCORES // max(len(places.products), 1), FEWEST_JUDGED, MOST_JUDGED))
    drawn = np.sort(np.random.default_rng(settings.seed).permutation(len(judged))[:most])
    judged, wanted = judged[drawn].astype(np.int64), wanted[drawn]
    return Split(
        places.sparse(liked, "event_count"),
        places.sparse(liked.append_column("age", pa.array(ages)), "age"),
        judged.astype(np.int64),
        places.sparse(_marked(barred), "one")[judged],
        places.sparse(_marked(relevant), "one")[judged],
        wanted,
        span,
    )


def _marked(pairs: pa.Table) -> pa.Table:
    return pairs.append_column("one", pa.array(np.ones(pairs.num_rows)))
