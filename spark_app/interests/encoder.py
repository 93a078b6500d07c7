"""What an encoder is: texts -> points of length 1.

An encoder is fitted on a sample on the driver, kept in a folder, and loaded where texts are to be placed.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from spark_app.grouping.nearest import Doubles
from spark_app.interests.tokens import Tokens

SAYS = "encoder.json"


def unit(rows: Doubles, lengths: Doubles | None = None) -> Doubles:
    """Rows (n, d) of length 1, or 0; `lengths` (n,) are theirs, where they are known."""
    own = np.linalg.norm(rows, axis=1) if lengths is None else lengths
    return rows / np.where(own > 0, own, 1.0)[:, None]


class Encoded(NamedTuple):
    """Texts as points.

    `points` (n, d) have length 1, or 0 where nothing is known of the words. `telling` (n,) is how much a word of the
    text tells on average, in a measure of the encoder; `known` (n,) is how many different words of it are known.
    """

    points: Doubles
    telling: Doubles
    known: NDArray[np.int64]

    def some(self, which: NDArray) -> "Encoded":
        """Those at some places, or where it is true."""
        return Encoded(self.points[which], self.telling[which], self.known[which])


class Encoder(Protocol):
    """What makes points of texts. `dimensions` is d."""

    name: str
    dimensions: int

    def encode(self, texts: Sequence[str]) -> Doubles:
        """(n, d), rows of length 1, or 0 where nothing is known of the words."""
        ...

    def encoded(self, said: Tokens) -> Encoded:
        """Of texts given as their words."""
        ...

    def dealt(self, said: Tokens, seeds: Sequence[int]) -> Iterator[Doubles]:
        """For each seed points of the same texts, encoded anew, with their words dealt anew: no topic is left."""
        ...

    def again(self, said: Tokens, seed: int) -> "Encoder":
        """One like this that is fitted on other texts."""
        ...

    def save(self, folder: Path) -> None:
        """Write it into a folder, which is made."""
        ...
