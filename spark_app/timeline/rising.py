"""What is rising: the one definition, on arrays of counts; read by the stage and by the API.

A key (a product, a brand, a category) rises when more users turn to it than before, more so than the whole shop: what
lifts everything, such as a Saturday, lifts nothing here. Users are counted and not events, so that one who buys a
thousand is one. An event adds when it turns its user to the product, as recency.py says.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

PRODUCT, BRAND, CATEGORY = KINDS = ("product", "brand", "category")
# A key with fewer users in the later part is not listed.
LEAST_USERS = 5
# As many users are added to each key, spread as all users are: the fewer there are, the more they count.
SMOOTHING = 4.0
# The shop is taken to have grown so many times at the most: one that had no users earlier says nothing of growth.
MOST_GROWTH = 5.0
# One-sided, 95 %.
Z = 1.6448536269514722

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Rise(NamedTuple):
    """Of each key: whether it rises, its growth in per cent (NaN for one that is new), its score."""

    is_rising: npt.NDArray[np.bool_]
    growth: Floats
    score: Floats


def of(earlier: Counts, later: Counts, *, all_earlier: Counts | int, all_later: Counts | int, turns: int) -> Rise:
    """From users of each key in `turns` earlier stretches and in the later one, and their sums over all keys.

    Of two Poisson counts their sum says nothing of growth; given it, the later one is binomial (Przyborowski and
    Wilenski 1940). Its share is smoothed towards that of the shop. The lower end of the share's Wilson score interval
    (Wilson 1927) says how many times faster than the shop the key grew at the least. The score is how many of the later
    users that makes: more than the shop's growth brought, at the least; below 0 where it may have brought all.
    """
    odds = np.minimum((all_later + 1) / (all_earlier + 1), MOST_GROWTH / turns)
    shop = odds / (1 + odds)
    trials = earlier + later + SMOOTHING
    share = (later + SMOOTHING * shop) / trials
    half = Z * np.sqrt(share * (1 - share) / trials + Z**2 / (4 * trials**2))
    least = (share + Z**2 / (2 * trials) - half) / (1 + Z**2 / trials)
    times = least / (1 - least) / odds
    growth: Floats = np.where(earlier > 0, 100 * (later * turns / np.maximum(earlier, 1) - 1), np.nan)
    score: Floats = later * (1 - 1 / times)
    return Rise((later >= LEAST_USERS) & (share > shop), growth.round(1), score.round(3))


def best(rise: Rise, keys: Sequence[str], limit: int) -> npt.NDArray[np.int64]:
    """Places of the keys that rise, the highest score first, ties by key."""
    places = np.flatnonzero(rise.is_rising)
    if len(places) > limit:
        # What is certainly behind needs no sorting; ties at the end are kept for now.
        least = np.partition(rise.score[places], -limit)[-limit]
        places = places[rise.score[places] >= least]
    named = sorted(places.tolist(), key=lambda place: (-rise.score[place], keys[place]))
    return np.array(named[:limit], np.int64)
