"""The map of interests: discs of groups that do not touch, as large as they have users, and members that fill them."""

import numpy as np
import pytest

from spark_app.interests import plane, spotting
from spark_app.interests.encoder import unit


def grouped(sizes: list[int], dimensions: int = 12, *, spread: float = 0.15) -> tuple[np.ndarray, ...]:
    """Points of length 1 around centres that are alike by twos, and the group of each."""
    random = np.random.default_rng(3)
    middles = random.normal(size=(len(sizes), dimensions))
    middles[1::2] += middles[: len(sizes) // 2 * 2 : 2]
    labels = np.repeat(np.arange(len(sizes)), sizes)
    # Of some groups members differ along one line much more than along the others.
    stretched = random.normal(size=(len(labels), dimensions)) * np.where(np.arange(dimensions) == 0, 4.0, 1.0)
    points = unit(unit(middles)[labels] + spread * stretched / dimensions**0.5)
    return points, unit(spotting.sums(points, labels, len(sizes))), labels


@pytest.fixture(scope="module")
def drawn():
    points, centres, labels = grouped([800, 400, 400, 100, 100, 100, 50, 50])
    found = plane.drawn(points, centres, labels)
    return found, found.of(points, np.eye(len(centres))[labels]), labels


def test_discs_do_not_touch(drawn):
    places, radii = drawn[0].places, drawn[0].radii
    apart = np.linalg.norm(places[:, None] - places[None], axis=2) - radii[:, None] - radii[None]
    assert (apart + 9 * np.eye(len(places))).min() > 0


def test_a_disc_is_as_large_as_its_group_has_users(drawn):
    radii = drawn[0].radii
    assert radii[0] == plane.RADIUS and radii[0] / radii[3] == pytest.approx(8**0.5)


def test_members_fill_their_disc_and_are_no_line(drawn):
    found, at, labels = drawn
    for group in range(4):
        beside = (at[labels == group] - found.places[group]) / found.radii[group]
        assert np.linalg.norm(beside, axis=1).max() <= 1.0
        # Of a disc that is filled evenly each is a half.
        assert beside.std(0) == pytest.approx([0.5, 0.5], abs=0.1)


def test_groups_that_are_alike_are_nearer(drawn):
    places = drawn[0].places
    alike = [np.linalg.norm(places[at] - places[at + 1]) for at in range(0, 8, 2)]
    assert np.mean(alike) < np.linalg.norm(places[:, None] - places[None], axis=2).sum() / (8 * 7)


def test_what_is_of_two_groups_lies_between_them():
    points, centres, labels = grouped([50, 50, 50])
    found = plane.drawn(points, centres, labels)
    (at,) = found.of(unit(centres[:1] + centres[1:2]), np.array([[0.5, 0.5, 0.0]]))
    middle = (found.places[0] + found.places[1]) / 2
    assert np.linalg.norm(at - middle) <= plane.RADIUS


@pytest.mark.parametrize("groups", [1, 2, 3, 30])
def test_the_same_members_are_placed_the_same(groups):
    points, centres, labels = grouped([5] * groups)
    one, other = (plane.drawn(points, centres, labels) for _ in range(2))
    assert all((left == right).all() and np.isfinite(left).all() for left, right in zip(one, other, strict=True))


def test_equal_members_lie_in_the_middle_of_their_group():
    centres = np.eye(3)
    found = plane.drawn(np.repeat(centres, 4, axis=0), centres, np.repeat(np.arange(3), 4))
    assert found.of(centres, np.eye(3)) == pytest.approx(found.places)
