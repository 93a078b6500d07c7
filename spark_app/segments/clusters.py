"""A wide table of users -> segments by two methods, and what is to be said of how they came about.

K is chosen, and the methods are compared, on a sample; MLlib fits K-means to it, and every user is placed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from pyspark.sql import DataFrame, SparkSession
from threadpoolctl import threadpool_limits

from spark_app.grouping import choosing, comparing, matching_ids, structure
from spark_app.grouping.choosing import Choice
from spark_app.grouping.nearest import Labels
from spark_app.numbers.arrays import Doubles
from spark_app.segmentation import METHODS, Column
from spark_app.segments import agglomerative, kmeans, peaked, placing, scaling
from spark_app.segments import sample as sampling
from spark_app.segments.placing import Groups, Tally, Users
from spark_app.segments.sample import Sample
from spark_app.segments.scaling import Scale
from spark_app.segments.wide import Wide


class Clustered(NamedTuple):
    """`points` is schemas.POINT; `assigned` (user, method, segment, x, y, distance), a row for each user and method.

    `said` is what is kept of it in a file, with nothing in it but what JSON has.
    """

    points: DataFrame
    assigned: DataFrame
    said: dict[str, Any]


class _Found(NamedTuple):
    """All that is known on the driver once the groups are there."""

    wide: Wide
    sample: Sample
    scale: Scale
    points: Doubles
    choice: Choice
    groups: Groups
    merges: Doubles
    linkage: str
    seed: int


def of(
    wide: Wide, *, k: int | None, most: int = 10, linkage: str = "complete", seed: int, before: DataFrame | None,
    given: Mapping[str, int] | None = None,
) -> Clustered:  # fmt: skip
    """Segments of the users of a wide table; `k` None chooses it from 2 to `most`, by silhouette and elbow.

    `before` (user, method, segment) are the segments that were kept last: numbers are matched to them; `given` is the
    highest number that each method has ever given. Above 20,000 users the table is read three times here, and again for
    each use of what comes out: hold it when it is dear to make. ValueError for a linkage that cannot be cut, k or most
    below 1.
    """
    agglomerative.checked(linkage)
    if min(most, 1 if k is None else k) < 1:
        raise ValueError(f"k is {k} and most is {most}: expected at least 1")
    spark = wide.table.sparkSession
    # In one thread sums are added in one order, so that results repeat.
    with threadpool_limits(1):
        found = _found(spark, wide, k=k, most=most, linkage=linkage, seed=seed)
        users = Users(wide.table, found.sample, found.scale, found.points)
        tally = users.tally(found.groups)
        shared = placing.shared(users.grouped(found.groups), before) if before is not None else {}
        numbers = _numbers(tally, shared, given or {})
        highest = {method: max({(given or {}).get(method, 0), *some.values()}) for method, some in numbers.items()}
        said = _said(found, tally, numbers) | {"given": highest}
        return Clustered(users.points(), users.assigned(found.groups, numbers, tally), said)


def _found(spark: SparkSession, wide: Wide, *, k: int | None, most: int, linkage: str, seed: int) -> _Found:
    sample = sampling.drawn(wide.table, len(wide.columns), seed)
    scale = scaling.fitted(sample.values, wide.columns)
    points = scale.points(sample.values)
    some, points_of = sample.values[: structure.USERS], _points_of(wide.columns)
    choice = choosing.choose(
        points, lambda ks: peaked.without_groups(some, points_of, ks, seed), k=k, most=most, seed=seed
    )
    if choice.taken is None:
        middle = points.mean(0, keepdims=True) if len(points) else points[:0].sum(0, keepdims=True)
        groups, merges = Groups(middle, middle, np.zeros(1, np.int64), False), np.empty((0, 4))
    else:
        groups, merges = _groups(spark, sample, points, choice.taken.centres, linkage, seed)
    return _Found(wide, sample, scale, points, choice, groups, merges, linkage, seed)


def _groups(
    spark: SparkSession, sample: Sample, points: Doubles, start: Doubles, linkage: str, seed: int
) -> tuple[Groups, Doubles]:
    """Both methods with the same k; the tree is of all users, or of micro-clusters."""
    each_a_leaf = sample.total <= agglomerative.DIRECTLY
    leaves = points if each_a_leaf else agglomerative.micro_clusters(points, seed)
    merges = agglomerative.tree(leaves, linkage)
    centres = kmeans.fitted(spark, points, start, seed)
    return Groups(centres, leaves, agglomerative.cut(merges, len(start)), each_a_leaf), merges


def _numbers(
    tally: Tally, shared: Mapping[str, Mapping[tuple[int | None, int], int]], given: Mapping[str, int]
) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for method in METHODS:
        counts = shared.get(method, {})
        alive = {(group, number): users for (group, number), users in counts.items() if group is not None}
        known = {number for _, number in counts}
        found[method] = matching_ids.numbers(tally.sizes(method), alive, known, given.get(method, 0))
    return found


def _said(found: _Found, tally: Tally, numbers: dict[str, dict[int, int]]) -> dict[str, Any]:
    choice, variance = found.choice, found.scale.variance
    looked_at = found.points[: choosing.LOOKED_AT]
    methods = _methods(found, tally, numbers, looked_at)
    dendrogram = agglomerative.top(found.merges, tally.leaves, found.linkage)
    return {
        "users": found.sample.total,
        "columns": [column._asdict() for column in found.wide.columns],
        "components": found.scale.components,
        "variance_kept": float(variance.sum()),
        "variance": variance.tolist(),
        "k": methods["kmeans"]["k"],
        "chosen_by": choice.why,
        "tried": [one.said() for one in choice.tried],
        "methods": methods,
        "agreement": comparing.adjusted_rand(tally.pairs) if choice.taken else None,
        "silhouette_users": len(looked_at) if choice.taken else 0,
        "structure": _structure(found, methods["kmeans"]),
        "dendrogram": dendrogram,
    }


def _methods(
    found: _Found, tally: Tally, numbers: dict[str, dict[int, int]], looked_at: Doubles
) -> dict[str, dict[str, Any]]:
    said: dict[str, dict[str, Any]] = {}
    for method in METHODS:
        sizes = sorted((numbers[method][group], users) for group, users in tally.sizes(method).items())
        named = {str(number): users for number, users in sizes}
        said[method] = {"k": len(sizes), "silhouette": None, "sizes": named, "stability": None}
    said["kmeans"]["inertia"] = tally.inertia
    micro = None if found.groups.each_a_leaf or not found.choice.taken else len(found.groups.leaves)
    said["agglomerative"] |= {"linkage": found.linkage, "micro_clusters": micro}
    if found.choice.taken:
        labels, apart = found.groups.labels(looked_at), comparing.distances(looked_at)
        for method in METHODS:
            said[method]["silhouette"] = comparing.silhouette(apart, labels[method])
        said["kmeans"]["stability"] = found.choice.taken.stability
        said["agglomerative"]["stability"] = _tree_stability(found, looked_at, labels["agglomerative"])
    return said


def _tree_stability(found: _Found, looked_at: Doubles, labels: Labels) -> float:
    k = int(found.groups.group_of_leaf.max()) + 1
    return comparing.stability(
        lambda points: agglomerative.cut(agglomerative.tree(points, found.linkage), k), looked_at, labels,
        times=choosing.RESAMPLES, seed=found.seed,
    )  # fmt: skip


def _structure(found: _Found, said: dict[str, Any]) -> dict[str, Any]:
    if found.choice.taken is None or said["silhouette"] is None:
        return {"found": False, "words": _no_groups(found)}
    some, points_of = found.sample.values[: choosing.LOOKED_AT], _points_of(found.wide.columns)
    reference = peaked.reference(some, points_of, k=said["k"], seed=found.seed)
    return structure.said(said["silhouette"], said["stability"], reference, said["k"])


def _points_of(columns: Sequence[Column]) -> Callable[[Doubles], Doubles]:
    """What makes points of values on a scale of their own."""
    return lambda values: scaling.fitted(values, columns).points(values)


def _no_groups(found: _Found) -> str:
    total = found.sample.total
    if total < choosing.FEWEST_USERS:
        return f"{total} user{'' if total == 1 else 's'}: too few to form groups"
    if not found.scale.components:
        return f"{total} users, all alike in what is known of them: one group"
    return f"{total} users in one group: {found.choice.why}"
