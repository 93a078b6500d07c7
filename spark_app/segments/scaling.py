"""Values of users in their own units -> points whose distances mean something: standardised, on principal components.

What is fitted is small and travels to the executors; it is fitted on a sample, since the mean of 20,000 users is as
good a middle as that of a million. numpy, no Spark.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from spark_app.grouping.nearest import Doubles
from spark_app.segmentation import Column
from spark_app.segments import matrices

# Components are kept up to this share of the variance, and two where there are two.
KEPT_VARIANCE = 0.9
FEWEST = 2
# A value further out than so many standard deviations counts as just so far: else one user is a group.
FURTHEST = 5.0
# A component with less of the variance is none but for rounding.
_ROUNDING = 1e-9


class Scale(NamedTuple):
    """How values become points. `logs` says which columns are compared by logarithm, `kept` which vary at all.

    `axes` is (kept columns, components); `variance` the share of the variance that each component has.
    """

    logs: np.ndarray
    kept: np.ndarray
    mean: Doubles
    deviation: Doubles
    weights: Doubles
    axes: Doubles
    variance: Doubles

    @property
    def components(self) -> int:
        """How many there are; 0 where all users are alike."""
        return len(self.variance)

    def points(self, values: Doubles) -> Doubles:
        """(users, components) from (users, columns); one component of zeros where all users are alike."""
        if not self.components:
            return np.zeros((len(values), 1))
        return self._standard(matrices.on_scale(values, self.logs)[:, self.kept]) @ self.axes

    def _standard(self, levelled: Doubles) -> Doubles:
        return np.clip((levelled - self.mean) / self.deviation, -FURTHEST, FURTHEST) * self.weights


def fitted(values: Doubles, columns: Sequence[Column]) -> Scale:
    """The scale of (users, columns) values; the sign of a component is such that its largest weight is positive."""
    logs = matrices.by_log(columns)
    levelled = matrices.on_scale(values, logs)
    varies = matrices.varies(levelled.min(0), levelled.max(0)) if len(levelled) else np.zeros(len(columns), bool)
    kept = np.flatnonzero(varies)
    some, weights = levelled[:, kept], np.array([column.weight for column in columns])[kept]
    if not len(kept):
        return Scale(logs, kept, np.empty(0), np.empty(0), weights, np.empty((0, 0)), np.empty(0))
    bare = Scale(logs, kept, some.mean(0), some.std(0), weights, np.empty((len(kept), 0)), np.empty(0))
    axes, variance = _components(np.cov(bare._standard(some), rowvar=False, bias=True).reshape(len(kept), len(kept)))
    return bare._replace(axes=axes, variance=variance)


def _components(covariance: Doubles) -> tuple[Doubles, Doubles]:
    """Axes as columns, the widest first, and the share of the variance of each."""
    widths, axes = np.linalg.eigh(covariance)
    share = np.maximum(widths[::-1], 0) / max(widths.sum(), 1e-300)
    enough = int(np.searchsorted(share.cumsum(), KEPT_VARIANCE)) + 1
    count = min(max(enough, FEWEST), int((share > _ROUNDING).sum()))
    axes = axes[:, ::-1][:, :count]
    largest = axes[np.abs(axes).argmax(0), np.arange(count)]
    return axes * np.where(largest < 0, -1.0, 1.0), share[:count]
