"""Trending for you: the rising products of the brands that a user turned to last, one definition for all users and one.

What rises is the same for everyone, and so is its score; a user is told those products whose brand is among their last
ones, without those that they bought or turned down. The best come first, ties by product id.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from spark_app.numbers.strengths import PURCHASE, RATE
from spark_app.timeline import spans

# So many rising products are looked through.
MOST = 500
# Of these event types something has to be left for a product to be bought.
BOUGHT = (PURCHASE, RATE)


class Riser(NamedTuple):
    """A product that rises: its brand, its score, and in words how much it does."""

    product: str
    brand: str
    score: float
    words: str


class Match(NamedTuple):
    """A place in a user's list; `at` is when they turned to the brand last, in microseconds since 1970."""

    riser: Riser
    at: int

    @property
    def because(self) -> str:
        """Rising 240 % in 7 days; you looked at Lux on 2026-10-28."""
        return f"{self.riser.words}; you looked at {self.riser.brand} on {spans.moment(self.at).date()}"


def risers(rows: Iterable[tuple[str, str | None, float, float | None]], microseconds: int) -> list[Riser]:
    """From (product, brand, score, growth in per cent, None for what is new) over so long a time, the best first.

    What has no brand matches nobody.
    """
    found = [
        Riser(product, brand, score, in_words(growth, microseconds))
        for product, brand, score, growth in rows
        if brand is not None
    ]
    return sorted(found, key=lambda one: (-one.score, one.product))[:MOST]


def of(risers: Sequence[Riser], brands: Mapping[str, int], barred: Container[str], n: int) -> list[Match]:
    """The first `n` for a user, from the time at which they turned to each brand, and what must not be told."""
    found: list[Match] = []
    for riser in risers:
        if len(found) >= n:
            break
        at = brands.get(riser.brand)
        if at is not None and riser.product not in barred:
            found.append(Match(riser, at))
    return found


def in_words(growth: float | None, microseconds: int) -> str:
    """Such as "rising 240 % in 7 days"; what fell less than the shop did is said so."""
    days = microseconds / spans.DAY
    time = f"{days:.0f} days" if days >= 2 else f"{microseconds / spans.HOUR:.0f} hours"
    if growth is None:
        return f"new and rising in {time}"
    return f"rising {growth:.0f} % in {time}" if growth > 0 else f"rising against the shop in {time} ({growth:+.0f} %)"
