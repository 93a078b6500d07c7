"""Wiring of the inner split: events before the hold-out, cut once more, as the trials need them on the driver.

Whole users are left out where there are more interactions than fit, then the products that fewest turned to, and judged
users where there are still too many scores.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app import evaluation, interactions, training, vectors
from spark_app.held import hold
from spark_app.rating_trials import Ratings, RatingTrials
from spark_app.rules import MICROS_A_DAY
from spark_app.settings import Settings
from spark_app.training import Index
from spark_app.trials import Split, Trials
from spark_app.vectors import Places

MAX_INTERACTIONS, MAX_PRODUCTS, MAX_SCORES = 1_000_000, 50_000, 20_000_000
MOST_JUDGED, FEWEST_JUDGED = 2000, 200
_SHARES = 1000


# (events, pairs that met) -> (user, product) that may not be listed.
Excluded = Callable[[DataFrame, DataFrame], DataFrame]


class _History(NamedTuple):
    """Events before the inner cut, and the engine ids of users and products."""

    events: DataFrame
    ids: Index

    def interest(self, asked: Settings) -> DataFrame:
        """One row per user and product that met."""
        return interactions.from_events(
            self.events, asked.weights, strength=asked.strength, half_life_days=asked.half_life_days
        )

    def collected(self, rows: DataFrame, *names: str) -> pa.Table:
        """(userId, productId, *names) on the driver."""
        return training.with_ids(rows, self.ids).select("userId", "productId", *names).toArrow()


def trials(events: DataFrame, ids: Index, settings: Settings, excluded: Excluded) -> Trials | None:
    """What settings can be tried on; None where the events cannot be cut or show no interest."""
    at = evaluation.cut(events, settings.weights)
    if at is None:
        return None
    before, held_out = evaluation.split(events, at)
    history = _History(_sampled(before).transform(hold), ids)
    every = history.interest(settings.model_copy(update={"half_life_days": None})).transform(hold)
    liked = history.collected(interactions.liked(every), "event_count", "last_event_at")
    if not liked.num_rows:
        return None
    places = Places.of(liked)._replace(products=_busiest(liked["productId"].to_numpy()))
    barred = excluded(history.events, every).transform(hold)
    relevant = evaluation.relevant(history.events, held_out, settings.weights, barred)
    split = _split(liked, history.collected(barred), history.collected(relevant), places, settings)
    return Trials(split, _strengths(history, places))


def rating_trials(events: DataFrame, ids: Index, settings: Settings) -> RatingTrials | None:
    """The same for ratings; None where no rating of a known user and product was held out."""
    at = evaluation.cut(events, settings.weights)
    if at is None:
        return None
    before, held_out = evaluation.split(_sampled(events), at)
    history = _History(before, ids)
    known, judged = (history.collected(interactions.ratings(rows), "rating") for rows in (before, held_out))
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


def _strengths(history: _History, places: Places) -> Callable[[Settings], sp.csr_matrix]:
    """What gives the strengths for settings, asking Spark once for each that differ."""
    asked: dict[str, Settings] = {}

    @functools.lru_cache(maxsize=8)
    def collected(key: str) -> sp.csr_matrix:
        liked = interactions.liked(history.interest(asked[key]))
        return places.sparse(history.collected(liked, "strength"), "strength")

    def strengths(settings: Settings) -> sp.csr_matrix:
        key = repr((settings.weights, settings.strength, settings.half_life_days))
        asked[key] = settings
        return collected(key)

    return strengths


def _sampled(events: DataFrame) -> DataFrame:
    """The events of as many whole users as fit."""
    count = events.select("user", "product").distinct().count()
    share = int(_SHARES * MAX_INTERACTIONS / max(count, 1))
    return events if share >= _SHARES else events.filter(F.pmod(F.xxhash64("user"), F.lit(_SHARES)) < max(share, 1))


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
