"""Why, and why not: a product's score for a person taken apart, and the rule that keeps it out of the list."""

from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from spark_app.numbers import explanation
from spark_app.numbers.explanation import Known
from spark_app.serving.model import SEGMENT, Served
from spark_app.serving.people import Person
from spark_app.settings import PREFIX

FALLBACK = "the user has shown no interest that counts, so the list is the fallback's"
IN_SEGMENT = "the user has shown no interest that counts, so the list is what is popular in the user's segment"
NOT_KNOWN = "nobody has shown interest in the product, and nothing of its category or brand is known"


class Part(NamedTuple):
    """What something adds to a score: one of the user's own products, or what stands beside them."""

    amount: float
    what: str
    product: str | None = None
    name: str | None = None


class Reasons(NamedTuple):
    """Why a product stands where it does; `score` is None, and there are no parts, where nothing is predicted.

    `rank` is its place among what may be listed, as if it might be; `removed_by` says what keeps it out, empty when it
    is listed.
    """

    score: float | None
    rank: int | None
    listable: int
    removed_by: str
    parts: list[Part]


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
    order = served.order(person.place)
    if row not in order.rows:
        return Reasons(None, None, 0, barred or NOT_KNOWN, [])
    may = _listable(served, person)
    may[row] = True
    rank = int(np.flatnonzero(order.rows[may[order.rows]] == row)[0]) + 1
    score = float(order.scores[row])
    what = IN_SEGMENT if order.source == SEGMENT else FALLBACK
    part = Part(score, f"popularity: {what}")
    return Reasons(score, rank, int(may[order.rows].sum()), barred or _too_low(served, rank), [part])


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
    when = f"last on {datetime.fromtimestamp(person.last_at(row) / 1e6, UTC):%Y-%m-%d}"
    if seen != "never" and row in person.turned_down:
        return f"the user sent it back or dislikes it, {when}"
    what = "its cool-down has not passed" if seen == "cooldown" else "what was met is not listed again"
    return f"the user met it, {when}, and {what} ({PREFIX}SEEN={seen})"


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


def _parts(served: Served, known: Known, place: int, row: int) -> list[Part]:
    """The parts of a score, the largest first."""
    taken = explanation.parts(known, place)
    own = [served.product(one) for one in served.row_of_place[known.own].tolist()]
    parts = [
        Part(amount, "own product", named["product"], named["name"])
        for amount, named in zip(taken.own.tolist(), own, strict=True)
    ]
    if taken.others:
        parts.append(Part(taken.others, _others(served)))
    if taken.rules:
        parts.append(Part(taken.rules, f"the shop's rules: {served.maps.products['rule'][row].as_py()}"))
    return sorted(parts, key=lambda part: -abs(part.amount))


def _others(served: Served) -> str:
    then = served.settings
    if then.algorithm == "ratings":
        return "what the user and the product are rated on average"
    half_life = then.popularity_half_life_days if then.algorithm != "popular" else None
    return f"popularity (half-life {half_life:.3g} days)" if half_life else "popularity"
