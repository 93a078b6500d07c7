"""Points and centres -> which is nearest. numpy alone: executors load it, and what is heavier costs them seconds."""

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
# Which group each point is in, by its place.
Labels = NDArray[np.int64]
_MANY = 100


def nearest(points: Doubles, centres: Doubles) -> Labels:
    """The place of each point's nearest centre, the first of equals."""
    labels = np.empty(len(points), np.int64)
    # Among many centres two are as near as makes no difference, and single precision takes half the time.
    exact = np.float32 if len(centres) > _MANY else np.float64
    some: NDArray = points.astype(exact)
    others: NDArray = centres.T.astype(exact)
    sizes = (others**2).sum(0) / 2
    # So many at once stay in the processor's cache.
    step = max(1, 250_000 // len(centres))
    for first in range(0, len(points), step):
        labels[first : first + step] = (sizes - some[first : first + step] @ others).argmin(1)
    return labels
