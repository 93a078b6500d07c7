"""Silhouettes -> whether there are groups at all, in words: beside those of tables like theirs in which there are none.

What has no groups has a silhouette too, 0.3 and more on two components, since K-means cuts anything into parts.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from spark_app.grouping import comparing, trying
from spark_app.grouping.comparing import distances
from spark_app.numbers.arrays import Doubles

# So many tables without groups: more of small ones, whose silhouettes differ more.
REFERENCES, SMALL_REFERENCES, SMALL = 10, 30, 500
# The same for each k that is tried: so many tables, more of small ones, of so many users at the most.
TABLES, SMALL_TABLES, USERS = 4, 16, 1_000
# The silhouette must be above their mean by so many of their standard deviations, and by 0.05 or half of that mean.
DEVIATIONS, ABOVE, HALF = 3.0, 0.05, 0.5
# However little a table without groups has, below the first there are none to speak of, and below the second none that
# stand apart (Kaufman and Rousseeuw 1990, table 4).
LEAST, BLURRED = 0.1, 0.25
# Groups that change with one user in five are none: mean adjusted Rand of resamples.
STABLE = 0.5


class Reference(NamedTuple):
    """Silhouettes of tables without groups: their mean and how far it must be passed."""

    mean: float
    needed: float


def said(silhouette: float, stability: float, reference: Reference, k: int) -> dict[str, Any]:
    """Whether there are groups, and that in words."""
    figure, without = f"silhouette {silhouette:.2f}", f"a table like theirs without groups has {reference.mean:.2f}"
    if silhouette < max(reference.needed, LEAST):
        return {"found": False, "words": f"{figure}: these users do not fall into groups; {without}"}
    if stability < STABLE:
        words = f"{figure}, but stability {stability:.2f}: these users do not fall into groups that last"
        return {"found": False, "words": words}
    blurred = ", which run into each other" if silhouette < BLURRED else ""
    return {"found": True, "words": f"{figure}: the users fall into {k} groups{blurred}; {without}"}


def references(users: int) -> int:
    """How many tables without groups tell what these users must pass."""
    return SMALL_REFERENCES if users < SMALL else REFERENCES


def for_each_k(users: int) -> int:
    """How many are looked at for each k, of USERS users at the most."""
    return SMALL_TABLES if users < SMALL else TABLES


def reference(tables: Iterable[Doubles], k: int, seed: int) -> Reference:
    """Of the points of some tables without groups."""
    return passed([_silhouette(points, distances(points), k, seed) for points in tables])


def passed(silhouettes: Sequence[float]) -> Reference:
    """What must be passed, from the silhouettes of some tables without groups."""
    mean, spread = float(np.mean(silhouettes)), float(np.std(silhouettes, ddof=1))
    return Reference(mean, mean + max(min(ABOVE, HALF * mean), DEVIATIONS * spread))


def means(tables: Iterable[Doubles], ks: Sequence[int], seed: int) -> dict[int, float]:
    """k -> mean silhouette of the points of some tables without groups."""
    found = [[_silhouette(points, apart, k, seed) for k in ks] for points in tables for apart in [distances(points)]]
    return dict(zip(ks, np.mean(found, axis=0).tolist(), strict=True))


def _silhouette(points: Doubles, apart: Doubles, k: int, seed: int) -> float:
    if len(np.unique(points, axis=0)) < k:
        return 0.0
    return comparing.silhouette(apart, trying.tried(points, k, seed)[1]) or 0.0
