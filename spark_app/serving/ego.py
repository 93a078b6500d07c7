"""The graph around a user: what is recommended to them, and others to whom that is recommended too."""

from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from spark_app import generations
from spark_app.generations import Generation


class Ego(NamedTuple):
    """Vertices and edges as rows, and how many other users share a product, of whom some are shown."""

    vertices: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    shown: int
    others: int


def around(generation: Generation, user: str, most: int) -> Ego | None:
    """The user's list, and of the others with one of its products the `most` best ranked; None without a list."""
    own = f"u:{user}"
    mine = _edges(generation, pc.field("src") == own)
    if not mine.num_rows:
        return None
    theirs = _edges(generation, pc.field("dst").isin(mine["dst"]) & (pc.field("src") != own))
    others = theirs.group_by("src").aggregate([("rank", "min"), ("dst", "count")])
    best = others.sort_by([("dst_count", "descending"), ("rank_min", "ascending"), ("src", "ascending")])["src"][:most]
    edges = pa.concat_tables([mine, theirs.filter(pc.is_in(theirs["src"], best))])
    edges = edges.sort_by([("src", "ascending"), ("rank", "ascending")])
    ids = pa.array({*edges["src"].to_pylist(), *edges["dst"].to_pylist()}, pa.string())
    vertices = generations.scan(generation, generations.VERTICES, filter=pc.field("id").isin(ids)).sort_by("id")
    return Ego(vertices.to_pylist(), edges.to_pylist(), len(best), others.num_rows)


def _edges(generation: Generation, which: pc.Expression) -> pa.Table:
    return generations.scan(generation, generations.EDGES, filter=which)
