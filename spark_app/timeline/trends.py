"""What is rising, from events that `activity` has read, without Spark: rows as trending.csv has them, with buckets.

The stage `trending` finds the same with Spark, for tables that one machine should not read alone.
"""

from typing import NamedTuple

import numpy as np

from spark_app.timeline import rising, turnout
from spark_app.timeline.activity import Activity
from spark_app.timeline.coded import Codes, Words
from spark_app.timeline.rising import BRAND, CATEGORY, PRODUCT, Rise
from spark_app.timeline.spans import Range
from spark_app.timeline.turnout import Turnout


class Trend(NamedTuple):
    """A place in the list of a kind; `totals` and `by_users` are of each bucket, those without an event too."""

    rank: int
    kind: str
    key: str
    label: str
    brand: str | None
    category: str | None
    total: int
    users: int
    growth_percent: float | None
    score: float
    totals: list[int]
    by_users: list[int]


def of(seen: Activity, range_: Range, kind: str, limit: int, *, category: str | None = None) -> list[Trend]:
    """The first of a kind; of one `category` alone, compared with the whole shop all the same."""
    rows = seen.rows
    keys, words = _keys(seen, kind)
    whole = turnout.count(rows, keys[rows.product], len(words), seen.users)
    counted, may = whole, np.ones(len(words), np.bool_)
    if category is not None:
        inside = _are(seen.details[CATEGORY], category)
        if kind == PRODUCT:
            may = inside
        else:
            counted = turnout.count(rows, np.where(inside, keys, -1)[rows.product], len(words), seen.users)
    shop = {"all_earlier": int(whole.earlier.sum()), "all_later": int(whole.later.sum())}
    rise = rising.of(counted.earlier, counted.later, **shop, turns=len(range_.earlier))
    places = rising.best(rise._replace(is_rising=rise.is_rising & may), words, limit)
    return [_trend(seen, counted, rise, range_, kind, words, rank, int(place)) for rank, place in enumerate(places, 1)]


def _keys(seen: Activity, kind: str) -> tuple[Codes, list[str]]:
    """(key of each product, the word of each key)."""
    if kind == PRODUCT:
        return np.arange(len(seen.products), dtype=np.int32), seen.products
    return seen.details[kind]


def _are(said: Words, word: str) -> np.ndarray:
    """Whether each product is said to be this."""
    return said.codes == (said.words.index(word) if word in said.words else len(said.words))


def _trend(
    seen: Activity, counted: Turnout, rise: Rise, range_: Range, kind: str, words: list[str], rank: int, place: int
) -> Trend:
    told = {name: _word(said, place) if kind == PRODUCT else None for name, said in seen.details.items()}
    if kind != PRODUCT:
        told[kind] = words[place]
    growth = float(rise.growth[place])
    return Trend(
        rank, kind, words[place], told["name"] or words[place], told[BRAND], told[CATEGORY],
        int(counted.total[place]), int(counted.users[place]), None if np.isnan(growth) else growth,
        float(rise.score[place]), *_series(counted, range_, place),
    )  # fmt: skip


def _word(said: Words, product: int) -> str | None:
    code = int(said.codes[product])
    return said.words[code] if code >= 0 else None


def _series(counted: Turnout, range_: Range, place: int) -> tuple[list[int], list[int]]:
    """Events and users of each bucket; a key's buckets stand together, keys in order."""
    first, behind = np.searchsorted(counted.bucket_key, [place, place + 1])
    series = np.zeros((2, range_.buckets), np.int64)
    series[:, counted.bucket[first:behind]] = (
        counted.bucket_total[first:behind], counted.bucket_users[first:behind]
    )  # fmt: skip
    totals, users = series.tolist()
    return totals, users
