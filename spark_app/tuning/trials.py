"""Trials: what settings are worth on a split of history that lies before the final hold-out, fast and on the driver.

The same equations, likeness and selection as the models, in numpy, on a sample of users that fits; nothing here decides
what is published. Rows are users and columns products, by place.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from spark_app import scoring
from spark_app.blocks import Als, Explicit
from spark_app.numbers import equations, likeness, vectors
from spark_app.numbers.arrays import Doubles, Floats, rows_of
from spark_app.numbers.equations import Equations
from spark_app.settings import Settings
from spark_app.tuning import terms

K = 10
# Scores of bases that are kept at once, 4 bytes each.
_SCORES_KEPT = 160_000_000


class Split(NamedTuple):
    """History before an inner cut, and what the judged users did after it.

    `met` and `ages` are (users, products): how many events, and the days since the newest, of each pair of interest.
    `judged` are places of users; `excluded` (judged, products) may not be listed, `relevant` (judged, products) should
    be, and `wanted` counts those, also the ones that no model can know. `span_days` is how long the history is.
    """

    met: sp.csr_matrix
    ages: sp.csr_matrix
    judged: NDArray[np.int64]
    excluded: sp.csr_matrix
    relevant: sp.csr_matrix
    wanted: NDArray[np.int64]
    span_days: float


class _Base(NamedTuple):
    """Scores of the judged users for all products, and their standard deviation over the products."""

    scores: Floats
    spread: Doubles


class Begun(NamedTuple):
    """A fit by ALS so far: how many alternations, and the (products, factors) that they led to."""

    iterations: int
    products: Floats


class Trials:
    """What settings are worth to the judged users of a split; strengths are asked for as `(users, products)` rows."""

    def __init__(self, split: Split, strengths: Callable[[Settings], sp.csr_matrix]) -> None:
        self.split = split
        self._strengths = strengths
        self._bases: dict[object, _Base] = {}
        self._likeness: dict[object, sp.csr_matrix] = {}
        self._begun: dict[object, Begun] = {}
        self._most_bases = max(2, _SCORES_KEPT // max(split.excluded.shape[0] * split.excluded.shape[1], 1))
        # The last column stands for no product.
        self._relevant = np.pad(split.relevant.toarray() > 0, ((0, 0), (0, 1)))

    def ndcg(self, settings: Settings) -> Doubles:
        """NDCG@10 of each judged user, (judged,), for settings in which everything is set."""
        lists = scoring.select(self.scores(settings), rows_of(self.split.excluded), n=K).products
        return ndcg(lists, self._relevant, self.split.wanted)

    def scores(self, settings: Settings) -> Floats:
        """(judged, products) scores, as the model of these settings would give them."""
        if settings.algorithm in ("popular", "recent"):
            half_life = settings.popularity_half_life_days if settings.algorithm == "recent" else 0.0
            return np.tile(self._popularity(half_life or 0.0), (len(self.split.judged), 1))
        if settings.algorithm != "blend":
            return self._base(settings, settings.algorithm).scores.copy()
        return self._blend(settings)

    def _blend(self, settings: Settings) -> Floats:
        blend = settings.blend
        base = self._base(settings, blend.base or "als")
        scores = base.scores.copy()
        if blend.neighbours_weight and blend.base == "als":
            added = self._base(settings, blend.neighbours or "bm25")
            scale = np.divide(base.spread, added.spread, out=np.zeros_like(base.spread), where=added.spread > 0)
            scores += (blend.neighbours_weight * scale)[:, None].astype(np.float32) * added.scores
        if blend.popularity_weight:
            users = self._popularity(settings.popularity_half_life_days or 0.0)
            standardised = (users - users.mean()) / (users.std() or 1.0)
            scores += np.outer((blend.popularity_weight * base.spread).astype(np.float32), standardised)
        if blend.repeat_weight:
            own = self.split.met[self.split.judged].tocoo()
            scores[own.row, own.col] += blend.repeat_weight * base.spread[own.row] * np.log1p(own.data)
        return scores

    def _popularity(self, half_life_days: float) -> Floats:
        ages = self.split.ages
        share = np.exp2(-ages.data / half_life_days) if half_life_days else np.ones(len(ages.data))
        return np.bincount(ages.indices, weights=share, minlength=ages.shape[1]).astype(np.float32)

    def _base(self, settings: Settings, name: str) -> _Base:
        decisive = (settings.weights, settings.strength, settings.half_life_days)
        key = repr((name, decisive, settings.als if name == "als" else settings.neighbours, settings.seed))
        if key not in self._bases:
            while self._bases and len(self._bases) >= self._most_bases:
                del self._bases[next(iter(self._bases))]
            self._bases[key] = self._fitted(settings, name)
        return self._bases[key]

    def _fitted(self, settings: Settings, name: str) -> _Base:
        strengths = self._strengths(settings)
        if name == "als":
            users, products = self._alternated(strengths, settings)
            judged = users[self.split.judged]
            return _Base(judged @ products.T, vectors.spread(judged, vectors.covariance(products)))
        own = strengths[self.split.judged]
        key = repr((name, settings.neighbours, settings.weights, settings.strength))
        if key not in self._likeness:
            # Who is alike does not depend on how much strengths decay.
            self._likeness = {key: _alike(strengths, name, settings)} | dict(list(self._likeness.items())[:3])
        scores = np.ascontiguousarray((own @ self._likeness[key]).toarray(), np.float32)
        return _Base(scores, scores.std(axis=1, dtype=np.float64))

    def _alternated(self, strengths: sp.csr_matrix, settings: Settings) -> tuple[Floats, Floats]:
        """The factors; those of a fit that was tried with fewer iterations before are gone on from: it is the same."""
        als, iterations = settings.als.model_copy(update={"iterations": 0}), settings.als.iterations
        key = repr((settings.weights, settings.strength, settings.half_life_days, als, settings.seed))
        begun = self._begun.get(key)
        users, products = alternate(
            strengths, settings.als, settings.seed, begun if begun and begun.iterations <= iterations else None
        )
        self._begun = {key: Begun(iterations, products)} | dict(list(self._begun.items())[:7])
        return users, products


def ndcg(lists: NDArray[np.int32], relevant: NDArray[np.bool_], wanted: NDArray[np.int64]) -> Doubles:
    """NDCG@k of lists (users, k) of places, -1 for none; gain 1 for what is relevant, the ideal list cut at k.

    The last column of `relevant` (users, products + 1) is that of no product.
    """
    k = lists.shape[1]
    discounts = scoring.discounts(k)
    found = np.take_along_axis(relevant, lists.astype(np.int64) % relevant.shape[1], axis=1)
    return found @ discounts / np.cumsum(discounts)[np.minimum(wanted, k) - 1]


def alternate(
    strengths: sp.csr_matrix, settings: Als, seed: int, begun: Begun | None = None
) -> tuple[Floats, Floats]:
    """(users, products) factors of implicit ALS by exact half-steps, the last one for the users.

    The equations are those of MLlib; where it starts from is not. What was `begun` with fewer iterations goes on.
    """
    return _alternate(strengths, terms.implicit(settings), settings.factors, settings.iterations, seed, begun)


def alternate_explicit(residuals: sp.csr_matrix, settings: Explicit, seed: int) -> tuple[Floats, Floats]:
    """The same of explicit ALS, on what the biases leave."""
    return _alternate(residuals, terms.explicit(settings), settings.factors or 1, settings.iterations, seed)


def _alternate(
    rows: sp.csr_matrix, system: Equations, factors: int, iterations: int, seed: int, begun: Begun | None = None
) -> tuple[Floats, Floats]:
    done, products = begun or Begun(0, _start(rows.shape[1], factors, seed, implicit=system.implicit))
    transposed, users = rows.T.tocsr(), equations.half_steps(products, rows, system)
    for _ in range(done, iterations):
        products = equations.half_steps(users, transposed, system)
        users = equations.half_steps(products, rows, system)
    return users, products


def _start(products: int, factors: int, seed: int, *, implicit: bool) -> Floats:
    """Vectors of length 1, none below 0 for implicit feedback."""
    start = np.random.default_rng(seed).standard_normal((products, factors))
    start = np.abs(start) if implicit else start
    return (start / np.linalg.norm(start, axis=1, keepdims=True)).astype(np.float32)


def _alike(strengths: sp.csr_matrix, kind: str, settings: Settings) -> sp.csr_matrix:
    """(products, products) likeness of the nearest neighbours."""
    known = settings.neighbours
    ones = sp.csr_matrix((np.ones_like(strengths.data), strengths.indices, strengths.indptr), shape=strengths.shape)
    weights = likeness.weighted(ones, "cosine" if kind == "cosine" else "bm25", k1=known.k1, b=known.b)
    found = likeness.neighbours(weights, 0, weights.shape[0], k=known.k)
    return sp.csr_matrix((found.values, found.indices, found.indptr), shape=(weights.shape[0], weights.shape[0]))
