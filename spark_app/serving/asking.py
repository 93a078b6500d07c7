"""What routes share: a generation and a place to go on from, a person by id, and lists as they are answered."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import Response

from spark_app.mapped.segment_maps import NOWHERE
from spark_app.numbers.arrays import Indices
from spark_app.serving import cursor, describing, people, rendering
from spark_app.serving.answers import Session
from spark_app.serving.fresh import Event
from spark_app.serving.lists import Filters, Listed, Newer
from spark_app.serving.model import Served
from spark_app.serving.people import Person
from spark_app.serving.problems import Problem
from spark_app.serving.shown import Shown
from spark_app.serving.state import State
from spark_app.timeline.spans import SECOND


def begun(state: State, text: str | None) -> tuple[Shown, int]:
    """(generation, how many were shown): the published one from its start, or where a cursor goes on.

    Raises Problem 503 while there is none, 400 for a bad cursor, 410 for one of a generation that has gone.
    """
    if text is None:
        return state.shown(), 0
    asked = cursor.read(text)
    if (held := state.held(asked.generation)) is None:
        raise Problem(410, "Cursor has expired", f"generation {asked.generation} is not served any more: begin anew")
    return held, asked.offset


def filtered(state: State, served: Served, filters: Filters) -> Filters:
    """The filters, with what events since the generation say of what they look at."""
    if not state.fresh.describes or (filters.in_stock, filters.min_price, filters.max_price) == (None, None, None):
        return filters
    prices, in_stock = (_by_row(served, state.fresh.said(field)) for field in ("price", "in_stock"))
    return filters._replace(newer=Newer(prices, in_stock))


def _by_row(served: Served, said: Mapping[str, Any]) -> dict[int, Any]:
    """What is said of the products that the generation knows."""
    found = {served.products.find(product): value for product, value in said.items()}
    return {row: value for row, value in found.items() if row >= 0}


def part(served: Served, rows: Sequence[Any] | Indices, offset: int, limit: int) -> tuple[Any, str | None]:
    """Some of the rows, and the cursor behind them where there are more."""
    end = offset + limit
    return rows[offset:end], following(served, end, len(rows) > end)


def following(served: Served, offset: int, more: bool) -> str | None:
    """The cursor behind what was shown."""
    return cursor.written(served.id, offset) if more else None


def person(state: State, served: Served, user: str) -> Person:
    """A user, whoever that is, with what happened since the generation."""
    return anyone(state, served, user, state.fresh.of(user, served.version))


def anyone(state: State, served: Served, user: str, later: Sequence[Event]) -> Person:
    """A user with these events since the generation; one that it never met is in the segment that is known by now."""
    user_id = served.user_id(user)
    one = people.known(served, user_id, later)
    if user_id >= 0 or one.user is not None:
        return one
    return one._replace(place=_place_now(state, served, user))


def _place_now(state: State, served: Served, user: str) -> int:
    """The place in the generation of the user's segment by now; NOWHERE without one, and while that cannot be read."""
    if not served.segments:
        return NOWHERE
    try:
        return served.place_in(state.segments.of(user))
    except Problem:
        return NOWHERE


def met(state: State, served: Served, user: str) -> tuple[int, Sequence[Event]]:
    """(engine's id, events since) of a user that the generation or such an event has met; Problem 404 for any other."""
    later, user_id = state.fresh.of(user, served.version), served.user_id(user)
    if user_id < 0 and not later:
        raise Problem(404, "Unknown user", f"no event of {user!r} was ever taken in", user=user)
    return user_id, later


def row_of(served: Served, product: str) -> int:
    """The row of a product; Problem 404 for one that the generation never met."""
    row = served.products.find(product)
    if row < 0:
        raise Problem(404, "Unknown product", f"product {product!r} is not in generation {served.id}", product=product)
    return row


def listed(
    state: State, served: Served, user: str | None, found: Listed, *, offset: int, folded: int, items: bytes = b""
) -> bytes:
    """A list as it is answered."""
    how_old = age(state, served)
    return rendering.listed(
        served, state.fresh, user, found, offset=offset, folded=folded, age=how_old, items=items
    )


def described(state: State, served: Served, row: int) -> dict[str, Any]:
    """What is known of a product, the newest events included."""
    return describing.of_row(served, state.fresh, row)


def age(state: State, served: Served) -> float:
    """Seconds since the newest event that answers take into account."""
    newest = max(served.newest_event_at, state.fresh.newest_at)
    return round(max(time.time() - newest / SECOND, 0.0), 3)


def somebody(state: State, served: Served, session: Session) -> Person:
    """A user, or nobody who is known, with what happens just now; it is kept nowhere."""
    now, user = int(time.time() * SECOND), session.user or ""
    happened = [
        Event("", user, one.product, one.event_type, one.quantity, one.rating, now, None, None, None, None, None)
        for one in session.events
    ]
    if session.user is None:
        return people.known(served, -1, happened)
    return anyone(state, served, user, [*state.fresh.of(user, served.version), *happened])


def answer(content: Any, status: int = 200) -> Response:
    """JSON, without a detour through the types that describe it."""
    whole = content if isinstance(content, bytes) else orjson.dumps(content)
    return Response(whole, status, media_type="application/json")
