"""Interactions of a simulated shop of any size: a long tail, hidden tastes, and pairs held out to judge lists by."""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

GROUPS, FAVOURITES, FAITHFUL = 50, 3, 0.8
HELD_OUT = 20_000


class Interactions(NamedTuple):
    """`known` (users, products) of ones; `judged` are users with one product each, `wanted`, that was held out."""

    known: sp.csr_matrix
    judged: NDArray[np.int64]
    wanted: NDArray[np.int64]


def simulated(users: int, products: int, interactions: int, seed: int) -> Interactions:
    """About so many interactions: users of all sizes buy what is popular, mostly in a few groups that are theirs."""
    rng = np.random.default_rng(seed)
    popularity = rng.permutation((np.arange(products) + 20.0) ** -0.9)
    groups = np.sort(rng.integers(0, GROUPS, products))
    activity = rng.lognormal(0, 1.0, users)
    pairs = np.empty(0, np.int64)
    while len(pairs) < interactions:
        count = int(1.2 * (interactions - len(pairs))) + 1000
        buyers = rng.choice(users, count, p=activity / activity.sum())
        chosen = _chosen(buyers, popularity, groups, rng)
        pairs = np.union1d(pairs, buyers * products + chosen)
    pairs = np.sort(rng.choice(pairs, interactions, replace=False))
    return _held_out(pairs // products, pairs % products, (users, products), rng)


def ndcg(interactions: Interactions, lists: NDArray[np.int32]) -> float:
    """NDCG of (judged, n) lists of products; one product is wanted of each."""
    ranks = np.argmax(lists == interactions.wanted[:, None], axis=1)
    found = (lists == interactions.wanted[:, None]).any(axis=1)
    return float(np.where(found, 1 / np.log2(ranks + 2), 0.0).mean())


def _chosen(
    buyers: NDArray[np.int64], popularity: NDArray[np.float64], groups: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """A product for each buyer: by popularity within a favourite group, sometimes anywhere."""
    favourites = np.random.default_rng(len(popularity)).integers(0, GROUPS, (buyers.max() + 1, FAVOURITES))
    group = favourites[buyers, rng.integers(0, FAVOURITES, len(buyers))]
    ends = np.cumsum(popularity)
    starts = np.searchsorted(groups, np.arange(GROUPS + 1))
    bounds = np.concatenate([[0.0], ends])[starts]
    faithful = rng.random(len(buyers)) < FAITHFUL
    low, high = np.where(faithful, bounds[group], 0.0), np.where(faithful, bounds[group + 1], ends[-1])
    drawn = np.searchsorted(ends, low + rng.random(len(buyers)) * (high - low))
    return np.asarray(np.minimum(drawn, len(popularity) - 1))


def _held_out(
    users: NDArray[np.int64], products: NDArray[np.int64], shape: tuple[int, int], rng: np.random.Generator
) -> Interactions:
    """One pair each of some users with five and more."""
    counts = np.bincount(users, minlength=shape[0])
    busy = np.flatnonzero(counts >= 5)
    judged = np.sort(rng.choice(busy, min(HELD_OUT, len(busy)), replace=False))
    place = (np.cumsum(counts) - counts)[judged] + rng.integers(0, counts[judged])
    left = np.ones(len(users), bool)
    left[place] = False
    ones = np.ones(int(left.sum()), np.float32)
    return Interactions(sp.csr_matrix((ones, (users[left], products[left])), shape=shape), judged, products[place])
