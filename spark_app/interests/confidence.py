"""How near a point is to each group -> how sure its group is, and whether it is near enough to be in one at all.

How sure: a softmax over the similarities, sharper the more words are known and the more they tell. How sharp is learnt
from texts cut in two, which are about the same, whatever that is (sharpening).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from spark_app.grouping.nearest import Doubles, Labels
from spark_app.interests.encoder import Encoded

# Of the members' nearness: this share of the median is near enough, and so is all but so few of the members.
SHARE, FEW = 0.25, 0.03


class Sharpness(NamedTuple):
    """log(sharpness) = at + words * log(known) + telling * log(telling)."""

    at: float
    words: float
    telling: float

    def of(self, encoded: Encoded) -> Doubles:
        """(n,), what similarities are multiplied by."""
        return sharp(about(encoded), np.array(self))


# Where there are too few texts to learn from.
UNKNOWN = Sharpness(1.0, 0.0, 0.0)


def about(encoded: Encoded) -> Doubles:
    """(n, 3), what sharpness is of: 1, log(known) and log(telling)."""
    known, telling = np.log(np.maximum(encoded.known, 1)), np.log(np.maximum(encoded.telling, 1e-9))
    return np.column_stack([np.ones(len(known)), known, telling])


def sharp(about: Doubles, values: NDArray[np.float64]) -> Doubles:
    """(n,), from the three of Sharpness."""
    return np.asarray(np.exp(np.clip(about @ values, -20, 20)))


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


def _enough(near: Doubles) -> float:
    return float(min(SHARE * np.median(near), np.quantile(near, FEW)))
