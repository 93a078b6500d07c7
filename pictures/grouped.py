"""Segments as pictures show them: segments.csv and segments.json of a folder of results.

They are of the event table, beside those of a generation.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pictures import sealed
from pictures.dots import Part, some

METHODS = {"kmeans": "K-means", "agglomerative": "Agglomerative"}


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


class Method(NamedTuple):
    """What one method has found."""

    name: str
    k: int
    silhouette: float  # NaN where it is not known
    segments: list[Part]
    points: pd.DataFrame  # number, x, y: some of them where there are many


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
    return sealed.read(folder, sealed.SEGMENTS, groupings)


def groupings(said: dict[str, Any], points: pd.DataFrame) -> Groupings:
    names = sorted(said["features"], key=lambda name: (name != said["latest"], name))
    return Groupings([grouping(name, said["features"][name], points) for name in names])


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
            own = points[points["method"] == name].rename(columns={"segment": "number"})
            part = some(own[["number", "x", "y"]])
            yield Method(name, int(found["k"]), np.nan if silhouette is None else float(silhouette), segments, part)


def segment(said: dict[str, Any]) -> Part:
    return Part(int(said["segment"]), str(said["label"] or ""), int(said["size"]))


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
