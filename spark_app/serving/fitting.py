"""Trending for you, for one user as of now, as matches.py defines it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from spark_app.numbers.strengths import Pair
from spark_app.serving import describing, people, recents
from spark_app.serving.fresh import Fresh
from spark_app.serving.model import Served
from spark_app.timeline import matches, recency, spans
from spark_app.timeline.matches import Match, Riser


def risers(served: Served, rising: Mapping[str, Any]) -> list[Riser]:
    """From what /trending answers, without what a rule of the shop hides."""
    since, until = (spans.micros(datetime.fromisoformat(rising["later"][end])) for end in ("from", "to"))
    shown = [one for one in rising["trending"] if not _is_hidden(served, one["key"])]
    rows = [(one["key"], one["brand"], one["score"], one["growth_percent"]) for one in shown]
    return matches.risers(rows, until - since)


def of(served: Served, fresh: Fresh, user: str, rising: list[Riser], n: int) -> list[Match]:
    """The first `n` of a user; none for one of whom nothing is known."""
    user_id, later = served.user_id(user), fresh.of(user, served.version)
    brands = {
        look.brand: look.at
        for look in recents.of(served, fresh, user_id, later, "brand", recency.LAST)
        if look.brand is not None
    }
    return matches.of(rising, brands, _barred(served, fresh, user), n)


def told(served: Served, fresh: Fresh, user: str, rising: list[Riser], n: int) -> dict[str, Any]:
    """The same as it is answered: looks.Matches without its checks."""
    found = [
        describing.of_product(served, fresh, one.riser.product)
        | {"brand": one.riser.brand, "rank": rank, "score": one.riser.score, "because": one.because}
        for rank, one in enumerate(of(served, fresh, user, rising, n), 1)
    ]
    since = sum(event.product is not None for event in fresh.of(user, served.version))
    return {"generation": served.id, "user": user, "folded_in": since, "rising": len(rising), "trending": found}


def _is_hidden(served: Served, product: str) -> bool:
    row = served.products.find(product)
    return row >= 0 and bool(served.hidden[row])


def _barred(served: Served, fresh: Fresh, user: str) -> set[str]:
    """Products that were bought or turned down."""
    later = fresh.of(user, served.version)
    known, new = people.pairs(served, people.rows_of(served, served.user_id(user)), later)
    strengths = people.strengths_of(served, {**known, **new})
    found = {served.products[row] for row, pair in known.items() if _is_out(pair, strengths[row])}
    return found | {name for name, pair in new.items() if _is_out(pair, strengths[name])}


def _is_out(pair: Pair, strength: float | None) -> bool:
    return strength is None or any(pair.nets.get(kind, 0.0) > 0 for kind in matches.BOUGHT)
