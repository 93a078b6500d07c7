"""Tables like one of users, in which there are no groups, and the silhouettes that they have.

They have the columns' correlations, and each column's spread and skew, but one peak in each: a Gaussian copula (the
reference of the gap statistic, Tibshirani et al. 2001, with margins nearer to the table's). numpy, no Spark.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from spark_app.grouping import structure
from spark_app.grouping.structure import Reference
from spark_app.numbers.arrays import Doubles

_GRID, _PEAKS = 257, 21


class Margin(NamedTuple):
    """A distribution with one peak, as a line from `values` to the share of users up to there."""

    values: Doubles
    share: Doubles


def reference(values: Doubles, points_of: Callable[[Doubles], Doubles], *, k: int, seed: int) -> Reference:
    """Silhouettes at k of tables that are drawn like (users, columns) `values`, but without groups."""
    random = np.random.default_rng(seed)
    drawn = drawing(values)
    tables = (points_of(drawn(len(values), random)) for _ in range(structure.references(len(values))))
    return structure.reference(tables, k, seed)


def without_groups(
    values: Doubles, points_of: Callable[[Doubles], Doubles], ks: Sequence[int], seed: int
) -> dict[int, float]:
    """k -> mean silhouette of tables that are drawn like (users, columns) `values`, but without groups."""
    random, some = np.random.default_rng(seed), values[: structure.USERS]
    drawn = drawing(some)
    tables = [points_of(drawn(len(some), random)) for _ in range(structure.for_each_k(len(some)))]
    return structure.means(tables, ks, seed)


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
