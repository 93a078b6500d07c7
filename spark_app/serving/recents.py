"""What one user turned to last, as recency.py defines it: the generation's pairs, later events and newer brands."""

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from typing import Any

import numpy as np

from spark_app.generations import Generation
from spark_app.mapped import maps
from spark_app.serving import describing, model, people
from spark_app.serving.fresh import Event, Fresh
from spark_app.serving.model import Served
from spark_app.serving.tail import Tail
from spark_app.settings import Settings
from spark_app.storage.tables import DamagedError
from spark_app.timeline import recency, spans
from spark_app.timeline.recency import TURNED, Kind, Look


def of(served: Served, fresh: Fresh, user_id: int, later: Sequence[Event], kind: Kind, n: int) -> list[Look]:
    """The last `n` brands or products of a user with these events since, -1 for one that the generation never met."""
    newer = _turned(served, later)
    rows, at = _known(served, user_id)
    again = np.isin(rows, [served.products.find(product) for product in newer])
    for row, time in zip(rows[again].tolist(), at[again].tolist(), strict=True):
        product = served.products[row]
        newer[product] = max(newer[product], time)
    before = _looks(served, fresh, rows[~again], at[~again])
    since = [Look(product, brand_of(served, fresh, product), time) for product, time in newer.items()]
    return recency.last(merge(before, sorted(since, key=recency.order), key=recency.order), kind, n)


def told(served: Served, fresh: Fresh, user: str, kind: Kind, n: int) -> dict[str, Any]:
    """The same as it is answered: looks.Recents without its checks."""
    user_id, later = served.user_id(user), fresh.of(user, served.version)
    looks = of(served, fresh, user_id, later, kind, n)
    found = [
        describing.of_product(served, fresh, look.product)
        | {"brand": look.brand, "rank": rank, "last_event_at": spans.moment(look.at)}
        for rank, look in enumerate(looks, 1)
    ]
    since = sum(event.product is not None for event in later)
    return {"generation": served.id, "user": user, "kind": kind, "folded_in": since, "recent": found}


def asked(generation: Generation, settings: Settings, user: str, kind: Kind, n: int) -> dict[str, Any]:
    """The same without a server: a generation, and what the event table got since, or DamagedError."""
    served, fresh = model.opened(generation, settings), Fresh()
    tail = Tail(settings, fresh)
    tail.catch_up(served.version)
    if tail.fault:
        raise DamagedError(tail.fault)
    return told(served, fresh, user, kind, n)


def brand_of(served: Served, fresh: Fresh, product: str) -> str | None:
    """The brand that the newest event gives a product; of what was said at one time, the last in order."""
    row = served.products.find(product)
    return _brand(served, fresh, row, product) if row >= 0 else fresh.details(product).brand


def _turned(served: Served, later: Iterable[Event]) -> dict[str, int]:
    """Product -> when the user turned to it last, among these events."""
    kinds, found = recency.turning(served.settings.weights), dict[str, int]()
    for event in later:
        if event.product is not None and event.event_type in kinds and event.quantity > 0:
            found[event.product] = max(event.occurred_at, found.get(event.product, event.occurred_at))
    return found


def _known(served: Served, user_id: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows of products, when the user turned to them last) of the generation."""
    table = people.rows_of(served, user_id)
    # A generation of before there were recents knows when they met at all.
    at = table[TURNED if TURNED in (table.dtype.names or ()) else "last_event_at"]
    turned = at != maps.NULL_TIME
    return served.row_of_product[table["productId"][turned]], at[turned]


def _looks(served: Served, fresh: Fresh, rows: np.ndarray, at: np.ndarray) -> Iterator[Look]:
    # Rows stand in the order of ids.
    for place in np.lexsort((rows, -at)).tolist():
        row = int(rows[place])
        product = served.products[row]
        yield Look(product, _brand(served, fresh, row, product), int(at[place]))


def _brand(served: Served, fresh: Fresh, row: int, product: str) -> str | None:
    known = served.maps.products["brand"][row].as_py()
    said = fresh.said_of(product, "brand") if fresh.describes else None
    if said is None:
        return known
    return str(said[1] if known is None else max((int(served.brand_times[row]), known), said)[1])
