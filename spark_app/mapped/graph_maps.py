"""The graph of a generation as arrays to be mapped, beside those of `maps`: what its vertices are, and who is joined.

Users and products stand at the rows that they have there. The edges that lead from a user are its published list.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_app import generations
from spark_app.generations import Generation
from spark_app.numbers import vectors
from spark_app.numbers.arrays import Indices, Places
from spark_app.numbers.hashed import Hashed

VERTEX = np.dtype([("degree", "i4"), ("community", "i4"), ("component", "i4"), ("pagerank", "f8")])
# Of who is no vertex.
NOWHERE = -1
_LISTS_AT_ONCE = 100_000


class GraphMaps(NamedTuple):
    """(users,) and (products,) of VERTEX, NOWHERE for one without an edge; and to whom products are recommended.

    Product j is recommended to the users with the rows listed[starts[j]:starts[j + 1]].
    """

    users: np.ndarray
    products: np.ndarray
    starts: NDArray[np.int64]
    listed: Indices

    def users_of(self, row: int) -> Indices:
        """Rows of the users to whom a product is recommended."""
        return self.listed[self.starts[row] : self.starts[row + 1]]


def make(generation: Generation, users: pa.Table, products: pa.Table, lists: np.ndarray, home: Path) -> None:
    """Write the arrays, some vertices or lists at a time; nothing where the generation has no graph."""
    if not (generation.folder / generations.VERTICES).exists():
        return
    for kind, names in (("user", users["user"]), ("product", products["product"])):
        _make_vertices(generation, kind, Hashed(names), home / f"graph_{kind}s.npy")
    row_of_user = vectors.places(users["userId"].to_numpy(), np.arange(len(lists), dtype=np.int32))
    _make_listed(lists["rows"], row_of_user, len(products), home)


def _make_vertices(generation: Generation, kind: str, names: Hashed, path: Path) -> None:
    """Vertices of one kind, at the rows of their names; an id is a letter, a colon and the name."""
    found = np.lib.format.open_memmap(path, "w+", VERTEX, (len(names),))
    found["community"] = found["component"] = NOWHERE
    columns = ["id", *(VERTEX.names or ())]
    for some in generations.batches(generation, generations.VERTICES, columns, filter=pc.field("type") == kind):
        rows = names.rows(pc.utf8_slice_codeunits(some.column("id"), 2))
        for name in VERTEX.names or ():
            found[name][rows] = some.column(name).to_numpy()
    found.flush()


def _make_listed(lists: Indices, row_of_user: Indices, products: int, home: Path) -> None:
    """Who is recommended each product, from rows of products (users, length), -1 where nothing is: by counting."""
    parts = [slice(start, start + _LISTS_AT_ONCE) for start in range(0, len(lists), _LISTS_AT_ONCE)]
    counts = sum((_counted(lists[part], products) for part in parts), np.zeros(products, np.int64))
    starts = np.concatenate([[0], np.cumsum(counts)])
    listed = np.lib.format.open_memmap(home / "listed.npy", "w+", np.int32, (int(starts[-1]),))
    at = starts[:-1].copy()
    for part in parts:
        ids, places = np.nonzero(lists[part] >= 0)
        chosen = lists[part][ids, places]
        order, own = np.argsort(chosen, kind="stable"), _counted(lists[part], products)
        # Those of one product stand together: each goes as far behind the ones before as it is behind its first.
        behind = np.arange(len(order)) - np.repeat(np.cumsum(own) - own, own)
        listed[at[chosen[order]] + behind] = row_of_user[part][ids[order]]
        at += own
    listed.flush()
    np.save(home / "listed_starts.npy", starts)


def _counted(lists: Indices, products: int) -> Places:
    """On how many of these lists each product stands."""
    return np.bincount(lists[lists >= 0], minlength=products)
