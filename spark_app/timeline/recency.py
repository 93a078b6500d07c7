"""What a user turned to last: one definition, for the batch (recent.py) and for what is answered now (serving/recents).

An event turns its user to its product when its type has a weight above 0 and its quantity is above 0. A return, what is
taken out of the cart and a dislike turn nobody to it, and do not undo that somebody once did. A product counts at
its newest such event; the newest come first, those of one time in the order of their ids. A product has the brand that
the newest event gives it, whenever it was looked at; a brand stands where the first of its products does, and products
without a brand are products alone. So whatever the order in which events come, the same is said.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from spark_app.numbers.strengths import counting

# So many are told of each user.
LAST = 50
# The column of pairs that says when the user turned to the product last.
TURNED = "turned_at"
Kind = Literal["brand", "product"]


class Look(NamedTuple):
    """A product that a user turned to, its brand, and when last, in microseconds since 1970."""

    product: str
    brand: str | None
    at: int


def turning(weights: Mapping[str, float]) -> frozenset[str]:
    """Event types that turn a user to a product."""
    return frozenset(kind for kind, weight in counting(weights).items() if weight > 0)


def order(look: Look) -> tuple[int, str]:
    """The newest first, then by id."""
    return -look.at, look.product


def last(looks: Iterable[Look], kind: Kind, n: int = LAST) -> list[Look]:
    """The first `n` of looks in order, each of another product; or of another brand, at the newest of its products."""
    found: dict[str, Look] = {}
    for look in looks:
        key = look.product if kind == "product" else look.brand
        if key is not None:
            found.setdefault(key, look)
        if len(found) >= n:
            break
    return list(found.values())
