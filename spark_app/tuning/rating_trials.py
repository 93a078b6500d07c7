"""Trials of explicit feedback: what factors add to the biases, on ratings before the final hold-out, on the driver.

The same equations as the models, in numpy: ratings in, squared errors out.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from spark_app.blocks import Explicit
from spark_app.numbers.arrays import Doubles
from spark_app.tuning.trials import alternate_explicit


class Ratings(NamedTuple):
    """Ratings of users and products by place, (n,) each."""

    users: NDArray[np.int64]
    products: NDArray[np.int64]
    values: Doubles


class RatingTrials:
    """What settings of explicit feedback are worth: fitted on `before`, judged on `held_out` of known pairs."""

    def __init__(self, before: Ratings, held_out: Ratings, shape: tuple[int, int], seed: int) -> None:
        self.judged = len(held_out.values)
        self._before, self._held_out, self._shape, self._seed = before, held_out, shape, seed

    def squared_errors(self, settings: Explicit) -> Doubles:
        """(judged,) for settings in which everything is set; 0 factors are the biases alone."""
        mean, of_users, of_products = biases(self._before, self._shape, settings.shrinkage)

        def expected(of: Ratings) -> Doubles:
            return mean + of_users[of.users] + of_products[of.products]

        error = self._held_out.values - expected(self._held_out)
        if not settings.factors:
            return error**2
        left = (self._before.values - expected(self._before)).astype(np.float32)
        rows = sp.csr_matrix((left, (self._before.users, self._before.products)), shape=self._shape)
        users, products = alternate_explicit(rows, settings, self._seed)
        added = np.einsum("ij,ij->i", users[self._held_out.users], products[self._held_out.products])
        return (error - added) ** 2


def biases(ratings: Ratings, shape: tuple[int, int], shrinkage: float) -> tuple[float, Doubles, Doubles]:
    """(mean, of users, of products): products first, then users on what those leave, shrunk (Koren 2009, eq. 1)."""
    mean = float(ratings.values.mean())
    of_products = _shrunk(ratings.products, ratings.values - mean, shape[1], shrinkage)
    left = ratings.values - mean - of_products[ratings.products]
    return mean, _shrunk(ratings.users, left, shape[0], shrinkage), of_products


def _shrunk(places: NDArray[np.int64], values: Doubles, length: int, shrinkage: float) -> Doubles:
    counts = np.bincount(places, minlength=length)
    return np.bincount(places, values, length) / np.maximum(counts + shrinkage, np.finfo(float).tiny)
