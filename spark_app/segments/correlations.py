"""Which columns say the same: Cramer's V between columns of words, Pearson's r between columns of numbers.

Words are counted by Spark and small tables of counts come to this program, however many rows there are. V is corrected
for its bias as in Bergsma 2013 (A bias-correction for Cramer's V and Tschuprow's T, Journal of the Korean Statistical
Society 42): many rare values alone make no correlation.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from spark_app.segments.moments import Moments
from spark_app.segments.wide import Correlations

Floats = npt.NDArray[np.float64]

# From here up, two columns of words are taken for the same.
SAME_WORDS = 0.9
# From here up, two columns of numbers are, whichever sign; with fewer users this is met by chance.
SAME_NUMBERS, ENOUGH_USERS = 0.98, 30
# Values of a column that are looked at, the commonest; rows with another one are left out.
VALUES = 50


def of_words(counted: DataFrame, columns: Sequence[str], *, same: float = SAME_WORDS) -> Correlations:
    """Cramer's V of all pairs, from rows that have their number in `count`; a pair is counted where neither is null."""
    matrix, tables = np.eye(len(columns)), _tables(counted, columns)
    for (one, other), table in zip(_pairs(columns), tables, strict=True):
        matrix[one, other] = matrix[other, one] = cramers_v(table)
    return Correlations("cramers_v", tuple(columns), matrix.tolist(), merged(columns, matrix, same))


def of_numbers(columns: Sequence[str], moments: Moments, kinds: Sequence[str]) -> Correlations:
    """Pearson's r of all pairs; 0 where one of them is the same for all.

    `kinds` are of the columns: only two of one kind are ever taken for the same.
    """
    size = np.sqrt(np.diagonal(moments.products))
    whole = np.outer(size, size)
    matrix = np.divide(moments.products, whole, out=np.zeros_like(whole), where=whole > 0).clip(-1, 1)
    np.fill_diagonal(matrix, 1)
    alike = np.equal.outer(np.array(kinds), np.array(kinds))
    same = merged(columns, matrix * alike, SAME_NUMBERS) if moments.users >= ENOUGH_USERS else []
    return Correlations("pearson", tuple(columns), matrix.tolist(), same)


def cramers_v(table: npt.ArrayLike) -> float:
    """Of a table of counts, 0 to 1, corrected for bias; 0 where a column has one value or none."""
    counts = np.asarray(table, dtype=float)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    total, (rows, columns) = counts.sum(), counts.shape
    if total <= 1 or min(rows, columns) < 2:
        return 0.0
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    phi = ((counts - expected) ** 2 / expected).sum() / total
    left = max(0.0, phi - (rows - 1) * (columns - 1) / (total - 1))
    most = min(size - 1 - (size - 1) ** 2 / (total - 1) for size in (rows, columns))
    return float(min(np.sqrt(left / most), 1.0)) if most > 0 else 0.0


def merged(columns: Sequence[str], matrix: Floats, same: float) -> list[tuple[str, str, float]]:
    """(kept, dropped, value) of the pairs that say the same; the earlier column is kept, and none is dropped twice."""
    found, dropped = list[tuple[str, str, float]](), set[int]()
    for one, other in _pairs(columns):
        if not {one, other} & dropped and abs(matrix[one, other]) >= same:
            dropped.add(other)
            found.append((columns[one], columns[other], float(matrix[one, other])))
    return found


def commonest(counted: DataFrame, columns: Sequence[str], top: int) -> dict[str, tuple[str, ...]]:
    """The values of each column that most rows have, ties by name."""
    cells = F.explode(F.array(*[F.struct(F.lit(name).alias("column"), F.col(name).alias("value")) for name in columns]))
    sums = counted.select(cells.alias("cell"), "count").filter("cell.value IS NOT NULL")
    sums = sums.groupBy("cell.column", "cell.value").agg(F.sum("count").alias("count"))
    order = Window.partitionBy("column").orderBy(F.desc("count"), "value")
    rows = sums.withColumn("place", F.row_number().over(order)).filter(F.col("place") <= top).collect()
    in_order = sorted(rows, key=lambda row: int(row["place"]))
    return {name: tuple(row["value"] for row in in_order if row["column"] == name) for name in columns}


def _pairs(columns: Sequence[str]) -> list[tuple[int, int]]:
    return list(combinations(range(len(columns)), 2))


def _tables(counted: DataFrame, columns: Sequence[str]) -> list[Floats]:
    """The table of counts of each pair of columns, over their commonest values."""
    known = commonest(counted, columns, VALUES)
    values = [F.when(F.col(name).isin(list(known[name])), F.col(name)) for name in columns]
    cells = [
        F.struct(F.lit(pair).alias("pair"), values[one].alias("one"), values[other].alias("other"))
        for pair, (one, other) in enumerate(_pairs(columns))
    ]
    stacked = counted.select(F.explode(F.array(*cells)).alias("cell"), "count")
    stacked = stacked.filter("cell.one IS NOT NULL AND cell.other IS NOT NULL")
    rows = stacked.groupBy("cell.pair", "cell.one", "cell.other").agg(F.sum("count").alias("count")).collect()
    tables = [np.zeros((len(known[columns[one]]), len(known[columns[other]]))) for one, other in _pairs(columns)]
    places = [{value: place for place, value in enumerate(known[name])} for name in columns]
    for row in rows:
        one, other = _pairs(columns)[row["pair"]]
        tables[row["pair"]][places[one][row["one"]], places[other][row["other"]]] = row["count"]
    return tables
