"""Delta tables without Spark: rows are found by their text also in files that a removal has rewritten."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake

from spark_app.storage import tables


@pytest.fixture
def removed_from(tmp_path):
    """Events e0 to e3 in one file, of which retention has removed the first; e4 came later."""
    ids = pa.array([f"e{number}" for number in range(5)])
    events = pa.table({"event_id": ids, "user": ["ann", "bob"] * 2 + ["ann"], "day": [0, 1, 2, 3, 4]})
    write_deltalake(tmp_path, events.slice(0, 4))
    DeltaTable(tmp_path).delete("day < 1")
    write_deltalake(tmp_path, events.slice(4), mode="append")
    return DeltaTable(tmp_path)


@pytest.mark.parametrize(("condition", "expected"), [
    (pc.field("event_id") == "e2", ["e2"]),
    (pc.field("event_id") == "e0", []),
    (pc.field("event_id").isin(["e0", "e1", "e4"]), ["e1", "e4"]),
    ((pc.field("user") == "ann") & (pc.field("event_id") != "e4"), ["e2"]),
])  # fmt: skip
def test_after_a_removal_rows_are_found_by_their_text(removed_from, condition, expected):
    found = tables.where(removed_from, ["event_id", "user"], condition)
    assert sorted(name for some in found for name in some["event_id"].to_pylist()) == expected
