"""Names known by their hashes: some bytes for each, however long it is. No Spark."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pandas.util import hash_array

from spark_app.numbers.arrays import Indices
from spark_app.numbers.sets import among

Hashes = NDArray[np.uint64]


def hashes(names: pa.Array) -> Hashes:
    """(names,) the hash of each, the same on every machine; none of them is null."""
    distinct = names.dictionary_encode()
    words = distinct.dictionary.cast(pa.binary()).to_numpy(zero_copy_only=False)
    return hash_array(words, categorize=False)[distinct.indices.to_numpy()]


def joined(parts: Iterable[pa.Array]) -> Hashes:
    """The hashes of all parts, in their order."""
    return np.concatenate([np.empty(0, np.uint64), *map(hashes, parts)])


def lacking(known: Hashes, names: pa.Array) -> int:
    """How many of the names are not among those whose hashes, in order, are `known`: one of 10^11 may be missed."""
    return int((~among(hashes(names), known)).sum())


class Hashed:
    """Where names stand in a column of distinct ones."""

    def __init__(self, names: pa.ChunkedArray) -> None:
        found = joined(names.chunks)
        order = np.argsort(found)
        self._hashes, self._rows = found[order], order.astype(np.int32)
        # Two of a hundred million may share a hash: these alone are kept as they are.
        self._shared = np.unique(self._hashes[1:][np.diff(self._hashes) == 0])
        self._named = {names[row].as_py(): row for row in np.flatnonzero(np.isin(found, self._shared)).tolist()}

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, names: pa.Array) -> Indices:
        """(names,) the row of each, which has to be there."""
        asked = hashes(names)
        found = self._rows[np.searchsorted(self._hashes, asked)]
        for place in np.flatnonzero(np.isin(asked, self._shared)).tolist():
            found[place] = self._named[names[place].as_py()]
        return found
