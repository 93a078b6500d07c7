"""Wiring of the inner split: events before the hold-out, cut once more, as the trials need them on the driver.

Whole users are left out where there are more interactions than fit, and judged users where there are too many products.
"""

import functools
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app import evaluation, interactions, vectors
from spark_app.settings import Settings
from spark_app.trials import Split, Trials

MAX_INTERACTIONS, MAX_SCORES = 1_000_000, 20_000_000
MOST_JUDGED, FEWEST_JUDGED = 2000, 200
_SHARES = 1000


class _Places(NamedTuple):
    """Engine ids of the rows and columns."""

    users: NDArray[np.int32]
    products: NDArray[np.int32]

    def sparse(self, table: pa.Table, name: str) -> sp.csr_matrix:
        """(users, products) from (userId, productId, name); what has no place is left out."""
        users = vectors.places(self.users, table["userId"].to_numpy())
        products = vectors.places(self.products, table["productId"].to_numpy())
        known = (users >= 0) & (products >= 0)
        values = table[name].to_numpy()[known].astype(np.float32)
        shape = (len(self.users), len(self.products))
        return sp.csr_matrix((values, (users[known], products[known])), shape=shape)


def trials(events: DataFrame, users: DataFrame, products: DataFrame, settings: Settings) -> Trials | None:
    """What settings can be tried on; None where the events cannot be cut or show no interest.

    `users` is (user, userId) and `products` (product, productId), of all events.
    """
    at = evaluation.cut(events, settings.weights)
    if at is None:
        return None
    before, held_out = evaluation.split(events, at)
    before = _sampled(before).persist()

    def with_ids(rows: DataFrame) -> DataFrame:
        return rows.join(users, "user").join(F.broadcast(products), "product")

    def interest(half_life_days: float | None, asked: Settings) -> pa.Table:
        rows = interactions.from_events(
            before, asked.weights, strength=asked.strength, half_life_days=half_life_days or None
        )
        return with_ids(rows).select("userId", "productId", "strength", "event_count", "last_event_at").toArrow()

    every = interest(None, settings)
    liked = every.filter(every["strength"].is_valid())
    if not liked.num_rows:
        return None
    places = _Places(*(np.unique(liked[name].to_numpy()).astype(np.int32) for name in ("userId", "productId")))
    relevant = with_ids(evaluation.relevant(before, held_out, settings.weights)).select("userId", "productId").toArrow()
    split = _split(every, liked, relevant, places, settings)

    @functools.lru_cache(maxsize=8)
    def strengths(key: str, half_life_days: float | None) -> sp.csr_matrix:
        found = interest(half_life_days, asked[key])
        return places.sparse(found.filter(found["strength"].is_valid()), "strength")

    asked: dict[str, Settings] = {}

    def of(tried: Settings) -> sp.csr_matrix:
        key = repr((tried.weights, tried.strength))
        asked[key] = tried
        return strengths(key, tried.half_life_days)

    return Trials(split, of)


def _sampled(events: DataFrame) -> DataFrame:
    """The events of as many whole users as fit."""
    count = events.select("user", "product").distinct().count()
    share = int(_SHARES * MAX_INTERACTIONS / max(count, 1))
    return events if share >= _SHARES else events.filter(F.pmod(F.xxhash64("user"), F.lit(_SHARES)) < max(share, 1))


def _split(every: pa.Table, liked: pa.Table, relevant: pa.Table, places: _Places, settings: Settings) -> Split:
    micros = liked["last_event_at"].cast(pa.int64()).to_numpy()
    ages = (micros.max() - micros) / interactions.MICROS_A_DAY
    span = float(ages.max())
    wanted_by = vectors.places(places.users, relevant["userId"].to_numpy())
    judged, wanted = np.unique(wanted_by[wanted_by >= 0], return_counts=True)
    most = int(np.clip(MAX_SCORES // max(len(places.products), 1), FEWEST_JUDGED, MOST_JUDGED))
    drawn = np.sort(np.random.default_rng(settings.seed).permutation(len(judged))[:most])
    judged, wanted = judged[drawn].astype(np.int64), wanted[drawn]
    ones = pa.array(np.ones(relevant.num_rows))
    met = every.append_column("one", pa.array(np.ones(every.num_rows)))
    return Split(
        places.sparse(liked, "event_count"),
        places.sparse(liked.append_column("age", pa.array(ages)), "age"),
        judged.astype(np.int64),
        places.sparse(met, "one")[judged],
        places.sparse(relevant.append_column("one", ones), "one")[judged],
        wanted,
        span,
    )
