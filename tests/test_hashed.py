"""Names known by their hashes."""

import numpy as np
import pyarrow as pa
import pytest

from spark_app.numbers import hashed
from spark_app.numbers.hashed import Hashed

NAMES = pa.chunked_array([["lamp", "mug", ""], pa.array([], pa.string()), ["Stövchen", "u:ann", "杯"]])


def test_each_name_is_found_at_its_row():
    rows = Hashed(NAMES).rows(pa.array(["杯", "lamp", "", "lamp", "Stövchen"]))
    assert rows.tolist() == [5, 0, 2, 0, 3]


def test_names_with_the_same_hash_are_told_apart(monkeypatch):
    monkeypatch.setattr(hashed, "hashes", lambda names: np.array([len(name.as_py()) for name in names], np.uint64))
    names = pa.chunked_array([["lamp", "desk", "mug", "jar", "plate"]])
    assert Hashed(names).rows(pa.array(["jar", "desk", "plate", "mug", "lamp"])).tolist() == [3, 1, 4, 2, 0]


@pytest.mark.parametrize(
    ("known", "asked", "number"),
    [(["a", "b"], ["a", "b", "a"], 0), (["a", "b"], ["c", "a", "z", "c"], 3), ([], ["a", "b"], 2), (["a"], [], 0)],
)
def test_names_that_are_not_there_are_counted(known, asked, number):
    hashes = np.sort(hashed.joined([pa.array(known, pa.string())]))
    assert hashed.lacking(hashes, pa.array(asked, pa.string())) == number


def test_of_nothing_there_is_nothing():
    assert len(Hashed(pa.chunked_array([], pa.string()))) == 0
    assert hashed.joined([]).tolist() == []
