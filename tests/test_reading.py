"""Ids and names are read as they were before the guard."""

from pathlib import Path

import pytest
from pictured import WEIRD, write_results

from pictures import reading


def test_ids_are_read_as_they_were_before_the_guard(tmp_path: Path) -> None:
    results = reading.read_results(write_results(tmp_path, {of: [of] for of in WEIRD}, name=lambda product: product))
    assert sorted(results.recommendations["product"]) == sorted(WEIRD)
    assert sorted(results.vertices.index) == sorted([f"u:{of}" for of in WEIRD] + [f"p:{of}" for of in WEIRD])
    assert results.products["name"].to_dict() == {of: of for of in WEIRD}


@pytest.mark.parametrize(
    ("cell", "text"),
    [("'=1", "=1"), ("''=1", "'=1"), ("'it", "'it"), ("'", "'"), ("=1", "=1"), ("'\t", "\t"), ("", ""), ("'-", "-")],
)
def test_one_apostrophe_is_taken_away_where_one_was_added(cell: str, text: str) -> None:
    assert reading.unguarded(cell) == text
