"""Whom a list is for: a user as the generation knows one, with later events folded in; a session; a group."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from spark_app.mapped import maps
from spark_app.mapped.segment_maps import NOWHERE
from spark_app.numbers import folding, strengths
from spark_app.numbers.arrays import Indices
from spark_app.numbers.folding import Own, User
from spark_app.numbers.strengths import LAST_RATING, NET, NEWEST, RATED, RATED_AT, RATING, Deed, Key, Pair
from spark_app.serving.fresh import Event
from spark_app.serving.model import Served

ALWAYS = "always"


class Person(NamedTuple):
    """Whom a list is for.

    `user` is None where the model knows nothing of them. `met` are rows of products with which they had to do, and `at`
    when last, in microseconds; `barred` are those that the shop's policy keeps out, `turned_down` those that were sent
    back or are disliked. `folded` says how many later events count. `place` is that of the segment which the list is of
    where `user` is None.
    """

    user: User | None
    met: Indices
    barred: Indices
    turned_down: Indices
    folded: int = 0
    at: np.ndarray = np.empty(0, np.int64)
    place: int = NOWHERE

    def last_at(self, row: int) -> int:
        """When they met a product last, in microseconds; 0 where they did not, and for a group."""
        return int(self.at[self.met == row].max(initial=0)) if len(self.at) == len(self.met) else 0


def known(served: Served, user_id: int, later: Sequence[Event] = ()) -> Person:
    """A user of the generation, with what happened since; -1 for one that it never met."""
    table, place = rows_of(served, user_id), served.place_of(user_id)
    if any(event.product is not None for event in later):
        return _updated(served, table, later)._replace(place=place)
    rows = served.row_of_product[table["productId"]]
    user, at = _as_trained(served, user_id, table), table["last_event_at"]
    return Person(user, rows, rows[table["excluded"]], rows[_lost(table)], at=at, place=place)


def rows_of(served: Served, user_id: int) -> np.ndarray:
    """What the generation keeps of a user's pairs; nothing for -1."""
    return served.maps.met.of(user_id) if user_id >= 0 else served.maps.met.table[:0]


def happened(served: Served, later: Sequence[Event]) -> list[int]:
    """Rows of the products of these events, of each that the generation knows."""
    found = (served.products.find(event.product) for event in later if event.product is not None)
    return [row for row in found if row >= 0]


def group(served: Served, people: Sequence[Person]) -> Person:
    """All of them at once: each one's scores count alike, by their spread; what one may not see, none is shown."""
    members = [one.user for one in people if one.user is not None]
    met, barred, down = (_union(getattr(one, name) for one in people) for name in ("met", "barred", "turned_down"))
    together = _mean(served, members) if members else None
    places = {one.place for one in people}
    shared = places.pop() if len(places) == 1 else NOWHERE
    return Person(together, met, barred, down, sum(one.folded for one in people), place=shared)


def _as_trained(served: Served, user_id: int, table: np.ndarray) -> User | None:
    vector = served.vector(user_id)
    if vector is None:
        return None
    own = table[table["trained"]]
    places = served.place_of_row[served.row_of_product[own["productId"]]]
    order = np.argsort(places)
    numbers = (np.ascontiguousarray(own[name][order]) for name in ("fitted", "weight", "again"))
    return User(vector, places[order].astype(np.int32), *numbers)


def pairs(served: Served, table: np.ndarray, later: Sequence[Event]) -> tuple[dict[int, Pair], dict[str, Pair]]:
    """What one user did with each product, by row, and with products that the generation never met, by id."""
    known: dict[int, Pair] = {}
    unknown: dict[str, Pair] = {}
    columns = _columns(table.dtype.names or ())
    for row, one in zip(served.row_of_product[table["productId"]].tolist(), table, strict=True):
        known[row] = _pair(one, columns)
    for event in later:
        if event.product is None:
            continue
        row = served.products.find(event.product)
        pair = known.setdefault(row, Pair()) if row >= 0 else unknown.setdefault(event.product, Pair())
        pair.add([_deed(event)])
    return known, unknown


def strengths_of(served: Served, found: Mapping[Key, Pair]) -> dict[Key, float | None]:
    """How strongly the user has shown interest in each, as the next training will have it."""
    return strengths.of(found, served.terms)


def _updated(served: Served, table: np.ndarray, later: Sequence[Event]) -> Person:
    """With later events: strengths are made anew, and the user is folded in."""
    found, _ = pairs(served, table, later)
    strong = strengths_of(served, found)
    counted = happened(served, later)
    touched = set(counted)
    before = set(served.row_of_product[table["productId"][table["excluded"]]].tolist()) - touched
    # What was met just now is not due again, whatever the cool-down.
    barred = before | ({row for row in touched if strong[row] is None} if served.settings.seen == ALWAYS else touched)
    down = [row for row, strength in strong.items() if strength is None]
    user = folded(served, found, strong)
    met = _rows(found)
    at = np.array([found[row].last_at for row in met.tolist()], np.int64)
    return Person(user, met, _rows(barred), _rows(down), len(counted), at)


def folded(served: Served, pairs: dict[int, Pair], found: dict[int, float | None]) -> User | None:
    """The user with these pairs and their strengths; None where the model learns nothing from them."""
    mould = served.mould
    if mould is None:
        return None
    is_rated = mould.recipe.base == "ratings"
    values = _ratings(pairs) if is_rated else {row: value for row, value in found.items() if value is not None}
    own = [(int(served.place_of_row[row]), value, pairs[row].events) for row, value in values.items()]
    own = [one for one in own if one[0] >= 0 and mould.trained[one[0]]]
    return folding.fold_in(Own.of(*zip(*own, strict=True)), mould) if own else None


def _ratings(pairs: dict[int, Pair]) -> dict[int, float]:
    """The newest of each, as training takes it."""
    return {row: pair.last_rating for row, pair in pairs.items() if pair.rated}


class _Columns(NamedTuple):
    """(column, event type) of what was netted, and whether ratings were."""

    nets: list[tuple[str, str]]
    newest: list[tuple[str, str]]
    are_rated: bool


def _columns(names: Sequence[str]) -> _Columns:
    nets, newest = (
        [(name, strengths.kind_of(name)) for name in names if name.startswith(part)] for part in (NET, NEWEST)
    )
    return _Columns(nets, newest, RATED in names)


def _pair(row: np.void, columns: _Columns) -> Pair:
    """What was netted when the generation was made."""
    pair = Pair(events=int(row["event_count"]), last_at=int(row["last_event_at"]))
    pair.nets = {kind: float(row[name]) for name, kind in columns.nets if not np.isnan(row[name])}
    pair.newest = {kind: int(row[name]) for name, kind in columns.newest if row[name] != maps.NULL_TIME}
    if columns.are_rated and row[RATED]:
        pair.rated, pair.ratings = int(row[RATED]), float(row[RATING]) * int(row[RATED])
        pair.last_rating, pair.rated_at = float(row[LAST_RATING]), int(row[RATED_AT])
    return pair


def _deed(event: Event) -> Deed:
    return Deed(event.event_type, event.quantity, event.occurred_at, event.rating)


def _lost(table: np.ndarray) -> np.ndarray:
    """Pairs of which nothing positive is left."""
    return np.isnan(table["strength"])


def _mean(served: Served, members: Sequence[User]) -> User:
    mould = served.mould
    if mould is None:
        raise ValueError("there is no model to add users up in")
    shares = [1 / (spread * len(members)) if (spread := folding.spread(one, mould)) > 0 else 0.0 for one in members]
    vector = sum(share * one.vector.astype(np.float64) for share, one in zip(shares, members, strict=True))
    places = _union(one.own for one in members)
    sums = {name: np.zeros(len(places)) for name in ("fitted", "weights", "again")}
    for share, one in zip(shares, members, strict=True):
        at = np.searchsorted(places, one.own)
        for name, total in sums.items():
            total[at] += share * getattr(one, name)
    return User(np.asarray(vector, np.float32), places, *(total.astype(np.float32) for total in sums.values()))


def _union(parts: Iterable[np.ndarray]) -> Indices:
    return np.unique(np.concatenate([np.empty(0, np.int32), *parts])).astype(np.int32)


def _rows(rows: Iterable[int]) -> Indices:
    return np.array(sorted(rows), np.int32)
