"""How strongly one user has shown interest, without Spark: what was netted before, and later events, in; strengths out.

The same sums as interactions.py makes for all users at once, so that who buys or sends back something now is answered
as the next training will have it.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from spark_app import rules

# What a pair is called by: a row, or the id of a product that is new.
Key = TypeVar("Key")
RATE = "rate"
PURCHASE = "purchase"
# Nets are rounded to so many digits, and what a rating is above the mean.
NET_DIGITS, RATING_DIGITS = 6, 9
# Columns of what was netted: these and the event type in hexadecimal; a pair's mean rating, of how many, the last of
# them and when that was given.
NET, NEWEST, RATING, RATED, LAST_RATING, RATED_AT = "net_", "newest_", "rating", "rated", "last_rating", "rated_at"
OF_RATINGS = (RATING, RATED, LAST_RATING, RATED_AT)
# Relative to what speaks for a pair: 0.3 - 0.1 - 0.2 is nothing left, and a strength that has decayed is small.
NOTHING_LEFT = 1e-12


class Deed(NamedTuple):
    """One event, as far as it counts; `at` in microseconds since 1970."""

    kind: str
    quantity: float
    at: int
    rating: float | None = None


class Terms(NamedTuple):
    """How deeds become strengths: as the settings of a generation say, ages counted back from `now`."""

    weights: Mapping[str, float]
    strength: str = "binary"
    half_life_days: float | None = None
    now: int = 0


@dataclass
class Pair:
    """What one user did with one product: by event type what is left and when it was last met; ratings; how often."""

    nets: dict[str, float] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    ratings: float = 0.0
    rated: int = 0
    last_rating: float = 0.0
    rated_at: int = 0
    events: int = 0
    last_at: int = 0

    def add(self, deeds: Iterable[Deed]) -> None:
        """Take in later events."""
        for deed in deeds:
            self.nets[deed.kind] = rounded(self.nets.get(deed.kind, 0.0) + deed.quantity, NET_DIGITS)
            self.newest[deed.kind] = max(self.newest.get(deed.kind, deed.at), deed.at)
            self.events, self.last_at = self.events + 1, max(self.last_at, deed.at)
            if deed.rating is not None:
                self._rate(deed.rating, deed.at)

    def _rate(self, rating: float, at: int) -> None:
        self.ratings, self.rated = self.ratings + rating, self.rated + 1
        if at >= self.rated_at:
            self.last_rating, self.rated_at = rating, at


def of(pairs: Mapping[Key, Pair], terms: Terms) -> dict[Key, float | None]:
    """The strength of each of one user's pairs, None where nothing positive is left."""
    weights, mean = scaled(terms.weights), _mean_rating(pairs.values())
    return {product: _strength(pair, weights, mean, terms) for product, pair in pairs.items()}


def counting(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights of the types that count."""
    return {kind: weight for kind, weight in weights.items() if weight and kind not in (rules.POST, rules.DISLIKE)}


def scaled(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights of the types that count, such that a lone purchase has strength 1."""
    known = counting(weights)
    purchase = known.get(PURCHASE, 0.0)
    unit = purchase if purchase > 0 else max(known.values(), default=0.0)
    return {kind: weight / unit for kind, weight in known.items()} if unit > 0 else {}


def kind_of(column: str) -> str:
    """The event type of a column of nets or of newest events."""
    return bytes.fromhex(column.removeprefix(NET).removeprefix(NEWEST)).decode()


def rounded(number: float, digits: int) -> float:
    """To so many digits, halves to even, as Spark's rint does it."""
    scale = 10.0**digits
    return round(number * scale) / scale


def decay(at: int, now: int, half_life_days: float) -> float:
    """0.5^(days from `at` to `now` / half-life), in microseconds both; 1 for what is yet to come."""
    return 0.5 ** (max(now - at, 0) / (half_life_days * rules.MICROS_A_DAY))


def _mean_rating(pairs: Iterable[Pair]) -> float | None:
    rated = [pair for pair in pairs if pair.rated]
    number = sum(pair.rated for pair in rated)
    return sum(pair.ratings for pair in rated) / number if number else None


def _strength(pair: Pair, weights: Mapping[str, float], mean: float | None, terms: Terms) -> float | None:
    if pair.nets.get(rules.DISLIKE, 0.0) > 0:
        return None
    parts = [_part(pair, kind, weight, mean, terms) for kind, weight in weights.items() if kind in pair.nets]
    total = sum(parts, 0.0)
    return total if total > sum(part for part in parts if part > 0) * NOTHING_LEFT else None


def _part(pair: Pair, kind: str, weight: float, mean: float | None, terms: Terms) -> float:
    net = pair.nets[kind]
    if net <= 0 or (kind == RATE and not _is_above(pair, mean)):
        return 0.0
    size = math.log1p(net) if terms.strength == "log" else 1.0
    age = decay(pair.newest[kind], terms.now, terms.half_life_days) if terms.half_life_days else 1.0
    return size * weight * age


def _is_above(pair: Pair, mean: float | None) -> bool:
    """Whether the pair is rated no worse than the user's mean."""
    return bool(pair.rated) and mean is not None and rounded(pair.ratings / pair.rated - mean, RATING_DIGITS) >= 0
