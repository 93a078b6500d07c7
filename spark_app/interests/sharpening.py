"""Texts cut in two -> how sharp similarities must be, that how sure a group is comes true.

Neither is right for sure about its text, so no group is taken for true. If both are about the same group, and given
that tell nothing of one another, a rest comes with its part so much more often than with any other: sum over groups of
p(group | part) p(group | rest) / p(group). The sharpness is what makes these pairs the most likely.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from spark_app.grouping.nearest import Doubles
from spark_app.interests import confidence
from spark_app.interests.confidence import Sharpness
from spark_app.interests.encoder import Encoded

# A part and its rest may be about different things, how often is learnt too and left out of what is said; no more often
# than this.
MOST_UNLIKE = 0.3
_BEGIN = (2.0, 0.0, 0.0, -2.0)
_UNTIL = {"maxiter": 60, "ftol": 1e-6}


class _Half(NamedTuple):
    cosines: Doubles
    about: Doubles


class _Said(NamedTuple):
    """How sure each group is (n, k), and the logits that say so."""

    sure: Doubles
    logits: Doubles
    about: Doubles


def learnt(parts: Encoded, rests: Encoded, centres: Doubles) -> Sharpness:
    """From encoded parts of texts and the rest of each, of all of which something is known."""
    from scipy.optimize import minimize

    if len(parts.known) < 2:
        return confidence.UNKNOWN
    halves = [_Half(confidence.similar(one.points, centres), confidence.about(one)) for one in (parts, rests)]
    found = minimize(_unlikely, np.array(_BEGIN), args=(halves,), jac=True, method="L-BFGS-B", options=_UNTIL)
    return Sharpness(*(float(value) for value in found.x[:3]))


def _unlikely(values: NDArray[np.float64], halves: list[_Half]) -> tuple[float, NDArray[np.float64]]:
    """Minus the log likelihood of the pairs, and its gradient: by the three of Sharpness, and what `unlike` is of."""
    part, rest = (_said(half, values[:3]) for half in halves)
    usual = np.maximum((part.sure.mean(0) + rest.sure.mean(0)) / 2, 1e-12)
    together = part.sure * rest.sure / usual
    unlike = MOST_UNLIKE * float(expit(values[3]))
    same = together.sum(1)
    likely = np.maximum((1 - unlike) * same + unlike, 1e-300)
    slopes = np.zeros(4)
    by_usual = (together / likely[:, None]).sum(0) / usual / (2 * len(same))
    for one, other in ((part, rest), (rest, part)):
        by_sure = (1 - unlike) * (by_usual - other.sure / (usual * likely[:, None]))
        by_logit = one.sure * (by_sure - (one.sure * by_sure).sum(1, keepdims=True))
        slopes[:3] += (by_logit * one.logits).sum(1) @ one.about
    slopes[3] = ((same - 1) / likely).sum() * unlike * (1 - unlike / MOST_UNLIKE)
    # Words and what they tell make it no sharper, unless the texts say otherwise.
    slopes[1:3] += 2 * values[1:3]
    return float(-np.log(likely).sum() + (values[1:3] ** 2).sum()), slopes


def _said(half: _Half, values: NDArray[np.float64]) -> _Said:
    logits = half.cosines * confidence.sharp(half.about, values)[:, None]
    return _Said(softmax(logits, axis=1), logits, half.about)
