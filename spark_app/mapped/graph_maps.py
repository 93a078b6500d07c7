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
from spark_app.numbers.arrays import Indices

VERTEX = np.dtype([("degree", "i4"), ("community", "i4"), ("component", "i4"), ("pagerank", "f8")])
# Of who is no vertex.
NOWHERE = -1


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
    """Write the arrays; nothing where the generation has no graph."""
    if not (generation.folder / generations.VERTICES).exists():
        return
    vertices = generations.scan(generation, generations.VERTICES)
    for kind, names in (("user", users["user"]), ("product", products["product"])):
        np.save(home / f"graph_{kind}s.npy", _vertices(vertices.filter(pc.field("type") == kind), names))
    row_of_user = vectors.places(users["userId"].to_numpy(), np.arange(len(lists), dtype=np.int32))
    ids, places = np.nonzero(lists["rows"] >= 0)
    chosen = lists["rows"][ids, places]
    np.save(home / "listed.npy", row_of_user[ids[np.argsort(chosen, kind="stable")]])
    counts = np.bincount(chosen, minlength=len(products))
    np.save(home / "listed_starts.npy", np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def _vertices(some: pa.Table, names: pa.ChunkedArray) -> np.ndarray:
    """Vertices of one kind, at the rows of their names; an id is a letter, a colon and the name."""
    found = np.zeros(len(names), VERTEX)
    found["community"] = found["component"] = NOWHERE
    rows = pc.index_in(pc.utf8_slice_codeunits(some["id"], 2), value_set=names.combine_chunks()).to_numpy()
    for name in VERTEX.names or ():
        found[name][rows] = some[name].to_numpy()
    return found
