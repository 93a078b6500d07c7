"""Users and where the groups are -> every user's point, groups and distances.

All users of a small table are at hand already; else executors place them in batches. What comes back to the driver is a
row of each partition, whatever the number of users.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from spark_app import schemas
from spark_app.grouping.nearest import Doubles, Labels, nearest
from spark_app.segmentation import METHODS
from spark_app.segments.matrices import lists, matrix
from spark_app.segments.sample import Sample
from spark_app.segments.scaling import Scale

ASSIGNED = "user STRING, method STRING, segment INT, x DOUBLE, y DOUBLE, distance DOUBLE"
_GROUPED = "user STRING, kmeans INT, agglomerative INT"
_TALLIED = "pairs ARRAY<BIGINT>, leaves ARRAY<BIGINT>, sums ARRAY<DOUBLE>, squares DOUBLE"


class Groups(NamedTuple):
    """Centres of K-means, and of the leaves of the tree with the group that each is in.

    `each_a_leaf` says that the leaves are the users of the sample, in its order.
    """

    centres: Doubles
    leaves: Doubles
    group_of_leaf: Labels
    each_a_leaf: bool

    @property
    def counts(self) -> tuple[int, int]:
        """How many groups each method has."""
        return len(self.centres), int(self.group_of_leaf.max(initial=0)) + 1

    def leaf(self, points: Doubles) -> Labels:
        """The leaf of each point; of the first users of the sample where each is one."""
        return np.arange(len(points)) if self.each_a_leaf else nearest(points, self.leaves)

    def labels(self, points: Doubles) -> dict[str, Labels]:
        """The group of each point by each method."""
        return {"kmeans": nearest(points, self.centres), "agglomerative": self.group_of_leaf[self.leaf(points)]}


class Tally(NamedTuple):
    """Users of each pair of groups and below each leaf; sums of points by group, K-means first; sum of squares."""

    pairs: NDArray[np.int64]
    leaves: NDArray[np.int64]
    sums: Doubles
    squares: float

    def plus(self, other: "Tally") -> "Tally":
        """Of the users of both."""
        return Tally(
            self.pairs + other.pairs, self.leaves + other.leaves, self.sums + other.sums, self.squares + other.squares
        )

    def users(self, method: str) -> NDArray[np.int64]:
        """How many are in each group."""
        return np.asarray(self.pairs.sum(1 if method == "kmeans" else 0))

    def sizes(self, method: str) -> dict[int, int]:
        """Users of each group that has any."""
        return {group: int(size) for group, size in enumerate(self.users(method)) if size}

    def means(self, method: str) -> Doubles:
        """The middle of each group's users."""
        first = len(self.pairs)
        sums = self.sums[:first] if method == "kmeans" else self.sums[first:]
        return np.asarray(sums / np.maximum(self.users(method), 1)[:, None])

    @property
    def inertia(self) -> float:
        """Sum of squared distances from the middles of the K-means groups."""
        return max(float(self.squares - (self.users("kmeans")[:, None] * self.means("kmeans") ** 2).sum()), 0.0)


class Users(NamedTuple):
    """All users: a table of them for executors, or a sample that is all of them, with its points."""

    table: DataFrame
    sample: Sample
    scale: Scale
    known: Doubles

    def tally(self, groups: Groups) -> Tally:
        """Count, and add the points up."""
        if self.sample.is_everyone:
            return tallied(self.known, groups)
        rows = self.table.select("user", "values").mapInArrow(_tallying(self.scale, groups), _TALLIED).collect()
        first, second = groups.counts
        parts = (
            Tally(
                np.reshape(row["pairs"], (first, second)), np.array(row["leaves"]),
                np.reshape(row["sums"], (first + second, -1)), row["squares"],
            )
            for row in rows
        )  # fmt: skip
        return reduce(Tally.plus, parts)

    def points(self) -> DataFrame:
        """schemas.POINT."""
        return self._mapped(lambda users, points: _record(user=users, point=lists(points)), schemas.POINT)

    def grouped(self, groups: Groups) -> DataFrame:
        """(user, kmeans, agglomerative): the groups by their places."""
        return self._mapped(_grouping(groups), _GROUPED)

    def assigned(self, groups: Groups, numbers: Mapping[str, Mapping[int, int]], tally: Tally) -> DataFrame:
        """schemas.SEGMENT without `features`: a row for each user and method."""
        means: dict[str, Doubles] = {method: tally.means(method) for method in METHODS}
        number: dict[str, NDArray] = {
            method: np.array([numbers[method].get(group, 0) for group in range(count)])
            for method, count in zip(METHODS, groups.counts, strict=True)
        }
        return self._mapped(_assigning(groups, number, means), ASSIGNED)

    def _mapped(self, made: Callable[[pa.Array, Doubles], pa.RecordBatch], schema: str) -> DataFrame:
        if not self.sample.is_everyone:
            return self.table.select("user", "values").mapInArrow(_working(self.scale, made), schema)
        rows = pa.Table.from_batches([made(self.sample.users.combine_chunks(), self.known)])
        return self.table.sparkSession.createDataFrame(rows, StructType.fromDDL(schema))


def tallied(points: Doubles, groups: Groups) -> Tally:
    """The tally of some users."""
    leaf = groups.leaf(points)
    labels = {"kmeans": nearest(points, groups.centres), "agglomerative": groups.group_of_leaf[leaf]}
    first, second = groups.counts
    sums = [_added(labels[method], points, count) for method, count in zip(METHODS, groups.counts, strict=True)]
    pairs = np.zeros((first, second), np.int64)
    np.add.at(pairs, (labels["kmeans"], labels["agglomerative"]), 1)
    leaves = np.bincount(leaf, minlength=len(groups.leaves))
    return Tally(pairs, leaves, np.concatenate(sums), float((points**2).sum()))


def shared(grouped: DataFrame, before: DataFrame) -> dict[str, dict[tuple[int | None, int], int]]:
    """By method, how many users of (group, segment before); the group is None where the user is no more."""
    pairs = F.explode(F.array(*[F.struct(F.lit(name).alias("method"), F.col(name).alias("group")) for name in METHODS]))
    now = grouped.select("user", pairs.alias("pair")).select("user", "pair.*")
    joined = before.select("user", "method", "segment").join(now, ["user", "method"], "left")
    found: dict[str, dict[tuple[int | None, int], int]] = {name: {} for name in METHODS}
    for row in joined.groupBy("method", "group", "segment").count().collect():
        found.get(row["method"], {})[row["group"], row["segment"]] = row["count"]
    return found


Work = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def _working(scale: Scale, made: Callable[[pa.Array, Doubles], pa.RecordBatch]) -> Work:
    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if len(batch):
                yield made(batch.column("user"), scale.points(matrix(batch.column("values"))))

    return work


def _tallying(scale: Scale, groups: Groups) -> Work:
    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        points = (scale.points(matrix(batch.column("values"))) for batch in batches if len(batch))
        found = reduce(Tally.plus, (tallied(some, groups) for some in points), _nobody(groups))
        arrays = {name: pa.array([np.ravel(getattr(found, name))]) for name in ("pairs", "leaves", "sums")}
        yield _record(**arrays, squares=pa.array([found.squares]))

    return work


def _nobody(groups: Groups) -> Tally:
    return tallied(np.empty((0, groups.centres.shape[1])), groups._replace(each_a_leaf=False))


def _grouping(groups: Groups) -> Callable[[pa.Array, Doubles], pa.RecordBatch]:
    def group(users: pa.Array, points: Doubles) -> pa.RecordBatch:
        return _record(user=users, **{method: _ints(labels) for method, labels in groups.labels(points).items()})

    return group


def _assigning(
    groups: Groups, number: Mapping[str, NDArray], means: Mapping[str, Doubles]
) -> Callable[[pa.Array, Doubles], pa.RecordBatch]:
    def assign(users: pa.Array, points: Doubles) -> pa.RecordBatch:
        labels = groups.labels(points)
        second = points[:, 1] if points.shape[1] > 1 else np.zeros(len(points))
        apart = [np.sqrt(((points - means[method][labels[method]]) ** 2).sum(1)) for method in METHODS]
        return _record(
            user=pa.concat_arrays([users] * len(METHODS)),
            method=pa.array(np.repeat(METHODS, len(users)).tolist(), pa.string()),
            segment=_ints(np.concatenate([number[method][labels[method]] for method in METHODS])),
            x=pa.array(np.tile(points[:, 0], len(METHODS))),
            y=pa.array(np.tile(second, len(METHODS))),
            distance=pa.array(np.concatenate(apart)),
        )

    return assign


def _record(**columns: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _ints(values: NDArray) -> pa.Array:
    return pa.array(values.astype(np.int32))


def _added(place: Labels, points: Doubles, length: int) -> Doubles:
    """Sums of the points by group."""
    return np.column_stack([np.bincount(place, weights=column, minlength=length) for column in points.T])
