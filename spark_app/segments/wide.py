"""What is known of each user as numbers, with what each number means and which of them say the same.

The joint between what finds such numbers (behaviour, browsing, latent) and what makes segments of them.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app.segmentation import Column

# Values of a word beyond the commonest ones, taken together.
REST = "(other)"


class Correlations(NamedTuple):
    """How strongly columns go together: Cramer's V, 0 to 1, of words; Pearson's r, -1 to 1, of numbers.

    `matrix` has a row and a column for each of `columns`, is symmetric, and has 1 on its diagonal. `merged` says which
    columns were taken for the same: (kept, dropped, value).
    """

    measure: Literal["cramers_v", "pearson"]
    columns: tuple[str, ...]
    matrix: list[list[float]]
    merged: list[tuple[str, str, float]]


class Wide(NamedTuple):
    """`table` is schemas.WIDE: one row per user, each value finite and in the unit of its place in `columns`."""

    table: DataFrame
    columns: tuple[Column, ...]
    correlations: Correlations | None = None


def shares(kind: str, values: Sequence[str], *, rest: bool = True, told: float = 1.0) -> list[Column]:
    """A column for the share of each value, such as category:Books, and of all others.

    However many they are, together they weigh as one column does, or as this part of one.
    """
    names = (*values, *([REST] if rest and values else []))
    return [Column(f"{kind}:{value}", "share", "linear", told / len(names) ** 0.5) for value in names]


def code(word: SparkColumn, values: Sequence[str]) -> SparkColumn:
    """The place of a word among the values; behind the last for another one, -1 for none."""
    if not values:
        return F.lit(-1)
    place = F.array_position(F.array(*map(F.lit, values)), word).cast("int")
    return F.when(word.isNull(), F.lit(-1)).when(place == 0, F.lit(len(values))).otherwise(place - 1)


def narrowed(table: DataFrame, places: Sequence[int]) -> DataFrame:
    """The table with the values at some places alone."""
    chosen = F.transform(F.array(*map(F.lit, places)), lambda place: F.get("values", place))
    return table.select("user", chosen.alias("values"))
