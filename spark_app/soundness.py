"""What a generation has to be before it may be published: complete, finite, and its graph without a loose end."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app import generations
from spark_app.generations import Generation

_CHUNK = 100_000
_TABLES = (
    generations.USERS, generations.PRODUCTS, generations.RECOMMENDATIONS, generations.VERTICES, generations.EDGES,
)  # fmt: skip


def rows(spark: SparkSession, generation: Generation) -> dict[str, int]:
    """Table -> the rows that were written."""
    return {name: generations.read(spark, generation, name).count() for name in _TABLES}


def fault(spark: SparkSession, generation: Generation, counts: Mapping[str, Any], found: Mapping[str, int]) -> str:
    """The first thing that is wrong with it, empty when it is sound.

    `counts` are users and products as they were indexed, `found` the rows of each table on disk.
    """
    tables = {name: generations.read(spark, generation, name) for name in _TABLES}
    return (
        _miscounted(counts, found)
        or _unfit(tables[generations.RECOMMENDATIONS], "score")
        or _unfit(tables[generations.VERTICES], "pagerank")
        or _orphans(tables[generations.EDGES], tables[generations.VERTICES])
        or _unfit_factors(generation)
    )


def _miscounted(counts: Mapping[str, Any], found: Mapping[str, int]) -> str:
    for name in (generations.USERS, generations.PRODUCTS):
        if counts[name] != found[name]:
            return f"{name} has {found[name]:,} rows for {counts[name]:,} {name}"
    lists, edges = found[generations.RECOMMENDATIONS], found[generations.EDGES]
    return f"{edges:,} edges for {lists:,} recommendations" if edges != lists else ""


def _unfit(table: DataFrame, name: str) -> str:
    number = table.filter(_is_unfit(F.col(name))).count()
    return f"{number:,} rows have a {name} that is not finite" if number else ""


def _is_unfit(value: Column) -> Column:
    return value.isNull() | F.isnan(value) | (F.abs(value) == float("inf"))


def _orphans(edges: DataFrame, vertices: DataFrame) -> str:
    ends = edges.select(F.explode(F.array("src", "dst")).alias("id"))
    number = ends.join(vertices, "id", "left_anti").count()
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
