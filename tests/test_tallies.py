"""A number for each user, from rows in order of user."""

import numpy as np

from spark_app.segments import tallies

ANN_AND_BOB = np.array([0, 0, 0, 1])
MINUTE = 60_000_000


def test_shares_are_of_what_is_known():
    found = tallies.shares(np.array([0, 0, 0, 1, 2]), np.array([0, 1, 1, -1, 2]), 3, 3)
    assert np.allclose(found, [[1 / 3, 2 / 3, 0], [0, 0, 0], [0, 0, 1]])


def test_distinct_keys_are_counted_once_for_each_user():
    assert tallies.distinct(ANN_AND_BOB, np.array([5, 7, 5, 5]), 3).tolist() == [2, 1, 0]


def test_a_gap_of_more_than_half_an_hour_begins_another_visit():
    at = np.array([0, 30, 61, 61]) * MINUTE
    found = tallies.visits(ANN_AND_BOB, at, np.zeros(4, int), np.zeros(4, bool), 2)
    assert (found.number.tolist(), (found.length / MINUTE).tolist()) == ([2, 1], [30, 0])


def test_a_session_is_one_visit_whatever_lies_between():
    at, session = np.array([0, 10, 100, 100]) * MINUTE, np.array([8, 9, 8, 8])
    found = tallies.visits(ANN_AND_BOB, at, session, np.ones(4, bool), 2)
    assert (found.number.tolist(), (found.length / MINUTE).tolist()) == ([2, 1], [100, 0])


def test_events_within_and_without_a_session_are_visits_of_their_own():
    at, in_session = np.array([0, 1, 2, 3]) * MINUTE, np.array([True, False, True, False])
    found = tallies.visits(ANN_AND_BOB, at, np.array([4, 0, 4, 0]), in_session, 2)
    assert (found.number.tolist(), (found.length / MINUTE).tolist()) == ([2, 1], [2, 0])


def test_nobody_has_no_ratio_of_nothing():
    assert tallies.ratio(np.array([1.0, 3.0]), np.array([0.0, 2.0])).tolist() == [0, 1.5]
    assert tallies.distinct(np.array([], int), np.array([], int), 2).tolist() == [0, 0]
