"""Segments as pictures show them: segments.csv and segments.json of a folder of results.

They are of the event table, beside those of a generation; segments.json is written last, and without it an export is
under way or there are none.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pictures.reading import MAKE_SEGMENTS, ResultsError, read_table

SEAL, TABLE = "segments.json", "segments.csv"
METHODS = {"kmeans": "K-means", "agglomerative": "Agglomerative"}
# Points of a method that are drawn at the most, and of a segment at the least, where it has so many.
MOST, LEAST = 4000, 30


class Tree(NamedTuple):
    """The upper part of a dendrogram."""

    merges: np.ndarray  # (leaves - 1, 3): two nodes and the distance at which they are one, as SciPy numbers them
    leaves: list[int]  # users under each
    linkage: str


class Table(NamedTuple):
    """How much columns say the same, and which were merged: (the one that is kept, the other, how much)."""

    measure: str
    columns: list[str]
    matrix: np.ndarray
    merged: list[tuple[str, str, float]]


class Segment(NamedTuple):
    """A segment in words."""

    number: int
    label: str
    size: int


class Method(NamedTuple):
    """What one method has found."""

    name: str
    k: int
    silhouette: float  # NaN where it is not known
    segments: list[Segment]
    points: pd.DataFrame  # segment, x, y: some of them where there are many


class Grouping(NamedTuple):
    """The segments of one set of features."""

    features: str
    users: int
    k: int
    chosen_by: str
    structure: str
    variance: list[float]  # the share of each component, the widest first
    tried: pd.DataFrame  # k, inertia, silhouette, stability; NaN where it is not known
    methods: list[Method]
    tree: Tree
    alike: Table | None


class Groupings(NamedTuple):
    """All kept segments, those that were made last first."""

    parts: list[Grouping]

    @property
    def alike(self) -> list[tuple[Grouping, Table]]:
        """Those whose columns were compared, and how much these say the same."""
        return [(one, one.alike) for one in self.parts if one.alike is not None and one.alike.columns]


def read_segments(folder: Path) -> Groupings | None:
    """None where one of the two files is not there; ResultsError when one cannot be read."""
    seal = folder / SEAL
    if not (seal.exists() and (folder / TABLE).exists()):
        return None
    try:
        text = seal.read_text(encoding="utf-8")
        points = read_table(folder / TABLE)
        if seal.read_text(encoding="utf-8") != text:
            raise ResultsError(f"{folder} got other segments while they were read; draw again.")
        said = json.loads(text)
        names = sorted(said["features"], key=lambda name: (name != said["latest"], name))
        return Groupings([grouping(name, said["features"][name], points) for name in names])
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as fault:
        why = f"{type(fault).__name__}: {fault}"
        raise ResultsError(f"{seal} cannot be read: {why}. {MAKE_SEGMENTS}") from fault


def grouping(features: str, said: dict[str, Any], points: pd.DataFrame) -> Grouping:
    columns = ["k", "inertia", "silhouette", "stability"]
    tried = pd.DataFrame([{name: row.get(name) for name in columns} for row in said["tried"]], columns=columns)
    own = points[points["features"] == features]
    return Grouping(
        features,
        int(said["users"]),
        int(said["k"]),
        str(said["chosen_by"]),
        str(said["structure"]["words"]),
        [float(share) for share in said["variance"]],
        tried.astype(float).replace([np.inf, -np.inf], np.nan).sort_values("k", kind="stable"),
        [*methods(said, own)],
        tree(said["dendrogram"] or {}),
        table(said["correlations"]),
    )


def methods(said: dict[str, Any], points: pd.DataFrame) -> Iterator[Method]:
    """Those that found something, in the order of METHODS."""
    for name in METHODS:
        if name in said["methods"]:
            found = said["methods"][name]
            silhouette = found.get("silhouette")
            segments = [segment(one) for one in said["segments"][name]]
            part = some(points[points["method"] == name][["segment", "x", "y"]])
            yield Method(name, int(found["k"]), np.nan if silhouette is None else float(silhouette), segments, part)


def segment(said: dict[str, Any]) -> Segment:
    return Segment(int(said["segment"]), str(said["label"] or ""), int(said["size"]))


def some(points: pd.DataFrame) -> pd.DataFrame:
    """All, or MOST and a few more: of each segment by its size, evenly spread over the ids, at least LEAST of each."""
    if len(points) <= MOST:
        return points
    parts = []
    for _, part in points.groupby("segment"):
        drawn = min(len(part), max(LEAST, round(MOST * len(part) / len(points))))
        parts.append(part.iloc[np.linspace(0, len(part) - 1, drawn).astype(int)])
    return pd.concat(parts)


def tree(said: dict[str, Any]) -> Tree:
    merges = np.array([row[:3] for row in said.get("merges", [])], float).reshape(-1, 3)
    leaves = [int(users) for users in said.get("leaves", [])]
    if len(merges) != max(len(leaves) - 1, 0):
        raise ValueError(f"{len(merges)} merges of {len(leaves)} leaves")
    return Tree(merges, leaves, str(said.get("linkage", "")))


def table(said: dict[str, Any] | None) -> Table | None:
    if said is None:
        return None
    columns = [str(name) for name in said["columns"]]
    matrix = np.array(said["matrix"], float).reshape(len(columns), len(columns))
    merged = [(str(kept), str(gone), float(value)) for kept, gone, value in said["merged"]]
    return Table(str(said["measure"]), columns, matrix, merged)
