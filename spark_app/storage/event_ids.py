"""Which event ids were taken: a 64-bit hash of each, in memory, so that a batch need not ask the whole table.

Hashes come in, suspects go out: a hash that was met before, or twice in one batch, may stand for a double. Two ids
may share a hash; so a suspect is looked up before it is believed to be one.
"""

import numpy as np
from numpy.typing import NDArray

from spark_app.numbers.arrays import kernel
from spark_app.numbers.sets import among, distinct

Hashes = NDArray[np.int64]

# A small run takes in each batch; when it has grown to a part of the large one, they become one.
_MERGED_FROM = 1 << 16
_MERGED_AT = 0.1
# Room that a run has for more when it is full.
_ROOM = 1.1


class EventIds:
    """A set of hashes that only grows: 8 bytes each, and a tenth more."""

    def __init__(self, hashes: Hashes | None = None) -> None:
        self._large, self._small = _Run(), _Run()
        if hashes is not None:
            self._large.take_in(distinct(hashes))

    def __len__(self) -> int:
        return len(self._large) + len(self._small)

    def suspects(self, hashes: Hashes) -> Hashes:
        """Those of a batch's hashes that are here already, or that the batch has more than once; each once."""
        rising = np.sort(hashes)
        twice = rising[1:][rising[1:] == rising[:-1]]
        return distinct(np.concatenate([twice, *(rising[run.has(rising)] for run in (self._large, self._small))]))

    def add(self, hashes: Hashes) -> None:
        """Remember a batch's hashes."""
        rising = distinct(hashes)
        self._small.take_in(rising[~(self._large.has(rising) | self._small.has(rising))])
        if len(self._small) > max(_MERGED_FROM, _MERGED_AT * len(self._large)):
            self._large.take_in(self._small.hashes)
            self._small = _Run()


class _Run:
    """Distinct hashes in order, at the front of an array that has room for more and grows where it stands."""

    def __init__(self) -> None:
        self._room: Hashes = np.empty(0, np.int64)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def hashes(self) -> Hashes:
        """All of them."""
        return self._room[: self._length]

    def has(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Whether each is among them."""
        return among(hashes, self.hashes)

    def take_in(self, more: Hashes) -> None:
        """Distinct hashes in order, none of which is here."""
        length = self._length + len(more)
        if length > len(self._room):
            self._room.resize(int(_ROOM * length), refcheck=False)
        _merge(self._room, self._length, more)
        self._length = length


@kernel
def _merge(into: Hashes, length: int, more: Hashes) -> None:
    """Two runs become one in the place of the first, from their ends on."""
    left, right = length - 1, len(more) - 1
    while right >= 0:
        if left >= 0 and into[left] > more[right]:
            into[left + right + 1] = into[left]
            left -= 1
        else:
            into[left + right + 1] = more[right]
            right -= 1
