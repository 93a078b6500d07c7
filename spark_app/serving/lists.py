"""What is listed to a person: filters first, then the best of what is left, with reasons and what each filter took."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from spark_app import scoring
from spark_app.mapped.segment_maps import NOWHERE
from spark_app.numbers import equations, vectors
from spark_app.numbers.arrays import Floats, Indices
from spark_app.numbers.folding import User
from spark_app.serving.batching import Ask
from spark_app.serving.model import Order, Served
from spark_app.serving.people import Person

REASONS = 3
Best = Callable[[Ask], Awaitable[tuple[Indices, Floats]]]


class Newer(NamedTuple):
    """What events since the generation say of products, by row: their prices, and whether they are in stock."""

    prices: Mapping[int, float]
    in_stock: Mapping[int, bool]


class Filters(NamedTuple):
    """What may be listed at all; None stands for no such filter."""

    category: str | None = None
    brand: str | None = None
    min_price: float | None = None
    max_price: float | None = None
    in_stock: bool | None = None
    exclude_seen: bool | None = None
    newer: Newer | None = None

    @property
    def are_plain(self) -> bool:
        """Whether nothing is filtered but what the shop's own policy keeps out."""
        return self == Filters()

    @property
    def are_of_products(self) -> bool:
        """Whether products are filtered by what they are."""
        return self._replace(exclude_seen=None) != Filters()


class Listed(NamedTuple):
    """A list: rows of products and scores, the best first; for each up to three rows of own products that add most.

    `more` says whether anything may follow. `removed` counts by filter, each what the ones before it had left.
    """

    rows: Indices
    scores: Floats
    because: np.ndarray
    source: str
    more: bool
    removed: dict[str, int]


def published(served: Served, user_id: int, offset: int, limit: int) -> Listed | None:
    """Out of the published lists; None where the asked part reaches beyond them."""
    if not 0 <= user_id < len(served.maps.lists):
        return None
    rows, scores, because, source = served.maps.lists[user_id].item()
    length = int(np.count_nonzero(rows >= 0))
    if not length or (offset + limit > length == len(rows)):
        return None
    part = slice(offset, min(offset + limit, length))
    table = served.maps.met.of(user_id)
    _, removed = _shut_out(served, served.row_of_product[table["productId"][table["excluded"]]])
    return Listed(rows[part], scores[part], because[part], source.decode(), length > offset + limit, removed)


async def made(served: Served, person: Person, filters: Filters, best: Best, offset: int, limit: int) -> Listed:
    """A list made now, exact over all that the filters leave."""
    if person.user is None:
        allowed, removed = _allowed(served, person, filters)
        return _of_order(served.order(person.place), allowed, removed, offset, limit)
    # Whoever makes up a cursor gets no more than there is.
    wanted = min(offset + limit, len(served.row_of_place)) + 1
    ask, removed = asked(served, person, person.user, filters, wanted)
    places, scores = await best(ask)
    places, scores = places[places >= 0], scores[places >= 0]
    part = slice(offset, offset + limit)
    because = reasons(served, person.user, places[part])
    rows = served.row_of_place[places[part]]
    return Listed(rows, scores[part], because, served.source or "", len(places) > offset + limit, removed)


def reasons(served: Served, user: User, places: Indices) -> np.ndarray:
    """(places, 3) rows of the user's own products that add most to each score, -1 where fewer do."""
    mould = served.mould
    none = np.full((len(places), REASONS), -1, np.int32)
    if mould is None or mould.equations is None or not len(user.own) or not len(places):
        return none
    few = vectors.narrowed(user.own, user.weights, user.again, mould.similar, places)
    found = equations.because(
        np.ascontiguousarray(mould.products[few.places, : mould.factors]), few.habits.indptr, few.own, user.fitted,
        few.targets[None], mould.equations, top=REASONS, gram=mould.gram, habits=few.habits, similar=few.similar,
    )[0]  # fmt: skip
    return np.where(found >= 0, served.row_of_place[few.places[found]], -1)


def score(served: Served, user: User, place: int) -> float:
    """The score of one product for a user."""
    mould = served.mould
    if mould is None:
        raise ValueError("there is no model")
    total = float(mould.products[place].astype(np.float64) @ user.vector.astype(np.float64))
    if user.habits is not None:
        few = vectors.narrowed(user.own, user.weights, user.again, mould.similar, [place])
        total += float(scoring.added(few.habits, few.similar, len(few.places))[0, few.targets[0]])
    return total


def those(served: Served, filters: Filters) -> Indices:
    """Rows of all products that pass what is asked of them; hidden ones too."""
    left = np.ones(len(served.products), bool)
    for kept in _tests_of_products(served, filters).values():
        left &= kept
    return np.flatnonzero(left).astype(np.int32)


def popular(served: Served, filters: Filters, offset: int, limit: int) -> Listed:
    """The most popular of what the filters leave, the same for everyone."""
    nobody = np.empty(0, np.int32)
    allowed, removed = _allowed(served, Person(None, nobody, nobody, nobody), filters)
    del removed["seen"]
    return _of_order(served.order(NOWHERE), allowed, removed, offset, limit)


def asked(served: Served, person: Person, user: User, filters: Filters, wanted: int) -> tuple[Ask, dict[str, int]]:
    """What is to be ranked, by the places that are out, or by those that are in where they are few."""
    habits, chosen = user.habits, None
    if not filters.are_of_products:
        rows, removed = _shut_out(served, _out(person, filters.exclude_seen))
        out = served.place_of_row[rows]
        out = out[out >= 0]
    else:
        allowed, removed = _allowed(served, person, filters)
        of_places = allowed[served.row_of_place]
        out = np.flatnonzero(~of_places).astype(np.int32)
        if 2 * len(out) > len(of_places):
            chosen, out = np.flatnonzero(of_places).astype(np.int32), out[:0]
    if habits is None:
        return Ask(user.vector, out, wanted, allowed=chosen), removed
    return Ask(user.vector, out, wanted, habits.indices, habits.weights, habits.again, chosen), removed


def _shut_out(served: Served, seen: Indices) -> tuple[Indices, dict[str, int]]:
    """Rows that are out where no product is filtered by what it is, and how many each reason took."""
    hidden = served.hidden_rows
    if len(hidden):
        hidden = np.setdiff1d(hidden, seen, assume_unique=True)
    return np.concatenate([seen, hidden]), {"seen": len(seen), "hidden": len(hidden)}


def _allowed(served: Served, person: Person, filters: Filters) -> tuple[np.ndarray, dict[str, int]]:
    """(products,) what may be listed, and how many each filter took of what was left by then."""
    left, removed = np.ones(len(served.products), bool), {}
    for name, kept in _tests(served, person, filters).items():
        taken = left & ~kept
        removed[name] = int(taken.sum())
        left &= kept
    return left, removed


def _tests(served: Served, person: Person, filters: Filters) -> dict[str, np.ndarray]:
    """Filter -> (products,) what passes it."""
    seen = np.ones(len(served.products), bool)
    seen[_out(person, filters.exclude_seen)] = False
    return {"seen": seen, "hidden": ~served.hidden} | _tests_of_products(served, filters)


def _tests_of_products(served: Served, filters: Filters) -> dict[str, np.ndarray]:
    """The same of what is filtered by what it is."""
    found = {}
    if filters.category is not None:
        found["category"] = served.categories.are(filters.category)
    if filters.brand is not None:
        found["brand"] = served.brands.are(filters.brand)
    if filters.min_price is not None or filters.max_price is not None:
        low = -np.inf if filters.min_price is None else filters.min_price
        high = np.inf if filters.max_price is None else filters.max_price
        prices = _with(served.prices, filters.newer and filters.newer.prices)
        found["price"] = (prices >= low) & (prices <= high)
    if filters.in_stock is not None:
        found["in_stock"] = _with(served.in_stock, filters.newer and filters.newer.in_stock) == filters.in_stock
    return found


def _with(values: np.ndarray, newer: Mapping[int, Any] | None) -> np.ndarray:
    """The values, with newer ones of some rows in their places."""
    if not newer:
        return values
    changed = values.copy()
    changed[list(newer)] = list(newer.values())
    return changed


def _out(person: Person, exclude_seen: bool | None) -> Indices:
    if exclude_seen is None:
        return person.barred
    return person.met if exclude_seen else person.turned_down


def _of_order(order: Order, allowed: np.ndarray, removed: dict[str, int], offset: int, limit: int) -> Listed:
    """What is popular, for whom nothing is known."""
    rows = order.rows[allowed[order.rows]]
    part = rows[offset : offset + limit]
    none = np.full((len(part), REASONS), -1, np.int32)
    return Listed(part, order.scores[part].astype(np.float32), none, order.source, len(rows) > offset + limit, removed)
