"""Why, and why not: a product's score for a person taken apart, and the rule that keeps it out of the list."""

from typing import Any, NamedTuple

import numpy as np

from spark_app import explanation
from spark_app.explanation import Known
from spark_app.serving.model import Served
from spark_app.serving.people import Person
from spark_app.settings import PREFIX

FALLBACK = "the user has shown no interest that counts, so the list is the fallback's"
NOT_KNOWN = "nobody has shown interest in the product, and nothing of its category or brand is known"


class Reasons(NamedTuple):
    """As explaining.Explanation, but for the names of user and generation."""

    score: float | None
    rank: int | None
    listable: int
    removed_by: str
    parts: list[dict[str, Any]]


def of(served: Served, person: Person, row: int) -> Reasons:
    """Of one product for a person."""
    barred = _barred(served, person, row)
    if person.user is None:
        return _of_fallback(served, person, row, barred)
    known, place = _known(served, person), int(served.place_of_row[row])
    if place < 0:
        return Reasons(None, None, 0, barred or NOT_KNOWN, [])
    scores = explanation.scores(known)
    may = _listable(served, person)[served.row_of_place]
    rank = explanation.rank(scores, place, may)
    may[place] = True
    parts = _parts(served, known, place, row)
    return Reasons(float(scores[place]), rank, int(may.sum()), barred or _too_low(served, rank), parts)


def _of_fallback(served: Served, person: Person, row: int, barred: str) -> Reasons:
    if row not in served.popular:
        return Reasons(None, None, 0, barred or NOT_KNOWN, [])
    may = _listable(served, person)
    may[row] = True
    rank = int(np.flatnonzero(served.popular[may[served.popular]] == row)[0]) + 1
    score = float(served.popularity[row])
    part = {"amount": score, "what": f"popularity: {FALLBACK}", "product": None, "name": None}
    return Reasons(score, rank, int(may[served.popular].sum()), barred or _too_low(served, rank), [part])


def _too_low(served: Served, rank: int) -> str:
    n = served.settings.top_n
    return f"only the first {n} are listed ({PREFIX}TOP_N)" if rank > n else ""


def _barred(served: Served, person: Person, row: int) -> str:
    """The rule that keeps a product out of the list whatever its score."""
    if served.hidden[row]:
        return f"a rule of the shop: {served.maps.products['rule'][row].as_py()}"
    if row not in person.barred:
        return ""
    seen = served.settings.seen
    if seen != "never" and row in person.turned_down:
        return "the user sent it back or dislikes it"
    what = "its cool-down has not passed" if seen == "cooldown" else "what was met is not listed again"
    return f"the user met it, and {what} ({PREFIX}SEEN={seen})"


def _listable(served: Served, person: Person) -> np.ndarray:
    may = ~served.hidden
    may[person.barred] = False
    return may


def _known(served: Served, person: Person) -> Known:
    mould, user = served.mould, person.user
    if mould is None or user is None:
        raise ValueError("there is no model of the user")
    return Known(
        user.vector, mould.products, mould.trained, mould.factors, mould.equations, user.own, user.fitted,
        user.weights, user.again, mould.similar, served.boosts[served.row_of_place],
        mould.gram,
    )  # fmt: skip


def _parts(served: Served, known: Known, place: int, row: int) -> list[dict[str, Any]]:
    """The parts of a score, the largest first."""
    taken = explanation.parts(known, place)
    parts = []
    for own, amount in zip(served.row_of_place[known.own].tolist(), taken.own.tolist(), strict=True):
        named = served.product(own)
        parts.append({"amount": amount, "what": "own product", "product": named["product"], "name": named["name"]})
    for amount, what in (
        (taken.others, _others(served)),
        (taken.rules, f"the shop's rules: {served.maps.products['rule'][row].as_py()}"),
    ):
        if amount:
            parts.append({"amount": amount, "what": what, "product": None, "name": None})
    return sorted(parts, key=lambda part: -abs(part["amount"]))


def _others(served: Served) -> str:
    then = served.settings
    if then.algorithm == "ratings":
        return "what the user and the product are rated on average"
    half_life = then.popularity_half_life_days if then.algorithm != "popular" else None
    return f"popularity (half-life {half_life:.3g} days)" if half_life else "popularity"
