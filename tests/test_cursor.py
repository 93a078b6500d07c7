"""Cursors: what one says is read again, however far it is, and what is none is refused."""

import pytest

from spark_app.serving import cursor
from spark_app.serving.problems import Problem


@pytest.mark.parametrize("offset", [0, 100, 100_000, 150_000, 2_000_000_000])
def test_no_cursor_of_its_own_is_refused(offset):
    assert cursor.read(cursor.written("20260101T000000Z-0001", offset)) == ("20260101T000000Z-0001", offset)


@pytest.mark.parametrize("offset", [-1, 1 << 31, 10**30, 1.5, True, None, "7"])
def test_a_place_that_nothing_has_is_refused(offset):
    with pytest.raises(Problem) as refused:
        cursor.read(cursor.written("20260101T000000Z-0001", offset))
    assert refused.value.status == 400
