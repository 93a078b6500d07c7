"""Which event ids were taken: a 64-bit hash of each, in memory, so that a batch need not ask the whole table.

Hashes come in, suspects go out: a hash that was met before, or twice in one batch, may stand for a double. Two ids
may share a hash; so a suspect is looked up before it is believed to be one.
"""

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.int64]

# A small sorted array takes in each batch; when it has grown to a part of the large one, they become one.
_MERGED_FROM = 1 << 16
_MERGED_AT = 0.1


class EventIds:
    """A set of hashes that only grows: 8 bytes each."""

    def __init__(self, hashes: Hashes | None = None) -> None:
        self._large: Hashes = np.unique(hashes) if hashes is not None else np.empty(0, np.int64)
        self._small: Hashes = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self._large) + len(self._small)

    def suspects(self, hashes: Hashes) -> Hashes:
        """Those of a batch's hashes that are here already, or that the batch has more than once; each once."""
        found, times = np.unique(hashes, return_counts=True)
        return found[(times > 1) | _is_in(found, self._large) | _is_in(found, self._small)]

    def add(self, hashes: Hashes) -> None:
        """Remember a batch's hashes."""
        self._small = np.union1d(self._small, hashes[~_is_in(hashes, self._large)])
        if len(self._small) > max(_MERGED_FROM, _MERGED_AT * len(self._large)):
            self._large = np.union1d(self._large, self._small)
            self._small = np.empty(0, np.int64)


def _is_in(hashes: Hashes, known: Hashes) -> NDArray[np.bool_]:
    """Whether each is in a sorted array."""
    if not len(known):
        return np.zeros(len(hashes), np.bool_)
    place = np.searchsorted(known, hashes)
    place[place == len(known)] = 0
    found: NDArray[np.bool_] = known[place] == hashes
    return found
