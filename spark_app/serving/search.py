"""What is searched for among users and products: rows in, those that fit out, the best first."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_app.mapped import folded
from spark_app.numbers.arrays import Indices
from spark_app.serving.model import Served

# How well something fits: its id begins so, words of its name do, it says so anywhere, or nowhere.
ID, NAME, ANYWHERE, NOT = range(4)


def users(served: Served, text: str | None, rows: Indices) -> Indices:
    """Of these rows those whose id holds every word, first those whose id begins with the text; all without one."""
    whole = folded.text(text or "")
    if not whole:
        return rows
    ids = served.maps.searched.users
    return _sorted(rows, _fit(_all(ids, whole.split()), (ID, pc.starts_with(ids, whole))))


def products(served: Served, text: str | None, rows: Indices) -> Indices:
    """Of these rows those that say every word in their id, name, brand or category; all without a text."""
    whole = folded.text(text or "")
    if not whole:
        return rows
    known = served.maps.searched
    words = folded.words(pa.chunked_array([[whole]]))[0].as_py().split()
    beginning = _all(known.names, [f" {word}" for word in words]) if words else None
    named = [] if beginning is None else [(NAME, beginning)]
    found = _fit(_all(known.texts, whole.split()), *named, (ID, pc.starts_with(known.products, whole)))
    return _sorted(rows, found)


def _all(texts: pa.ChunkedArray, parts: list[str]) -> pa.ChunkedArray:
    """Which texts hold all of these."""
    found = pc.match_substring(texts, parts[0])
    for part in parts[1:]:
        found = pc.and_(found, pc.match_substring(texts, part))
    return found


def _fit(anywhere: pa.ChunkedArray, *better: tuple[int, pa.ChunkedArray]) -> np.ndarray:
    """(rows,) how well each fits, the best that is said of it."""
    found = np.where(np.asarray(anywhere), ANYWHERE, NOT).astype(np.int8)
    for how, which in better:
        found[np.asarray(which)] = how
    return found


def _sorted(rows: Indices, fits: np.ndarray) -> Indices:
    """What fits, the best first, each as it stood."""
    theirs = fits[rows]
    return np.concatenate([rows[theirs == how] for how in (ID, NAME, ANYWHERE)])
