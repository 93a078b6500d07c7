"""Rows of whole users, in chunks."""

import numpy as np
import pyarrow as pa
import pytest

from spark_app import schemas
from spark_app.segments import per_user


def batches(*texts):
    return [pa.record_batch([pa.array(list(text), pa.string())], names=["user"]) for text in texts]


@pytest.mark.parametrize(
    ("texts", "chunks"),
    [
        (["aab", "bc"], ["aabb", "c"]),
        (["aaa", "aaa", "ab"], ["aaaaaaa", "b"]),
        (["aaa", "bbb", "ccc"], ["aaa", "bbb", "ccc"]),
        (["ab", "", "cc"], ["abcc"]),
        ([], []),
    ],
)
def test_no_chunk_has_a_part_of_a_user(texts, chunks):
    found = per_user.whole_users(iter(batches(*texts)), size=3)
    assert ["".join(table["user"].to_pylist()) for table in found] == chunks


@pytest.mark.parametrize("near", [True, False])
def test_a_user_is_one_row_wherever_it_is_counted(spark, near):
    rows = spark.createDataFrame([("b", 2), ("a", 1), ("b", 4)], "user STRING, at BIGINT")

    def count(chunk):
        return np.column_stack([np.bincount(chunk.user), np.bincount(chunk.user, weights=chunk.columns["at"])])

    found = per_user.of(rows, count, near=near)
    assert sorted(map(tuple, found.collect())) == [("a", [1.0, 1.0]), ("b", [2.0, 6.0])]
    assert found.columns == schemas.names(schemas.WIDE)
