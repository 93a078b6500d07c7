"""Lists as JSON, put together from parts that are made once for each product: this is what is asked for most."""

from typing import Any

import orjson

from spark_app.serving import cursor
from spark_app.serving.fresh import Details, Fresh
from spark_app.serving.lists import Listed
from spark_app.serving.model import Served

_NOTHING_NEW = Details()


def listed(
    served: Served, fresh: Fresh, user: str | None, found: Listed, *, offset: int, folded: int, age: float
) -> bytes:
    """A list as answers.Recommendations has it."""
    faces, items = served.face, []
    for place, (row, score, because) in enumerate(
        zip(found.rows.tolist(), found.scores.tolist(), found.because.tolist(), strict=True), offset + 1
    ):
        reasons = b",".join([faces(one).name for one in because if one >= 0])
        described = _described(served, fresh, row)
        items.append(b'{"rank":%d,"score":%r,"because":[%b],%b}' % (place, score, reasons, described))
    more = cursor.written(served.id, offset + len(items)) if found.more else None
    said = {
        "generation": served.id, "next_cursor": more, "user": user, "source": found.source,
        "trained_at": served.trained_at, "age_seconds": age, "folded_in": folded, "removed": found.removed,
    }  # fmt: skip
    return b'%b,"recommendations":[%b]}' % (orjson.dumps(said)[:-1], b",".join(items))


def described(served: Served, fresh: Fresh, row: int) -> dict[str, Any]:
    """What is known of a product, the newest events included."""
    known = served.product(row)
    newer = fresh.details(known["product"])
    if newer == _NOTHING_NEW:
        return known
    return known | {name: value for name, value in newer._asdict().items() if value is not None}


def _described(served: Served, fresh: Fresh, row: int) -> bytes:
    if fresh.describes:
        return orjson.dumps(described(served, fresh, row))[1:-1]
    return served.face(row).details
