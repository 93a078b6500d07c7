"""What is known of users and their segments -> what sets each segment apart from the others.

Means are told in the columns' own units. How far a segment stands apart is measured on the columns' scales, so that
one customer with a fortune does not speak for all: the difference to the mean of the other users in standard
deviations within segments (Cohen 1988, d). One pass; what reaches the driver is a row for each segment and task.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from spark_app import schemas
from spark_app.frames import near
from spark_app.numbers.arrays import Doubles
from spark_app.segmentation import Column
from spark_app.segments import matrices
from spark_app.segments.matrices import Flags
from spark_app.segments.wide import Wide

# Rows, one for each user and method, up to which they are sooner measured in this program than on executors.
SMALL = 200_000
# Of what is there, positive less negative, from which a column counts as a quantity, whose means have a ratio.
_POSITIVE = 0.5
# Of the whole deviation: where users of a segment do not differ at all, d would have no bounds.
_LEAST = 0.01
_PARTIAL = (
    "method STRING, segment INT, users BIGINT, mean ARRAY<DOUBLE>, size ARRAY<DOUBLE>, at ARRAY<DOUBLE>, "
    "spread ARRAY<DOUBLE>"
)


class Trait(NamedTuple):
    """One column in one segment: means in its unit, their ratio, and how far the segment stands from the others.

    `lift` is null where a ratio says nothing: of what is as often below 0 as above, such as factors, where all is 0,
    and where the segment's mean is below 0. `apart` is Cohen's d on the column's scale, 0 where there are no others.
    """

    feature: str
    mean: float
    overall_mean: float
    lift: float | None
    apart: float


class Profile(NamedTuple):
    """One segment: how many users, which share of all, a trait for each column in order, and what it is called."""

    method: str
    segment: int
    size: int
    share: float
    traits: tuple[Trait, ...]
    label: str = ""

    @property
    def telling(self) -> list[Trait]:
        """What sets it apart, the most telling first, of equals in the order of the columns."""
        return sorted(self.traits, key=lambda trait: -abs(round(trait.apart, 9)))


class Group(NamedTuple):
    """Of so many users: the mean of each column, of its size, of it on its scale, and the squares about the latter."""

    users: int
    mean: Doubles
    size: Doubles
    at: Doubles
    spread: Doubles


def of(wide: Wide, assigned: DataFrame) -> list[Profile]:
    """A profile without a label for each method and segment of (user, method, segment), in order of both."""
    methods: dict[str, dict[int, Group]] = defaultdict(dict)
    for (method, segment), group in sorted(_groups(wide, assigned).items()):
        methods[method][segment] = group
    return [profile for method, groups in methods.items() for profile in _profiles(wide.columns, method, groups)]


def table(spark: SparkSession, profiles: Sequence[Profile]) -> DataFrame:
    """A row for each segment and column, as schemas.SEGMENT_PROFILE without `features`."""
    columns = schemas.SEGMENT_PROFILE.partition(", ")[2]
    rows = [
        (one.method, one.segment, one.label, one.size, one.share, *trait[:4])
        for one in profiles
        for trait in one.traits
    ]
    return spark.createDataFrame(rows, columns)


def group_of(values: Doubles, logs: Flags) -> Group:
    """Of (users, columns) in their units; at least one user."""
    size, scaled = np.abs(values), matrices.on_scale(values, logs)
    at = scaled.mean(axis=0)
    return Group(len(values), values.mean(axis=0), size.mean(axis=0), at, np.square(scaled - at).sum(axis=0))


def together(one: Group, other: Group) -> Group:
    """Of the users of both (Chan, Golub, LeVeque 1983)."""
    users = one.users + other.users
    share, apart = other.users / users, other.at - one.at
    mean, size, at = (mine + (theirs - mine) * share for mine, theirs in zip(one[1:4], other[1:4], strict=True))
    return Group(users, mean, size, at, one.spread + other.spread + np.square(apart) * share * one.users)


def _groups(wide: Wide, assigned: DataFrame) -> dict[tuple[str, int], Group]:
    rows = wide.table.join(assigned.select("user", "method", "segment"), "user")
    ordered = rows.sortWithinPartitions("method", "segment", "user").select("method", "segment", "values")
    partial = near.mapped(ordered, _partials(matrices.by_log(wide.columns)), _PARTIAL, near=assigned.count() <= SMALL)
    found: dict[tuple[str, int], list[Group]] = defaultdict(list)
    for row in partial.collect():
        found[row["method"], row["segment"]].append(Group(row["users"], *map(np.array, row[3:])))
    return {key: reduce(together, groups) for key, groups in found.items()}


def _partials(logs: Flags) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Runs on the executors: batches of (method, segment, values) -> what they say of each segment."""
    schema = near.empty(_PARTIAL).schema

    def partials(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        found: dict[tuple[str, int], Group] = {}
        for batch in batches:
            keys = list(zip(batch["method"].to_pylist(), batch["segment"].to_pylist(), strict=True))
            values = matrices.matrix(batch["values"], len(logs))
            # Rows of a segment stand together.
            starts = [place for place, key in enumerate(keys) if not place or keys[place - 1] != key]
            for start, end in zip(starts, [*starts[1:], len(keys)], strict=True):
                group = group_of(values[start:end], logs)
                found[keys[start]] = together(found[keys[start]], group) if keys[start] in found else group
        rows = [
            {"method": method, "segment": segment, "users": group.users, **_lists(group)}
            for (method, segment), group in found.items()
        ]
        yield from pa.Table.from_pylist(rows, schema).to_batches()

    return partials


def _lists(group: Group) -> dict[str, list[float]]:
    return {name: getattr(group, name).tolist() for name in Group._fields[1:]}


def _profiles(columns: Sequence[Column], method: str, groups: dict[int, Group]) -> list[Profile]:
    whole = reduce(together, groups.values())
    within = sum(group.spread for group in groups.values())
    deviation = np.sqrt(np.maximum(within, whole.spread * _LEAST**2) / whole.users)
    profiles = []
    for segment, group in groups.items():
        aparts = _apart(group, whole, deviation)
        traits = [_trait(column, place, group, whole, aparts[place]) for place, column in enumerate(columns)]
        profiles.append(Profile(method, segment, group.users, group.users / whole.users, tuple(traits)))
    return profiles


def _apart(group: Group, whole: Group, deviation: Doubles) -> Doubles:
    """Of each column, how far the group is from the other users, in standard deviations."""
    if group.users == whole.users:
        return np.zeros(len(deviation))
    from_others = (group.at - whole.at) * whole.users / (whole.users - group.users)
    return np.divide(from_others, deviation, out=np.zeros(len(deviation)), where=deviation > 0)


def _trait(column: Column, place: int, group: Group, whole: Group, apart: float) -> Trait:
    mean, overall = float(group.mean[place]), float(whole.mean[place])
    is_quantity = overall > 0 and overall >= _POSITIVE * whole.size[place] and mean >= 0
    return Trait(column.name, mean, overall, mean / overall if is_quantity else None, float(apart))
