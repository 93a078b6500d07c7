"""Folding in: one user's own products in, the user of a trained model out, without Spark and without training.

The vector solves the model's own equations (Hu, Koren, Volinsky 2008, eq. 4), and all that stands beside it is measured
as in training: for what the model was trained on, the result is what training gave.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from spark_app.numbers import equations, spreads
from spark_app.numbers.arrays import Doubles, Floats, Habits, Indices, Similar
from spark_app.numbers.equations import Equations
from spark_app.numbers.spreads import Scored

BIAS_DIGITS = 9


class Recipe(NamedTuple):
    """What a user's vector is made of, in the words of the settings.

    `base` is als, bm25, cosine, ratings, or popular where every user is alike. A blend adds its weights; `boosted` says
    whether the shop's rules have a number of their own. `mean` and `shrinkage` are those of the biases of ratings.
    """

    base: str
    is_blend: bool = False
    neighbours_weight: float = 0.0
    popularity_weight: float = 0.0
    repeat_weight: float = 0.0
    boosted: bool = False
    mean: float = 0.0
    shrinkage: float = 0.0


class Mould(NamedTuple):
    """The products that users are folded into.

    `products` is (products, length); `trained` marks those that were learnt from, of which `gram` (factors, factors)
    and `covariance` (length, length) are. The first `factors` numbers of a vector solve `equations`.
    """

    recipe: Recipe
    products: Floats
    trained: np.ndarray
    factors: int
    equations: Equations | None
    gram: Doubles
    covariance: Doubles
    similar: Similar | None


class Own(NamedTuple):
    """A user's own products: places, each once and in order, strengths or ratings, and how many events each has."""

    places: Indices
    strengths: Floats
    events: np.ndarray

    @classmethod
    def of(cls, places: ArrayLike, strengths: ArrayLike, events: ArrayLike) -> "Own":
        """In the order of the places."""
        order = np.argsort(places, kind="stable")
        return cls(
            np.asarray(places, np.int32)[order], np.asarray(strengths, np.float32)[order], np.asarray(events)[order]
        )


class User(NamedTuple):
    """A user as a model knows one: the vector (length,), own products, and what each gave the equations and adds."""

    vector: Floats
    own: Indices
    fitted: Floats
    weights: Floats
    again: Floats

    @property
    def habits(self) -> Habits | None:
        """What the own products add to scores beside the vector; None where that is nothing."""
        if not (self.weights.any() or self.again.any()):
            return None
        return Habits(np.array([0, len(self.own)]), self.own, self.weights, self.again)


def fold_in(own: Own, mould: Mould) -> User | None:
    """The user with these products, of which each is one that the model learnt from; None for one without any."""
    recipe = mould.recipe
    if not len(own.places):
        return None
    if recipe.base == "ratings":
        user = _rater(own, mould)
    elif recipe.base == "popular":
        user = _plain(own, np.ones(1), np.zeros_like(own.strengths))
    elif recipe.base == "als":
        user = _plain(own, _solved(own.places, own.strengths, mould), np.zeros_like(own.strengths))
    else:
        user = _plain(own, np.zeros(1), own.strengths)
    if recipe.is_blend:
        user = _blended(user, own, mould)
    return _longer(user, mould) if recipe.boosted else user


def _plain(own: Own, vector: ArrayLike, weights: Floats) -> User:
    return User(np.asarray(vector, np.float32), own.places, own.strengths, weights, np.zeros_like(own.strengths))


def _solved(places: Indices, strengths: Floats, mould: Mould) -> Floats:
    """The factors, by the equations of ALS."""
    if mould.equations is None:
        raise ValueError("the model has no equations to fold a user into")
    rows = np.ascontiguousarray(mould.products[places, : mould.factors])
    return equations.fold_in(rows, np.arange(len(places)), strengths, mould.equations, gram=mould.gram)


def _rater(own: Own, mould: Mould) -> User:
    """Of ratings: the biases, and factors on what they leave (als.biases)."""
    recipe, k = mould.recipe, mould.factors
    above = own.strengths.astype(np.float64) - recipe.mean - mould.products[own.places, k].astype(np.float64)
    bias = round(float(above.sum()) / (len(own.places) + recipe.shrinkage), BIAS_DIGITS)
    left = (above - bias).astype(np.float32)
    factors = _solved(own.places, left, mould) if k else np.empty(0, np.float32)
    nothing = np.zeros_like(left)
    return User(
        np.append(factors, [1.0, recipe.mean + bias]).astype(np.float32), own.places, left, nothing, nothing.copy()
    )


def _blended(user: User, own: Own, mould: Mould) -> User:
    """What a blend adds to its base, measured by the spread of the base (models/blend.py)."""
    recipe, own_spread = mould.recipe, spread(user, mould)
    weights, again = user.weights, user.again
    if recipe.neighbours_weight and recipe.base == "als":
        alike = user._replace(vector=np.zeros(1, np.float32), weights=own.strengths)
        theirs = spread(alike, mould)
        scale = own_spread / theirs * recipe.neighbours_weight if theirs > 0 else 0.0
        weights = (own.strengths * scale).astype(np.float32)
    if recipe.repeat_weight:
        again = (own_spread * np.log1p(own.events) * recipe.repeat_weight).astype(np.float32)
    longer = np.append(user.vector, np.float32(own_spread))
    return user._replace(vector=longer, weights=weights, again=again)


def _longer(user: User, mould: Mould) -> User:
    """With the spread of all that the user's scores are made of so far, by which the shop's rules count."""
    return user._replace(vector=np.append(user.vector, np.float32(spread(user, mould))))


def spread(user: User, mould: Mould) -> float:
    """The standard deviation of the user's scores over the products that were learnt from."""
    length, habits = len(user.vector), user.habits
    if habits is None:
        covariance = mould.covariance[:length, :length]
        return float(spreads.of(user.vector[None], Scored(mould.products[:, :length], covariance))[0])
    known = Scored(mould.products[:, :length], mould.covariance, mould.similar)
    scores = spreads.scores(user.vector[None], known, habits)
    return float(scores[0, mould.trained].std(dtype=np.float64))
