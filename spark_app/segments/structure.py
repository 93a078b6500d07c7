"""Whether users fall into groups at all: their silhouette beside that of tables like theirs in which there are none.

Users without groups have a silhouette too, 0.3 and more on two components, since K-means cuts anything into parts. The
reference has the columns' correlations, and each column's spread and skew, but one peak in each: a Gaussian copula
(the reference of the gap statistic, Tibshirani et al. 2001, with margins nearer to the table's). numpy, no Spark.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from spark_app.arrays import Doubles
from spark_app.segments import comparing, kmeans
from spark_app.segments.comparing import distances

# So many tables without groups: more of small ones, whose silhouettes differ more.
REFERENCES, SMALL_REFERENCES, SMALL = 10, 30, 500
# The silhouette must be above their mean by so many of their standard deviations, and by 0.05 or half of that mean.
DEVIATIONS, ABOVE, HALF = 3.0, 0.05, 0.5
# However little a table without groups has, below the first there are none to speak of, and below the second none that
# stand apart (Kaufman and Rousseeuw 1990, table 4).
LEAST, BLURRED = 0.1, 0.25
# Groups that change with one user in five are none: mean adjusted Rand of resamples.
STABLE = 0.5
# The same for each k that is tried: so many tables, more of small ones, of so many users at the most.
TABLES, SMALL_TABLES, USERS = 4, 16, 1_000
_GRID, _PEAKS = 257, 21


class Margin(NamedTuple):
    """A distribution with one peak, as a line from `values` to the share of users up to there."""

    values: Doubles
    share: Doubles


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


def reference(values: Doubles, points_of: Callable[[Doubles], Doubles], *, k: int, seed: int) -> Reference:
    """Silhouettes at k of tables that are drawn like (users, columns) `values`, but without groups."""
    random = np.random.default_rng(seed)
    drawn = drawing(values)
    times = SMALL_REFERENCES if len(values) < SMALL else REFERENCES
    tables = (points_of(drawn(len(values), random)) for _ in range(times))
    found = [_silhouette(points, distances(points), k, seed) for points in tables]
    mean = float(np.mean(found))
    return Reference(mean, mean + max(min(ABOVE, HALF * mean), DEVIATIONS * float(np.std(found, ddof=1))))


def without_groups(
    values: Doubles, points_of: Callable[[Doubles], Doubles], ks: Sequence[int], seed: int
) -> dict[int, float]:
    """k -> mean silhouette of tables that are drawn like (users, columns) `values`, but without groups."""
    random, some = np.random.default_rng(seed), values[:USERS]
    drawn, times = drawing(some), SMALL_TABLES if len(some) < SMALL else TABLES
    tables = [points_of(drawn(len(some), random)) for _ in range(times)]
    found = [[_silhouette(points, apart, k, seed) for k in ks] for points in tables for apart in [distances(points)]]
    return dict(zip(ks, np.mean(found, axis=0).tolist(), strict=True))


def drawing(values: Doubles) -> Callable[[int, np.random.Generator], Doubles]:
    """What draws tables with the correlations of this one and one peak in each column."""
    margins = [one_peak(column) for column in values.T]
    normal = ndtri(rankdata(values, axis=0) / (len(values) + 1))
    widths, axes = np.linalg.eigh(np.cov(normal, rowvar=False, bias=True).reshape(values.shape[1], -1))
    root = axes * np.sqrt(np.maximum(widths, 0))
    size = np.maximum(np.sqrt((root**2).sum(1)), 1e-12)

    def draw(users: int, random: np.random.Generator) -> Doubles:
        shares = ndtr(random.standard_normal((users, len(size))) @ root.T / size)
        return np.column_stack([np.interp(shares[:, at], one.share, one.values) for at, one in enumerate(margins)])

    return draw


def one_peak(column: Doubles) -> Margin:
    """The distribution with one peak that is nearest to a column, by the largest gap between their shares.

    Its density rises to the peak and falls from there (Grenander 1956), for each of some places of the peak.
    """
    grid = np.quantile(column, np.linspace(0, 1, min(len(column), _GRID)))
    values, counts = np.unique(grid, return_counts=True)
    if len(values) < 3:
        return Margin(values, np.linspace(0, 1, len(values)))
    widths, mass = np.diff(values), (counts[:-1] + counts[1:]) / 2
    mass = mass / mass.sum()
    places = np.unique(np.linspace(0, len(widths), _PEAKS).astype(int))
    shares = [_peaked(mass / widths, widths, place) for place in places]
    observed = np.concatenate([[0.0], mass.cumsum()])
    return Margin(values, min(shares, key=lambda share: float(np.abs(share - observed).max())))


def _peaked(density: Doubles, widths: Doubles, peak: int) -> Doubles:
    """Shares up to each value when the density rises before the peak and falls behind it."""
    sides = [(slice(None, peak), True), (slice(peak, None), False)]
    levels = [
        isotonic_regression(density[side], weights=widths[side], increasing=rises).x
        for side, rises in sides
        if len(density[side])
    ]
    shares = np.concatenate([[0.0], (np.concatenate(levels) * widths).cumsum()])
    return np.asarray(shares / shares[-1])


def _silhouette(points: Doubles, apart: Doubles, k: int, seed: int) -> float:
    if len(np.unique(points, axis=0)) < k:
        return 0.0
    return comparing.silhouette(apart, kmeans.tried(points, k, seed)[1]) or 0.0
