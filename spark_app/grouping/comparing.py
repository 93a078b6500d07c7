"""How good a grouping is, and how far two agree: silhouettes, the adjusted Rand index, stability over resamples.

Labels are whole numbers from 0. numpy, no Spark.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from spark_app.grouping.nearest import Doubles, Labels

# A resample has this share of the users.
RESAMPLED = 0.8


def distances(points: Doubles) -> Doubles:
    """Euclidean, (users, users)."""
    return np.asarray(cdist(points, points))


def silhouette(apart: Doubles, labels: Labels) -> float | None:
    """The mean silhouette; None where there are not two groups."""
    found = silhouettes(apart, labels)
    return float(found.mean()) if len(found) else None


def silhouettes(apart: Doubles, labels: Labels) -> Doubles:
    """The silhouette of each user from the distances of all to all; none where there are not two groups.

    Rousseeuw 1987: (b - a) / max(a, b), with a the mean distance to the user's own group and b that to the nearest
    other one; 0 for a user who is alone in a group.
    """
    _, labels = np.unique(labels, return_inverse=True)
    users, groups = np.arange(len(labels)), int(labels.max(initial=-1)) + 1
    if groups < 2:
        return np.empty(0)
    members = np.eye(groups)[labels]
    sizes, sums = members.sum(0), apart @ members
    own = sums[users, labels] / np.maximum(sizes[labels] - 1, 1)
    means = sums / sizes
    means[users, labels] = np.inf
    other = means.min(1)
    widths = (other - own) / np.maximum(np.maximum(own, other), 1e-300)
    return np.where(sizes[labels] == 1, 0.0, widths)


def adjusted_rand(table: NDArray[np.int64]) -> float:
    """From how many users are in group i of one method and group j of the other (Hubert and Arabie 1985, eq. 5).

    1 when both say the same, about 0 when they have no more in common than chance.
    """
    users = np.asarray(table, np.float64)
    both, one, other, every = (_pairs(counts) for counts in (users, users.sum(1), users.sum(0), users.sum()))
    expected, most = (one * other / every if every else 0.0), (one + other) / 2
    return float((both - expected) / (most - expected)) if most > expected else 1.0


def contingency(one: Labels, other: Labels) -> NDArray[np.int64]:
    """How many users are in group i of one and in group j of the other."""
    table = np.zeros((int(one.max(initial=-1)) + 1, int(other.max(initial=-1)) + 1), np.int64)
    np.add.at(table, (one, other), 1)
    return table


def stability(grouped: Callable[[Doubles], Labels], points: Doubles, labels: Labels, *, times: int, seed: int) -> float:
    """Mean adjusted Rand of the labels with those of resamples that are grouped anew, each 80 % of the users."""
    random = np.random.default_rng(seed)
    count = max(int(RESAMPLED * len(points)), 1)
    found = []
    for _ in range(times):
        some = random.choice(len(points), count, replace=False)
        found.append(adjusted_rand(contingency(labels[some], grouped(points[some]))))
    return float(np.mean(found))


def _pairs(counts: Doubles) -> float:
    return float((counts * (counts - 1) / 2).sum())
