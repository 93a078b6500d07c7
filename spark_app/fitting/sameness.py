"""Two generations in; how they differ, in words, out. Of a generation that was made again: whether it is the same."""

import numpy as np
import pyarrow as pa

from spark_app import generations
from spark_app.generations import Generation

_TABLES = (
    generations.USERS, generations.PRODUCTS, generations.POPULAR, generations.RECOMMENDATIONS, generations.VERTICES,
    generations.EDGES,
)  # fmt: skip
_FACTORS = (generations.USER_FACTORS, generations.PRODUCT_FACTORS)


def differences(one: Generation, other: Generation) -> list[str]:
    """How the tables and factors of two differ, a line each; empty when they are equal, bit for bit."""
    found = []
    for name in _TABLES:
        tables = [generations.scan(generation, name) for generation in (one, other)]
        ours, theirs = (table.sort_by([(column, "ascending") for column in _flat(table)]) for table in tables)
        # Column by column: whether one may be null is no difference.
        if ours.column_names != theirs.column_names or not all(map(pa.ChunkedArray.equals, ours, theirs)):
            found.append(f"{name} differ ({ours.num_rows:,} and {theirs.num_rows:,} rows)")
    for name in _FACTORS:
        files = [generation.folder / f"{name}.npy" for generation in (one, other)]
        if any(file.exists() for file in files):
            left, right = (np.load(file, mmap_mode="r") if file.exists() else np.empty(0) for file in files)
            if left.shape != right.shape:
                found.append(f"{name} have the shapes {left.shape} and {right.shape}")
            elif not np.array_equal(left, right):
                found.append(f"{name} differ by at most {np.abs(left - right).max():.1e}")
    return found


def _flat(table: pa.Table) -> list[str]:
    """Columns by which rows can be sorted."""
    return [field.name for field in table.schema if not pa.types.is_nested(field.type)]
