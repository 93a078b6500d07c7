"""Points -> a tree of merges (SciPy), cut into groups; above some thousands of users of micro-clusters in their place.

A linkage is SciPy's: each row two nodes that merge, the height at which, and how many leaves are below. No Spark.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster import hierarchy
from sklearn import cluster

from spark_app.grouping.nearest import Labels
from spark_app.numbers.arrays import Doubles

# Up to so many users each is a leaf of its own: the distances of all to all are 100 MB.
DIRECTLY = 5_000
# Above, so many micro-clusters of the sample.
MICRO_CLUSTERS = 1_000
# Linkages whose heights never fall, so that a cut is a level.
LINKAGES = ("complete", "average", "single", "ward")
LEAVES = 30


def checked(linkage: str) -> str:
    """ValueError for one whose tree cannot be cut."""
    if linkage not in LINKAGES:
        raise ValueError(f"linkage is {linkage!r}: expected one of {', '.join(LINKAGES)}")
    return linkage


def tree(points: Doubles, linkage: str) -> Doubles:
    """SciPy's linkage of points; no rows for one point."""
    return np.asarray(hierarchy.linkage(points, linkage)) if len(points) > 1 else np.empty((0, 4))


def micro_clusters(points: Doubles, seed: int) -> Doubles:
    """Centres of micro-clusters of a sample."""
    found = cluster.MiniBatchKMeans(
        MICRO_CLUSTERS, batch_size=4096, n_init=1, max_iter=5, init="random", random_state=seed % 2**32,
        reassignment_ratio=0.0,
    ).fit(points)  # fmt: skip
    # Where many users are alike some are of nobody.
    return np.asarray(found.cluster_centers_[np.unique(found.labels_)])


def cut(merges: Doubles, k: int) -> Labels:
    """The group of each leaf when the tree is cut into k, numbered by their first leaf."""
    leaves = len(merges) + 1
    member = _groups(merges, leaves - min(k, leaves))
    _, first, place = np.unique(member, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[place].astype(np.int64)


def top(merges: Doubles, users: NDArray[np.int64], linkage: str) -> dict[str, Any]:
    """The last merges, a tree of its own of up to 30 leaves; `users` is how many users each leaf of the whole has.

    {"merges": [[node, node, height, users], ...], "leaves": [users of each leaf], "linkage": its name}. To draw it,
    SciPy wants the leaves below a node in place of its users.
    """
    whole = len(merges) + 1
    below = max(0, whole - LEAVES)
    weight = list(map(int, users))
    for one, other in merges[:, :2].astype(int):
        weight.append(weight[one] + weight[other])
    later = merges[below:]
    named = {int(node) for node in later[:, :2].ravel()} or {0}
    leaves = sorted(node for node in named if node < whole + below)
    place = {node: new for new, node in enumerate([*leaves, *range(whole + below, 2 * whole - 1)])}
    rows = [
        [place[int(one)], place[int(other)], float(height), weight[whole + below + step]]
        for step, (one, other, height, _) in enumerate(later)
    ]
    return {"merges": rows, "leaves": [weight[node] for node in leaves], "linkage": linkage}


def _groups(merges: Doubles, count: int) -> NDArray[np.int64]:
    """The last node above each leaf after so many merges."""
    leaves = len(merges) + 1
    above = np.arange(leaves + count)
    for step in reversed(range(count)):
        # A node is met before those below it.
        above[merges[step, :2].astype(int)] = above[leaves + step]
    return above[:leaves]
