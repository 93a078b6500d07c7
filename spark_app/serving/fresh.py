"""What is known beyond a generation: events that were just posted, and those that the event table got since."""

from typing import NamedTuple


class Event(NamedTuple):
    """An event as serving needs it; `occurred_at` in microseconds since 1970, UTC."""

    event_id: str
    user: str
    product: str | None
    event_type: str
    quantity: float
    rating: float | None
    occurred_at: int
    price: float | None
    brand: str | None
    category: str | None
    name: str | None
    in_stock: bool | None
