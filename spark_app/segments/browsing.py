"""Visits of domains -> what each user browsed, as numbers: how much, for how long, of what, from where.

What a visit was about is said in columns of words of which some say the same, and any may be missing. Those that say
the same, by Cramer's V, are merged, and what one of them lacks is taken from the other before anything is counted.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app.frames.held import hold
from spark_app.layouts import BROWSING
from spark_app.segmentation import Column
from spark_app.segments import correlations, moments, per_user, tallies
from spark_app.segments.per_user import Chunk
from spark_app.segments.wide import Correlations, Wide, code, narrowed, shares

# Values of each column of words that have a column each.
TOP = 8
# What columns of words are called among the numbers. Of two that say the same, the earlier stays.
WORDS = {
    "category_name": "category",
    "domain_tags": "tag",
    "application_name": "application",
    "referer_category": "referrer",
    "referer_domain": "referrer domain",
}
SIZES = ("volume", "duration")
VIEW = BROWSING.fields["event_type"].constant
# Beyond this a size is taken for a mistake.
_MOST = 1e15

NUMBERS = (
    Column("visits", "visits", "log"),
    Column("domains", "domains", "log"),
    Column("categories", "categories", "log"),
    Column("volume", "as recorded", "log"),
    Column("volume_mean", "as recorded, a visit", "log"),
    Column("duration", "as recorded", "log"),
    Column("duration_mean", "as recorded, a visit", "log"),
)


class Habits(NamedTuple):
    """What all users are seen against: visits, their mean sizes, and the words that have columns, by column."""

    visits: int
    means: tuple[float, ...]
    words: Mapping[str, tuple[str, ...]]

    @property
    def columns(self) -> list[Column]:
        """All that could be told of a user, in order."""
        return [*NUMBERS, *(column for name, values in self.words.items() for column in shares(WORDS[name], values))]


def wide(events: DataFrame, *, top: int = TOP) -> Wide:
    """One row per user who browsed, from schemas.EVENT with the properties of layouts.BROWSING.

    A visit is an event with one of these properties, or a view without any of a domain that has been visited.
    - visits, domains, categories: how many, the two latter different ones.
    - volume, duration: together and on average. A visit without one counts as the user's others do on average; where
      the user has none, as all do. What is no number, or below 0, is none.
    - shares of categories, tags, applications and referrers, of the visits where they are known: the `top` ones, and
      all others together; for merged columns only those of the one that is kept.

    Merged are pairs with a Cramer's V of 0.9 or more over the visits: the earlier column is kept, and where it is
    missing it is what goes most often with the other one's value. Columns that are the same for all users are left
    out, if not all are.
    """
    met = visits(events)
    counted = hold(_counted(met))
    said = correlations.of_words(counted, tuple(WORDS))
    whole, filled = counted, met
    for kept, dropped, _ in said.merged:
        guesses = hold(usual(counted, kept, dropped))
        whole, filled = imputed(whole, guesses, kept), imputed(filled, guesses, kept)
    habits = _habits(whole, said, top)
    near = per_user.is_small(habits.visits)
    table = hold(per_user.of(_rows(filled, habits), counting(habits), near=near))
    return _varying(table, habits.columns, said, near=near)


def visits(events: DataFrame) -> DataFrame:
    """(user, product, and the columns of words and sizes): texts without blanks around them, null where empty."""
    told = {name: F.nullif(F.trim(F.col("properties")[name]), F.lit("")) for name in BROWSING.properties}
    columns = [F.col("user"), F.col("product"), *(told[name].alias(name) for name in WORDS)]
    columns += [_size(told[name]).alias(name) for name in SIZES]
    described = F.coalesce(*told.values()).isNotNull()
    known = events.filter(described).select("product").distinct()
    bare = events.filter(~described & (F.col("event_type") == VIEW)).join(F.broadcast(known), "product", "left_semi")
    return events.filter(described).select(*columns).unionByName(bare.select(*columns))


def usual(counted: DataFrame, lacking: str, other: str) -> DataFrame:
    """(other, usual): what one column mostly says beside each value of another, ties by name.

    Learnt from rows of both columns with their number in `count`.
    """
    both = counted.filter(F.col(lacking).isNotNull() & F.col(other).isNotNull())
    pairs = both.groupBy(other, lacking).agg((-F.sum("count")).alias("against"))
    first = F.min(F.struct("against", lacking))
    return pairs.groupBy(other).agg(first[lacking].alias("usual"))


def imputed(rows: DataFrame, usual: DataFrame, lacking: str) -> DataFrame:
    """The rows with what a column lacks taken from what is usual beside the other column's value."""
    filled = F.coalesce(lacking, "usual").alias(lacking)
    names = [filled if name == lacking else name for name in rows.columns]
    return rows.join(F.broadcast(usual), usual.columns[0], "left").select(*names)


def counting(habits: Habits) -> Callable[[Chunk], npt.NDArray[np.float64]]:
    """What is told of the users of a chunk, in the order of the columns."""

    def count(chunk: Chunk) -> npt.NDArray[np.float64]:
        user, users, row = chunk.user, chunk.users, chunk.columns
        number, named = tallies.sums(user, np.ones(len(user)), users), row["named"]
        domains = tallies.distinct(user, row["product"], users)
        categories = tallies.distinct(user[named], row["topic"][named], users)
        sizes = [
            size
            for name, mean in zip(SIZES, habits.means, strict=True)
            for size in _sizes(user, users, row[name], number, mean)
        ]
        told = (tallies.shares(user, row[name], users, len(values) + 1) for name, values in _told(habits))
        return np.hstack([np.column_stack([number, domains, categories, *sizes]), *told])

    return count


def _sizes(user: tallies.Ints, users: int, size: tallies.Floats, visits: tallies.Floats, mean: float) -> list:
    """The size of each user's visits together, and on average."""
    known = ~np.isnan(size)
    number = tallies.sums(user, known, users)
    usual = np.where(number > 0, tallies.ratio(tallies.sums(user[known], size[known], users), number), mean)
    return [usual * visits, usual]


def _told(habits: Habits) -> list[tuple[str, tuple[str, ...]]]:
    return [(name, values) for name, values in habits.words.items() if values]


def _size(text: SparkColumn) -> SparkColumn:
    """A number from 0 up, or null."""
    number = text.try_cast("double")
    return F.when(~F.isnan(number) & number.between(0, _MOST), number)


def _counted(visits: DataFrame) -> DataFrame:
    """How many visits have the same words, and their sizes."""
    sizes = [F.sum(name).alias(name) for name in SIZES]
    known = [F.count(name).alias(f"{name}s") for name in SIZES]
    return visits.groupBy(*WORDS).agg(F.count("*").alias("count"), *sizes, *known)


def _habits(counted: DataFrame, said: Correlations, top: int) -> Habits:
    dropped = {name for _, name, _ in said.merged}
    names = [name for name in WORDS if name not in dropped]
    sums = [F.sum(name).alias(name) for name in ("count", *SIZES, *(f"{name}s" for name in SIZES))]
    whole = counted.agg(*sums).collect()[0]
    means = (float(whole[name] / whole[f"{name}s"]) if whole[f"{name}s"] else 0.0 for name in SIZES)
    # The order in which Spark adds up must not show.
    rounded = tuple(float(f"{mean:.9g}") for mean in means)
    return Habits(whole["count"] or 0, rounded, correlations.commonest(counted, names, top))


def _rows(visits: DataFrame, habits: Habits) -> DataFrame:
    """The visits as numbers; domains and categories as hashes of 64 bits, an unknown size as NaN."""
    sizes = [F.coalesce(name, F.lit(float("nan"))).alias(name) for name in SIZES]
    topic = [F.xxhash64("category_name").alias("topic"), F.col("category_name").isNotNull().alias("named")]
    words = [code(F.col(name), values).alias(name) for name, values in _told(habits)]
    return visits.select("user", F.xxhash64("product").alias("product"), *sizes, *topic, *words)


def _varying(table: DataFrame, columns: Sequence[Column], said: Correlations, *, near: bool) -> Wide:
    """Without the columns that are the same for all."""
    varies = moments.of_table(table, columns, near=near).varies
    kept = [place for place in range(len(columns)) if varies[place] or not varies.any()]
    return Wide(narrowed(table, kept), tuple(columns[place] for place in kept), said)
