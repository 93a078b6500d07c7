"""Points of length 1 -> groups of one number, and how many there are: spherical K-means, silhouettes and stability.

The starts of k-means++ miss small groups among large ones; a tree of the points (Ward 1963) does not, and it starts
every number of groups at once.
"""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy.cluster.hierarchy import linkage

from spark_app.grouping import comparing
from spark_app.grouping.nearest import Doubles, Labels
from spark_app.interests.encoder import unit

# Points on which silhouettes are looked at, those of them that a tree is made of, and those that stability is tried on.
LOOKED_AT, IN_TREE, TRIED_ON = 2_000, 500, 500
RESAMPLES, ROUNDS = 5, 20
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


class Sight:
    """The first of some points, how far they are from one another, and their tree; made when it is asked for."""

    def __init__(self, points: Doubles) -> None:
        """At the most LOOKED_AT points are looked at."""
        self.points = points[:LOOKED_AT]

    @cached_property
    def apart(self) -> Doubles:
        """(n, n), Euclidean, of points of length 1."""
        apart = np.sqrt(np.maximum(2 - 2 * self.points @ self.points.T, 0.0))
        np.fill_diagonal(apart, 0.0)
        return apart

    @cached_property
    def tree(self) -> "Tree":
        """Of at the most IN_TREE of them."""
        return Tree(self.points[:IN_TREE])

    def silhouette(self, labels: Labels) -> float:
        """The mean, 0 where there are not two groups."""
        return comparing.silhouette(self.apart, labels[: len(self.points)]) or 0.0


class Tree:
    """Ward's tree of points, cut into any number of groups."""

    def __init__(self, points: Doubles) -> None:
        """Of all these points: what it takes grows with their number squared."""
        self.points = points
        self._merged = linkage(self.points, "ward") if len(self.points) > 1 else np.empty((0, 4))

    def centres(self, k: int) -> Doubles:
        """Of k groups, of length 1."""
        k = min(k, len(self.points))
        return unit(sums(self.points, self._cut(k), k))

    def _cut(self, k: int) -> Labels:
        count = len(self.points)
        root = np.arange(2 * count - 1)
        merged = self._merged[: count - k, :2].astype(np.int64)
        root[merged] = (count + np.arange(len(merged)))[:, None]
        for _ in range(count.bit_length() + 1):
            root = root[root]
        return np.unique(root[:count], return_inverse=True)[1].astype(np.int64)


def settled(points: Doubles, centres: Doubles) -> tuple[Doubles, Labels]:
    """Centres of length 1 and the place of each point's most similar one, from centres to begin with.

    Spherical K-means (Dhillon and Modha 2001); a centre that no point is near stays where it was.
    """
    labels = (points @ centres.T).argmax(1)
    for _ in range(ROUNDS):
        found = sums(points, labels, len(centres))
        centres = unit(np.where(np.bincount(labels, minlength=len(centres))[:, None] > 0, found, centres))
        before, labels = labels, (points @ centres.T).argmax(1)
        if (before == labels).all():
            break
    return centres, labels


def sums(points: Doubles, labels: Labels, k: int) -> Doubles:
    """(k, d), the sum of the points of each group."""
    return np.asarray(np.eye(k)[labels].T @ points)


def choose(sight: Sight, users: int, *, k: int | None, most: int, seed: int) -> Choice:
    """The number of groups: k, or that of 2 to `most` with the highest silhouette, the most stable of equals."""
    largest = min(len(np.unique(sight.points.round(9), axis=0)), users - 1)
    if k == 1 or largest < 2:
        return Choice([], 1, "one group was asked for" if k == 1 else "too few users who differ")
    if k is not None:
        taken = min(k, largest)
        why = f"{k} were asked for" + ("" if taken == k else f"; {taken} is as many as there can be")
        return Choice(_looked_into(sight, _tried(sight, [taken]), 1, seed), taken, why)
    usual = max(2, min(most, largest, users // FEWEST_IN_GROUP))
    return _best(_looked_into(sight, _tried(sight, range(2, usual + 1)), LOOKED_INTO, seed))


def _tried(sight: Sight, ks: Iterable[int]) -> list[Tried]:
    found = []
    for k in ks:
        centres, labels = settled(sight.points, sight.tree.centres(k))
        inertia = 2 * (len(labels) - float((sight.points * centres[labels]).sum()))
        found.append(Tried(k, inertia, sight.silhouette(labels), None))
    return found


def _looked_into(sight: Sight, found: list[Tried], count: int, seed: int) -> list[Tried]:
    """How stable those are that have the highest silhouettes."""
    highest = sorted(found, key=lambda one: (-one.silhouette, one.k))[:count]
    ks = {one.k for one in highest}
    points = sight.points[:TRIED_ON]
    return [one._replace(stability=_stability(points, one.k, seed)) if one.k in ks else one for one in found]


def _stability(points: Doubles, k: int, seed: int) -> float:
    again: Callable[[Doubles], Labels] = lambda some: settled(some, Tree(some).centres(k))[1]  # noqa: E731
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
