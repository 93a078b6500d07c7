"""Hashes of event ids: what may be a double, and what cannot."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spark_app.storage import event_ids
from spark_app.storage.event_ids import EventIds

BATCHES = st.lists(st.lists(st.integers(-20, 20)), max_size=8)


def hashes(*numbers):
    return np.array(numbers, np.int64)


def test_nothing_is_suspect_in_a_first_batch_of_different_ids():
    assert EventIds().suspects(hashes(3, 1, 2)).tolist() == []


def test_an_id_that_was_met_before_or_twice_is_suspect_once():
    known = EventIds(hashes(1))
    known.add(hashes(2))
    assert known.suspects(hashes(1, 2, 3, 4, 4)).tolist() == [1, 2, 4]


def test_an_empty_batch_changes_nothing():
    known = EventIds(hashes(1))
    known.add(hashes())
    assert len(known) == 1 and known.suspects(hashes()).tolist() == []


@given(BATCHES)
def test_it_agrees_with_a_set_however_often_the_parts_are_merged(batches):
    known, expected, merged_from = EventIds(), set(), event_ids._MERGED_FROM
    event_ids._MERGED_FROM = 3
    try:
        for batch in batches:
            twice = {number for number in batch if batch.count(number) > 1}
            assert set(known.suspects(hashes(*batch)).tolist()) == set(batch) & expected | twice
            known.add(hashes(*batch))
            expected |= set(batch)
            assert len(known) == len(expected)
    finally:
        event_ids._MERGED_FROM = merged_from
