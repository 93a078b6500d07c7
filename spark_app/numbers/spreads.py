"""How far a user's scores lie apart: the unit in which what is added to a score is measured. numpy, no Spark."""

from typing import NamedTuple

import numpy as np

from spark_app import scoring
from spark_app.numbers import vectors
from spark_app.numbers.arrays import Doubles, Floats, Habits, Similar


class Scored(NamedTuple):
    """Products by which spreads are measured: (products, k) vectors, their covariance (k, k), and who is like whom."""

    vectors: Floats
    covariance: Doubles
    similar: Similar | None = None


def of(users: Floats, known: Scored, habits: Habits | None = None) -> Doubles:
    """(users,): the standard deviation of the scores of each of (users, k) over all of the products.

    `habits` have a row a user, over places of the products. Holds 8 MB of scores at a time where there are any.
    """
    if habits is None:
        return vectors.spread(users, known.covariance)
    height = max(scoring.TILE_SCORES // max(len(known.vectors), 1), 1)
    parts = [slice(start, start + height) for start in range(0, len(users), height)]
    return np.concatenate([np.empty(0), *(_deviations(users[part], _rows(habits, part), known) for part in parts)])


def scores(users: Floats, known: Scored, habits: Habits) -> Floats:
    """(users, products): all of the scores, by vectors and habits."""
    return scoring.added(habits, known.similar, len(known.vectors)) + users @ known.vectors.T


def _deviations(users: Floats, habits: Habits, known: Scored) -> Doubles:
    return scores(users, known, habits).std(axis=1, dtype=np.float64)


def _rows(habits: Habits, part: slice) -> Habits:
    """Those of some of the users."""
    starts = habits.indptr[part.start : part.stop + 1]
    some = slice(starts[0], starts[-1])
    return Habits(starts - starts[0], habits.indices[some], habits.weights[some], habits.again[some])
