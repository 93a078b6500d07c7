"""How near a point is to each group -> how sure its group is, and whether it is near enough to be in one at all.

How sure: a softmax over the similarities, sharper the more words are known and the more they tell. How sharp is learnt
from texts cut in two: one part is placed, and the group of the rest is what it should say.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

from spark_app.grouping.nearest import Doubles, Labels
from spark_app.interests.encoders import Encoded

# Of the members' nearness: this share of the median is near enough, and so is all but so few of the members.
SHARE, FEW = 0.25, 0.03
# A half may be wrong about its text, but not more often than this.
MOST_WRONG = 0.5


class Sharpness(NamedTuple):
    """log(sharpness) = at + words * log(known) + telling * log(telling)."""

    at: float
    words: float
    telling: float

    def of(self, encoded: Encoded) -> Doubles:
        """(n,), what similarities are multiplied by."""
        known, telling = np.log(np.maximum(encoded.known, 1)), np.log(np.maximum(encoded.telling, 1e-9))
        return np.exp(np.clip(self.at + self.words * known + self.telling * telling, -20, 20))


# Where there are too few texts to learn from.
UNKNOWN = Sharpness(1.0, 0.0, 0.0)


def similar(points: Doubles, centres: Doubles) -> Doubles:
    """(n, k), cosines."""
    return points @ centres.T


def sure(encoded: Encoded, centres: Doubles, sharpness: Sharpness) -> Doubles:
    """(n, k), rows sum to 1."""
    return np.asarray(softmax(similar(encoded.points, centres) * sharpness.of(encoded)[:, None], axis=1))


def nearness(encoded: Encoded, centres: Doubles) -> Doubles:
    """(n, k), how much a word of the text tells for each group on average, beyond what it tells for all of them."""
    cosines = similar(encoded.points, centres)
    return (cosines - cosines.mean(1, keepdims=True)) * encoded.telling[:, None]


def enough(encoded: Encoded, centres: Doubles, labels: Labels) -> Doubles:
    """(k,), the nearness from which on a text is in a group."""
    near = nearness(encoded, centres)[np.arange(len(labels)), labels]
    if len(centres) == 1:
        return np.full(1, -np.inf)
    members = [near[labels == group] for group in range(len(centres))]
    return np.array([_enough(some) if len(some) else np.inf for some in members])


def learnt(halves: Encoded, others: Labels, centres: Doubles) -> Sharpness:
    """From encoded halves and the groups of the other halves.

    Most likely under: the other half says the group of the softmax, or with a probability of its own any group. That
    probability is learnt too and left out of what is said, since it is that of the other half to be wrong.
    """
    cosines, at = similar(halves.points, centres), np.arange(len(others))
    if len(others) < 2:
        return UNKNOWN

    def unlikely(values: NDArray[np.float64]) -> float:
        sharp = Sharpness(*values[:3]).of(halves)[:, None]
        said = np.exp(log_softmax(cosines * sharp, axis=1)[at, others])
        wrong = MOST_WRONG * float(expit(values[3]))
        # Words and what they tell make it sharper, unless the texts say otherwise.
        return float(-np.log((1 - wrong) * said + wrong / len(centres)).sum() + (values[1:3] ** 2).sum())

    until = {"maxiter": 200, "xatol": 1e-2, "fatol": 1e-1}
    found = minimize(unlikely, [2.0, 0.0, 0.0, -2.0], method="Nelder-Mead", options=until)
    return Sharpness(*(float(value) for value in found.x[:3]))


def _enough(near: Doubles) -> float:
    return float(min(SHARE * np.median(near), np.quantile(near, FEW)))
