"""Points of a sample -> K-means tried for each k, and the k that is taken: by silhouette and elbow. numpy, no Spark."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from spark_app.grouping import comparing, trying
from spark_app.grouping.nearest import Labels
from spark_app.numbers.arrays import Doubles

# Users on whom K-means is tried, and of these the first on whom silhouettes and stability are looked at.
TRIED_ON, LOOKED_AT = 5_000, 2_000
RESAMPLES = 5
# What is so near the best is as good.
AS_GOOD = 0.01
FEWEST_USERS, FEWEST_IN_GROUP = 4, 5
# From here on there are groups to be seen (Kaufman and Rousseeuw 1990, table 4).
CLEAR = 0.5


class Tried(NamedTuple):
    """K-means with one k: sum of squared distances, mean silhouette, and how stable its groups are.

    `error` is the standard error of the silhouette, `without` the silhouette of a table like this one without groups.
    """

    k: int
    inertia: float
    silhouette: float
    error: float
    without: float
    stability: float
    centres: Doubles
    labels: Labels

    def said(self) -> dict[str, Any]:
        """As it is kept in a file."""
        return {name: getattr(self, name) for name in ("k", "inertia", "silhouette", "without", "stability")}

    @property
    def gain(self) -> float:
        """How far the silhouette is above what it would be without groups."""
        return self.silhouette - self.without


# Gives the silhouette of tables without groups for each k.
Without = Callable[[Sequence[int]], Mapping[int, float]]


class Choice(NamedTuple):
    """What was tried, the one that is taken, and why, in words."""

    tried: list[Tried]
    taken: Tried | None
    why: str


def choose(points: Doubles, without: Without, *, k: int | None, most: int, seed: int) -> Choice:
    """Try 2 to `most` groups, and take k, or the best; none of fewer than 4 users, nor of users who are all alike."""
    points = points[:TRIED_ON]
    differ = len(np.unique(points, axis=0))
    if len(points) < FEWEST_USERS or differ < 2 or k == 1:
        return Choice([], None, "one group was asked for" if k == 1 else "too few users who differ")
    largest = min(max(most, k or 2), differ, len(points) - 1)
    # Fewer users in a group, on average, say nothing of k.
    usual = max(2, min(most, largest, len(points) // FEWEST_IN_GROUP))
    ks = sorted({*range(2, usual + 1), *([min(k, largest)] if k else [])})
    found = _tried(points, without(ks), seed)
    return _asked(found, k, largest) if k else _best(found)


def elbow(ks: Sequence[int], inertias: Sequence[float]) -> int:
    """The k whose inertia lies furthest below the line from the first to the last (Kneedle, Satopaa et al. 2011)."""
    x, y = np.asarray(ks, float), np.asarray(inertias, float)
    if len(x) < 3 or y[0] <= y[-1]:
        return int(ks[0])
    x, y = (x - x[0]) / (x[-1] - x[0]), (y - y[-1]) / (y[0] - y[-1])
    return int(ks[int((1 - x - y).argmax())])


def _tried(points: Doubles, without: Mapping[int, float], seed: int) -> list[Tried]:
    looked_at = points[:LOOKED_AT]
    apart = comparing.distances(looked_at)
    return [_one(points, looked_at, apart, k, least, seed) for k, least in without.items()]


def _one(points: Doubles, looked_at: Doubles, apart: Doubles, k: int, without: float, seed: int) -> Tried:
    centres, labels, inertia = trying.tried(points, k, seed)
    some = labels[: len(looked_at)]
    stable = comparing.stability(
        lambda resample: trying.tried(resample, min(k, len(np.unique(resample, axis=0))), seed)[1], looked_at, some,
        times=RESAMPLES, seed=seed,
    )  # fmt: skip
    widths = comparing.silhouettes(apart, some)
    error = float(widths.std() / len(widths) ** 0.5) if len(widths) else 0.0
    return Tried(k, inertia, float(widths.mean()) if len(widths) else 0.0, error, without, stable, centres, labels)


def _asked(found: list[Tried], k: int, largest: int) -> Choice:
    taken = next(one for one in found if one.k == min(k, largest))
    why = f"{k} were asked for" if taken.k == k else f"{k} were asked for; {taken.k} is as many as there can be"
    return Choice(found, taken, why)


def _best(found: list[Tried]) -> Choice:
    """The number of groups by their silhouette, or by what that gains over a table without groups."""
    highest = max(found, key=lambda one: (one.silhouette, -one.k))
    taken, why = _clear(found, highest) if highest.silhouette >= CLEAR else _by_degrees(found)
    bent = elbow([one.k for one in found], [one.inertia for one in found])
    return Choice(found, taken, why + (", and there is the elbow" if taken.k == bent else f"; the elbow is at {bent}"))


def _clear(found: list[Tried], highest: Tried) -> tuple[Tried, str]:
    """The elbow if its silhouette is within a standard error of the highest, or else the fewest that are as good.

    The rule of one standard error is that of Breiman et al. 1984: of few users, some odd ones make a mean higher.
    """
    as_good = [one for one in found if highest.silhouette - one.silhouette <= AS_GOOD]
    bent = next(one for one in found if one.k == elbow([one.k for one in found], [one.inertia for one in found]))
    taken = bent if highest.silhouette - bent.silhouette <= max(AS_GOOD, highest.error) else as_good[0]
    why = f"silhouette {highest.silhouette:.2f} is highest at {highest.k}"
    return taken, why if taken is highest else f"{why}, and {taken.silhouette:.2f} at {taken.k}"


def _by_degrees(found: list[Tried]) -> tuple[Tried, str]:
    """Of those that gain as much as the best, the most groups: fewer hide what more tell.

    Where users differ by degrees the silhouette alone falls with k, whatever is there.
    """
    best = max(found, key=lambda one: one.gain)
    as_good = [one for one in found if best.gain - one.gain <= AS_GOOD]
    taken = as_good[-1]
    where = f"{abs(taken.gain):.2f} {'above' if taken.gain >= 0 else 'below'} that of no groups"
    others = " and ".join(str(one.k) for one in as_good[:-1])
    why = f"silhouette {taken.silhouette:.2f} at {taken.k} is {where}, the best of those tried"
    return taken, f"{why}, and as good at {others}" if others else why
