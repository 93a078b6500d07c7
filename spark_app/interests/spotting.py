"""Points -> groups of one number, and how many there are: K-means from several starts, silhouettes and stability.

The starts of k-means++ miss small groups among large ones; a tree of the points (Ward 1963) does not, and it starts
every number of groups at once.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from scipy.cluster.hierarchy import linkage
from sklearn.cluster import KMeans

from spark_app.grouping import comparing
from spark_app.grouping.nearest import Doubles, Labels

# Points on which silhouettes and stability are looked at, and those of them that a tree is made of.
LOOKED_AT, IN_TREE = 2_000, 1_000
# Starts beside the tree's.
STARTS, RESAMPLES = 3, 5
# Silhouettes so near the highest are as good, and of these the most stable is taken; that of so many is looked at.
AS_GOOD, LOOKED_INTO, AS_STABLE = 0.01, 3, 0.02
# Fewer users in a group, on average, say nothing of how many groups there are.
FEWEST_IN_GROUP = 5


class Tried(NamedTuple):
    """One number of groups; stability is None where the silhouette alone told that it is not the best."""

    k: int
    inertia: float
    silhouette: float
    stability: float | None

    def said(self) -> dict[str, Any]:
        """As it is kept in a file."""
        return self._asdict()


class Choice(NamedTuple):
    """What was tried, the number that is taken, and why, in words."""

    tried: list[Tried]
    k: int
    why: str

    @property
    def taken(self) -> Tried | None:
        """What was found of the number that is taken; None for one group."""
        return next((one for one in self.tried if one.k == self.k), None)


class Tree:
    """Ward's tree of some points, cut into any number of groups."""

    def __init__(self, points: Doubles) -> None:
        """At the most IN_TREE points, the first ones."""
        self.points = points[:IN_TREE]
        self._merged = linkage(self.points, "ward") if len(self.points) > 1 else np.empty((0, 4))

    def centres(self, k: int) -> Doubles:
        """The means of k groups."""
        labels = self._cut(k)
        sums = np.zeros((k, self.points.shape[1]))
        np.add.at(sums, labels, self.points)
        return sums / np.bincount(labels, minlength=k)[:, None]

    def _cut(self, k: int) -> Labels:
        count = len(self.points)
        root = np.arange(2 * count - 1)
        for step, (one, other) in enumerate(self._merged[: count - k, :2].astype(np.int64)):
            root[[one, other]] = count + step
        for at in range(len(root) - 1, -1, -1):
            root[at] = root[root[at]]
        return np.unique(root[:count], return_inverse=True)[1].astype(np.int64)


def grouped(points: Doubles, k: int, seed: int, tree: Tree | None = None) -> tuple[Doubles, Labels, float]:
    """Centres, labels and inertia of the best of K-means from the tree and from some starts by k-means++."""
    found = [KMeans(k, n_init=STARTS, random_state=seed % 2**32).fit(points)]
    if tree is not None and len(tree.points) >= k:
        found.append(KMeans(k, init=tree.centres(k), n_init=1, random_state=seed % 2**32).fit(points))
    best = min(found, key=lambda one: one.inertia_)
    return best.cluster_centers_, best.labels_.astype(np.int64), float(best.inertia_)


def choose(points: Doubles, *, k: int | None, most: int, seed: int) -> Choice:
    """The number of groups: k, or that of 2 to `most` with the highest silhouette, the most stable of equals."""
    some = points[:LOOKED_AT]
    largest = min(len(np.unique(some.round(9), axis=0)), len(points) - 1)
    if k == 1 or largest < 2:
        return Choice([], 1, "one group was asked for" if k == 1 else "too few users who differ")
    if k is not None:
        taken = min(k, largest)
        why = f"{k} were asked for" + ("" if taken == k else f"; {taken} is as many as there can be")
        return Choice(_looked_into(some, _tried(some, [taken], seed), 1, seed), taken, why)
    usual = max(2, min(most, largest, len(points) // FEWEST_IN_GROUP))
    found = _looked_into(some, _tried(some, range(2, usual + 1), seed), LOOKED_INTO, seed)
    return _best(found)


def _tried(points: Doubles, ks: Iterable[int], seed: int) -> list[Tried]:
    tree, apart = Tree(points), comparing.distances(points)
    found = []
    for k in ks:
        _, labels, inertia = grouped(points, k, seed, tree)
        found.append(Tried(k, inertia, comparing.silhouette(apart, labels) or 0.0, None))
    return found


def _looked_into(points: Doubles, found: list[Tried], count: int, seed: int) -> list[Tried]:
    """How stable those are that have the highest silhouettes."""
    highest = sorted(found, key=lambda one: (-one.silhouette, one.k))[:count]
    ks = {one.k for one in highest}
    return [one._replace(stability=_stability(points, one.k, seed)) if one.k in ks else one for one in found]


def _stability(points: Doubles, k: int, seed: int) -> float:
    again: Callable[[Doubles], Labels] = lambda some: grouped(some, min(k, len(some)), seed, Tree(some))[1]  # noqa: E731
    return comparing.stability(again, points, again(points), times=RESAMPLES, seed=seed)


def _best(found: list[Tried]) -> Choice:
    highest = max(found, key=lambda one: (one.silhouette, -one.k))
    as_good = [one for one in found if one.stability is not None and highest.silhouette - one.silhouette <= AS_GOOD]
    stable = max(one.stability or 0.0 for one in as_good) - AS_STABLE
    taken = max((one for one in as_good if (one.stability or 0.0) >= stable), key=lambda one: (one.silhouette, -one.k))
    why = f"silhouette {highest.silhouette:.2f} is highest at {highest.k}"
    if taken is not highest:
        why += f", and {taken.silhouette:.2f} at {taken.k}, which is more stable"
    return Choice(found, taken.k, why)
