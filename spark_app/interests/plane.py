"""Groups -> places on a map, and where a text lies between them.

Two components of many groups lie on one another. So each group has a place of its own, near those that are like it
(SMACOF, de Leeuw 1977), and a text lies between the groups in the measure of its likeness to them; what sets it apart
from the members of its group moves it a little.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from spark_app.grouping.nearest import Doubles
from spark_app.interests.encoders import Encoded

# A member weighs its own group so much, at the median; how far members lie around it, beside the next group.
OWN, AROUND = 0.85, 0.3


class Plane(NamedTuple):
    """Places of groups (k, 2), what moves a text (d, 2), and how sharply it is drawn to the next group."""

    places: Doubles
    axes: Doubles
    sharpness: float

    def of(self, encoded: Encoded, centres: Doubles) -> Doubles:
        """(n, 2)."""
        weights = softmax(self.sharpness * (encoded.points @ centres.T), axis=1)
        return np.asarray(weights @ self.places + (encoded.points - weights @ centres) @ self.axes)


def drawn(points: Doubles, centres: Doubles, seed: int) -> Plane:
    """Of members and the centres of their groups, both of length 1."""
    places = _places(centres, seed)
    sharpness = _sharpness(points @ centres.T)
    rest = points - softmax(sharpness * (points @ centres.T), axis=1) @ centres
    return Plane(places, _axes(rest), sharpness)


def _places(centres: Doubles, seed: int) -> Doubles:
    """The mean is at 0, and the next two groups are 1 apart on average."""
    if len(centres) < 3:
        return np.array([[float(at) - (len(centres) - 1) / 2, 0.0] for at in range(len(centres))])
    from sklearn.manifold import smacof
    from sklearn.metrics import pairwise_distances

    found, _ = smacof(pairwise_distances(centres), n_components=2, n_init=2, random_state=seed % 2**32, metric=True)
    apart = pairwise_distances(found) + np.diag(np.full(len(found), np.inf))
    return np.asarray((found - found.mean(0)) / max(float(apart.min(1).mean()), 1e-9))


def _sharpness(cosines: Doubles) -> float:
    """By halving: with this, the group that is next has OWN of the weight, at the median."""
    low, high = 0.0, 200.0
    for _ in range(40):
        middle = (low + high) / 2
        own = float(np.median(softmax(middle * cosines, axis=1).max(1)))
        low, high = (middle, high) if own < OWN else (low, middle)
    return high


def _axes(rest: Doubles) -> Doubles:
    """The two directions in which members differ most from their groups, AROUND long."""
    axes = np.zeros((rest.shape[1], 2))
    rows = np.linalg.svd(rest[:2_000] - rest[:2_000].mean(0), full_matrices=False)[2][:2]
    axes[:, : len(rows)] = (rows * np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(1)])[:, None]).T
    spread = float(np.std(rest @ axes)) if len(rest) else 0.0
    return axes * (AROUND / 2 / spread if spread > 1e-9 else 0.0)
