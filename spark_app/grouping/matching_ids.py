"""Groups found anew -> the numbers they had before, by the users they share, so that a segment stays the same one.

Numbers begin at 1, the largest first at the first time. numpy, no Spark.
"""

from collections.abc import Mapping

import numpy as np
from scipy.optimize import linear_sum_assignment

# A group goes on from one with which it shares this part of the smaller of both: a handful who moved is no group.
LEAST = 0.2


def numbers(
    sizes: Mapping[int, int], shared: Mapping[tuple[int, int], int], before: set[int], given: int = 0
) -> dict[int, int]:
    """The number of each group with its size; `shared` counts the users of (group, number before).

    Together the matched pairs share as many users as can be, but a few alone match nothing. What is matched to nothing
    gets a number above all before, and above the highest that was ever `given`.
    """
    largest_first = sorted(sizes, key=lambda group: (-sizes[group], group))
    found = _matched(largest_first, sorted(before), shared, sizes)
    new = max({given} | before)
    for group in largest_first:
        if group not in found:
            new += 1
            found[group] = new
    return found


def _matched(
    groups: list[int], known: list[int], shared: Mapping[tuple[int, int], int], sizes: Mapping[int, int]
) -> dict[int, int]:
    table = np.array([[shared.get((group, number), 0) for number in known] for group in groups])
    if not table.size:
        return {}
    smaller = np.minimum(np.array([sizes[group] for group in groups])[:, None], table.sum(0)[None, :])
    table = np.where(table >= LEAST * smaller, table, 0)
    pairs = zip(*linear_sum_assignment(table, maximize=True), strict=True)
    return {groups[row]: known[column] for row, column in pairs if table[row, column]}
