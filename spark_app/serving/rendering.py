"""Lists as JSON, put together from parts that are made once for each product: this is what is asked for most."""

from typing import NamedTuple

import orjson

from spark_app.serving import cursor, describing, lists
from spark_app.serving.fresh import Fresh
from spark_app.serving.lists import Listed
from spark_app.serving.model import Served


class Page(NamedTuple):
    """A part of a published list, and its items as JSON, as they are while no later event says more of a product."""

    found: Listed
    items: bytes


def page(served: Served, user_id: int, offset: int, limit: int) -> Page | None:
    """Out of the published lists; None where the asked part reaches beyond them."""
    found = lists.published(served, user_id, offset, limit)
    return None if found is None else Page(found, _items(served, None, found, offset))


def listed(
    served: Served, fresh: Fresh, user: str | None, found: Listed, *, offset: int, folded: int, age: float,
    items: bytes = b"",
) -> bytes:  # fmt: skip
    """A list as answers.Recommendations has it; `items` are taken where they are given and nothing newer is known."""
    if not items or fresh.describes:
        items = _items(served, fresh, found, offset)
    more = cursor.written(served.id, offset + len(found.rows)) if found.more else None
    said = {
        "generation": served.id, "next_cursor": more, "user": user, "source": found.source,
        "trained_at": served.trained_at, "age_seconds": age, "folded_in": folded, "removed": found.removed,
    }  # fmt: skip
    return b'%b,"recommendations":[%b]}' % (orjson.dumps(said)[:-1], items)


def _items(served: Served, fresh: Fresh | None, found: Listed, offset: int) -> bytes:
    names, items = served.named, []
    rows = zip(found.rows.tolist(), found.scores.tolist(), found.because.tolist(), strict=True)
    for rank, (row, score, because) in enumerate(rows, offset + 1):
        reasons = b",".join([names(one) for one in because if one >= 0])
        said = _described(served, fresh, row)
        items.append(b'{"rank":%d,"score":%r,"because":[%b],%b}' % (rank, score, reasons, said))
    return b",".join(items)


def _described(served: Served, fresh: Fresh | None, row: int) -> bytes:
    if fresh is not None and fresh.describes:
        return orjson.dumps(describing.of_row(served, fresh, row))[1:-1]
    return served.details(row)
