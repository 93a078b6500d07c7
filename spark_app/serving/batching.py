"""Stand-in until the room is built."""
from typing import NamedTuple

import numpy as np

from spark_app import scoring
from spark_app.arrays import Floats, Habits, Indices


class Ask(NamedTuple):
    """x"""

    vector: Floats
    excluded: Indices
    n: int
    own: Indices | None = None
    weights: Floats | None = None
    again: Floats | None = None
    allowed: Indices | None = None


class Batcher:
    def __init__(self, products, similar):
        self.products, self.similar = products, similar

    def close(self):
        pass

    async def best(self, ask):
        return self.best_now([ask])[0]

    def best_now(self, asks):
        return [self._one(ask) for ask in asks]

    def _one(self, ask):
        out = ask.excluded
        if ask.allowed is not None:
            keep = np.zeros(len(self.products), bool)
            keep[ask.allowed] = True
            out = np.flatnonzero(~keep)
        habits = None if ask.own is None else Habits(np.array([0, len(ask.own)]), ask.own, ask.weights, ask.again)
        found = scoring.top_n(np.asarray(ask.vector)[None], self.products, (np.array([0, len(out)]), out), n=ask.n, habits=habits, similar=self.similar)
        return found.products[0], found.scores[0]
