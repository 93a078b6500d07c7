"""Groups -> discs on a map, and where a text lies among them.

Two components of many groups lie on one another. So each group has a disc of its own, as large as it has users, near
those that are like it, and its members fill it: what makes them differ most from one another goes along its two axes.
A text lies in the disc of its group, and between those of two in the measure of how sure each is.
"""

from typing import NamedTuple

import numpy as np

from spark_app.grouping.nearest import Doubles, Labels

# The radius of the largest group, beside 1 from a group to the next on average; and the least of it that a group has.
RADIUS, LEAST = 0.42, 0.35
# Between two discs, and the rounds of placing and of pushing apart.
BETWEEN, ROUNDS, PUSHES = 0.08, 150, 200
# Members that the axes of a group are taken from.
MEMBERS = 500
_GOLDEN = np.pi * (3 - 5**0.5)


class Plane(NamedTuple):
    """Middles of groups (k, 2), their radii (k,), and what moves a text along the axes of each (k, d, 2)."""

    places: Doubles
    radii: Doubles
    axes: Doubles

    def of(self, points: Doubles, sure: Doubles) -> Doubles:
        """(n, 2), of points with how sure each group is (n, k)."""
        groups, dimensions, _ = self.axes.shape
        beside = (points @ self.axes.transpose(1, 0, 2).reshape(dimensions, -1)).reshape(-1, groups, 2)
        far = np.linalg.norm(beside, axis=2)
        # Of two normal components this is uniform within the disc.
        within = np.sqrt(-np.expm1(-(far**2) / 2)) / np.maximum(far, 1e-9)
        moved = beside * (within * sure * self.radii)[:, :, None]
        return np.asarray(sure @ self.places + moved.sum(1))


def empty(dimensions: int) -> Plane:
    """For one group of which nothing is known."""
    return Plane(np.zeros((1, 2)), np.zeros(1), np.zeros((1, dimensions, 2)))


def drawn(points: Doubles, centres: Doubles, labels: Labels) -> Plane:
    """Of members, the centres of their groups, both of length 1, and the group of each."""
    sizes = np.bincount(labels, minlength=len(centres))
    radii = RADIUS * np.maximum(np.sqrt(sizes / max(int(sizes.max()), 1)), LEAST)
    axes = [_axes(points[labels == group][:MEMBERS], centre) for group, centre in enumerate(centres)]
    return Plane(_pushed(_places(centres), radii), radii, np.array(axes))


def _places(centres: Doubles) -> Doubles:
    """By their distances (SMACOF, de Leeuw 1977); the next two groups are 1 apart on average, and the mean is at 0."""
    count = len(centres)
    if count < 3:
        return np.array([[float(at) - (count - 1) / 2, 0.0] for at in range(count)])
    wanted = np.sqrt(np.maximum(2 - 2 * centres @ centres.T, 0.0))
    np.fill_diagonal(wanted, 0.0)
    found = _begun(wanted)
    for _ in range(ROUNDS):
        ratio = wanted / np.maximum(_apart(found), 1e-9)
        np.fill_diagonal(ratio, 0.0)
        found = (ratio.sum(1)[:, None] * found - ratio @ found) / count
    next_ones = (_apart(found) + np.diag(np.full(count, np.inf))).min(1)
    return np.asarray((found - found.mean(0)) / max(float(next_ones.mean()), 1e-9))


def _begun(wanted: Doubles) -> Doubles:
    """Two principal coordinates (Torgerson 1952), beside a spiral, so that no two lie on one another."""
    count = len(wanted)
    middle = np.eye(count) - 1 / count
    values, vectors = np.linalg.eigh(-middle @ wanted**2 @ middle / 2)
    signs = np.sign(vectors[np.abs(vectors).argmax(0), np.arange(count)])
    found = (vectors * signs * np.sqrt(np.maximum(values, 0.0)))[:, [-1, -2]]
    at = np.arange(count)
    spiral = np.column_stack([np.cos(_GOLDEN * at), np.sin(_GOLDEN * at)]) * np.sqrt((at + 0.5) / count)[:, None]
    return np.asarray(found + 0.1 * spiral)


def _pushed(places: Doubles, radii: Doubles) -> Doubles:
    """Each two discs that touch, apart by half of what they lack each, until none do."""
    needed = radii[:, None] + radii[None] + BETWEEN
    np.fill_diagonal(needed, 0.0)
    for _ in range(PUSHES):
        apart = _apart(places)
        lacking = np.maximum(needed - apart, 0.0)
        if not lacking.any():
            break
        away = (places[:, None] - places[None]) / np.maximum(apart, 1e-9)[:, :, None]
        places = places + (away * lacking[:, :, None]).sum(1) / 2
    return np.asarray(places - places.mean(0))


def _axes(members: Doubles, centre: Doubles) -> Doubles:
    """(d, 2), the two directions in which members differ most, so long that they have a standard deviation of 1.

    At right angles to the centre, which lies at 0 then: how far they lie from it would bend each line into a bow.
    """
    axes = np.zeros((len(centre), 2))
    if len(members) < 2:
        return axes
    beside = members - (members @ centre)[:, None] * centre
    values, vectors = np.linalg.eigh(beside.T @ beside / len(beside))
    for column, at in enumerate(range(len(values) - 1, max(len(values) - 3, -1), -1)):
        if values[at] > 1e-12:
            one = vectors[:, at]
            axes[:, column] = one * np.sign(one[np.abs(one).argmax()]) / np.sqrt(values[at])
    return axes


def _apart(places: Doubles) -> Doubles:
    return np.asarray(np.linalg.norm(places[:, None] - places[None], axis=2))
