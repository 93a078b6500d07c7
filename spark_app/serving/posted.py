"""A judged event as it goes two ways: a line of JSON for the stream, and the Event that counts at once."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from spark_app.intake import checks
from spark_app.serving.fresh import Event

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Posted(NamedTuple):
    """An event, and the line (without its end) that the stream takes as the same."""

    event: Event
    line: bytes


def of(accepted: Mapping[str, Any]) -> Posted:
    """From the columns of checks.Accepted; one without an id gets one of its own."""
    named = {**accepted, "event_id": accepted["event_id"] or str(uuid.uuid4())}
    return Posted(_event(named), checks.line(named))


def _event(columns: Mapping[str, Any]) -> Event:
    data = columns["product_data"] or {}
    said = {name: data.get(name) for name in ("brand", "category", "name", "in_stock")}
    listed = data.get("price")
    return Event(
        event_id=columns["event_id"],
        user=columns["user"],
        product=columns["product"],
        event_type=columns["event_type"],
        quantity=columns["quantity"],
        rating=columns["rating"],
        occurred_at=(columns["occurred_at"] - _EPOCH) // timedelta(microseconds=1),
        price=columns["price"] if listed is None else listed,
        **said,
    )
