"""What a generation has to be before it may be published: complete, finite, and its graph without a loose end.

Read by the driver, a batch of rows at a time; of the whole only hashes of the ids of vertices are held at once.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow.compute as pc

from spark_app import generations
from spark_app.generations import Generation
from spark_app.numbers import hashed

_CHUNK = 100_000
_TABLES = (
    generations.USERS, generations.PRODUCTS, generations.RECOMMENDATIONS, generations.VERTICES, generations.EDGES,
)  # fmt: skip


def rows(generation: Generation) -> dict[str, int]:
    """Table -> the rows that were written."""
    return {name: generations.opened(generation, name).count_rows() for name in _TABLES}


def fault(generation: Generation, counts: Mapping[str, Any], found: Mapping[str, int]) -> str:
    """The first thing that is wrong with it, empty when it is sound.

    `counts` are users and products as they were indexed, `found` the rows of each table on disk.
    """
    return (
        _miscounted(counts, found)
        or _unfit(generation, generations.RECOMMENDATIONS, "score")
        or _unfit(generation, generations.VERTICES, "pagerank")
        or _orphans(generation)
        or _unfit_factors(generation)
    )


def _miscounted(counts: Mapping[str, Any], found: Mapping[str, int]) -> str:
    for name in (generations.USERS, generations.PRODUCTS):
        if counts[name] != found[name]:
            return f"{name} has {found[name]:,} rows for {counts[name]:,} {name}"
    lists, edges = found[generations.RECOMMENDATIONS], found[generations.EDGES]
    return f"{edges:,} edges for {lists:,} recommendations" if edges != lists else ""


def _unfit(generation: Generation, table: str, name: str) -> str:
    number = 0
    for batch in generations.batches(generation, table, [name]):
        number += len(batch) - (pc.sum(pc.is_finite(batch[name])).as_py() or 0)
    return f"{number:,} rows have a {name} that is not finite" if number else ""


def _orphans(generation: Generation) -> str:
    vertices = generations.batches(generation, generations.VERTICES, ["id"])
    known = np.sort(hashed.joined(batch.column("id").drop_null() for batch in vertices))
    number = 0
    for batch in generations.batches(generation, generations.EDGES, ["src", "dst"]):
        number += sum(ends.null_count + hashed.lacking(known, ends.drop_null()) for ends in batch.columns)
    return f"{number:,} ends of edges are no vertex" if number else ""


def _unfit_factors(generation: Generation) -> str:
    for name in (generations.USER_FACTORS, generations.PRODUCT_FACTORS):
        path = generation.folder / f"{name}.npy"
        if not path.exists():
            continue
        vectors = np.load(path, mmap_mode="r")
        for start in range(0, len(vectors), _CHUNK):
            if not np.isfinite(vectors[start : start + _CHUNK]).all():
                return f"{name} hold numbers that are not finite"
    return ""
