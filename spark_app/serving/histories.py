"""What users have met: the generation's pairs and later events, as rows to be shown."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from spark_app.numbers.arrays import Indices
from spark_app.numbers.strengths import Pair
from spark_app.serving import lists, people
from spark_app.serving.fresh import Event
from spark_app.serving.model import Served
from spark_app.timeline import spans


def users(served: Served, order: str) -> Indices:
    """Rows of all users, by id, or by how many products they have met."""
    if order == "id":
        return np.arange(len(served.users), dtype=np.int32)
    starts = served.maps.met.starts
    counts = np.zeros(len(served.users), np.int64)
    known = np.flatnonzero(served.row_of_user[: len(starts) - 1] >= 0)
    counts[served.row_of_user[known]] = np.diff(starts)[known]
    return np.argsort(-counts, kind="stable").astype(np.int32)


def of(served: Served, user_id: int, later: Sequence[Event], order: str) -> list[tuple[int, dict[str, Any]]]:
    """(row of the product, what the user did with it), the newest first or what fits least; -1 for a new product."""
    found = _pairs(served, user_id, later)
    if order == "surprise" and (user := people.known(served, user_id, later).user) is not None:
        known = [one for one in found if one[0] >= 0 and served.place_of_row[one[0]] >= 0]
        return sorted(known, key=lambda one: lists.score(served, user, int(served.place_of_row[one[0]])))
    by_name = sorted(found, key=lambda one: one[1]["product"])
    return sorted(by_name, key=lambda one: one[1]["last_event_at"], reverse=True)


def _pairs(served: Served, user_id: int, later: Sequence[Event]) -> list[tuple[int, dict[str, Any]]]:
    pairs, unknown = people.pairs(served, people.rows_of(served, user_id), later)
    strengths = people.strengths_of(served, {**pairs, **unknown})
    known = [(row, _met(served.products[row], pair, strengths[row])) for row, pair in pairs.items()]
    return known + [(-1, _met(product, pair, strengths[product])) for product, pair in unknown.items()]


def _met(product: str, pair: Pair, strength: float | None) -> dict[str, Any]:
    at = spans.moment(pair.last_at)
    return {"product": product, "events": pair.events, "last_event_at": at, "strength": strength}
