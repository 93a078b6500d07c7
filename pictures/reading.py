"""The tables that pictures are drawn from: CSV files, or folders of parts, of one generation."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pictures.look import GROUNDS, OTHERS

# What is read of each file; a column more does no harm. Every file has a number, so that a row cut short is noticed.
COLUMNS: dict[str, dict[str, Any]] = {
    "recommendations.csv": {"user": str, "product": str, "rank": int},
    "vertices.csv": {"id": str, "type": str, "degree": int, "community": str},
    "edges.csv": {"src": str, "dst": str, "rank": int},
    "product_mappings.csv": {"product": str, "productId": int, "name": str, "category": str},
}
# Drawn where both are there; they are made for any stretch of time, also without a new generation.
RISING: dict[str, dict[str, Any]] = {
    "trending.csv": {"rank": int, "kind": str, "key": str, "label": str, "total": float, "growth_percent": str}
    | {"from": str, "to": str},
    "trending_buckets.csv": {"kind": str, "key": str, "bucket_start": str, "total": float},
}
# Drawn where segments.json is there: they are made by themselves, and may be there without a generation.
SEGMENTS: dict[str, dict[str, Any]] = {
    "segments.csv": {"features": "category", "method": "category", "segment": int, "x": float, "y": float},
}
# The same where interests.json is there; no group and what is not known are empty.
INTERESTS: dict[str, dict[str, Any]] = {
    "interests.csv": {"user": str, "group": str, "x": float, "y": float, "posts": int},
}
MAKE = "`make run` makes it; where a generation is published, `python -m spark_app export` does so too"


class ResultsError(Exception):
    """A sentence for the user: what is missing or wrong, and the command that makes it."""


class Trending(NamedTuple):
    """What rises, and how much of it there was in each bucket of time."""

    rows: pd.DataFrame  # rank, kind, key, label, total, growth_percent (NaN: it is new), from, to
    buckets: pd.DataFrame  # kind, key, bucket_start, total


class Results(NamedTuple):
    """The exported tables of one generation, their text as it was before it was guarded against spreadsheets."""

    generation: str
    recommendations: pd.DataFrame  # user, product, rank
    vertices: pd.DataFrame  # index: id; type, degree, group (one of the largest communities, or OTHERS)
    edges: pd.DataFrame  # src, dst: ids of vertices
    products: pd.DataFrame  # index: product; name, category
    trending: Trending | None = None

    def name(self, product: str) -> str:
        """Its name, or its id where it has none."""
        return str(self.products["name"].get(product, "")).strip() or product


def read_results(folder: Path) -> Results:
    """Every table that a picture needs; raises ResultsError before anything is drawn."""
    if not any((folder / name).exists() for name in COLUMNS):
        raise ResultsError(f"{folder} {'holds no results yet' if folder.is_dir() else 'is not a folder'}. {MAKE}")
    before = read_generation(folder / "metrics.json")
    recommendations, vertices, edges, products = (read_table(folder / name) for name in COLUMNS)
    if (generation := read_generation(folder / "metrics.json")) != before:
        raise ResultsError(f"{folder} was replaced by generation {generation} while it was read; draw again.")
    vertices = vertices.set_index("id").sort_index()
    vertices["group"] = groups(vertices["community"])
    for end, prefix in (("src", "u:"), ("dst", "p:")):  # ids of vertices, or those of the user and the product
        edges[end] = edges[end] if edges[end].isin(vertices.index).all() else prefix + edges[end]
    if not (vertices.index.is_unique and edges[["src", "dst"]].isin(set(vertices.index)).all(axis=None)):
        raise ResultsError(f"{folder}: edges.csv and vertices.csv are not of one generation. {MAKE}")
    products = products.drop_duplicates("product").set_index("product")
    edges = edges.sort_values(["src", "dst"])
    return Results(generation, recommendations, vertices, edges, products, read_trending(folder))


def read_trending(folder: Path) -> Trending | None:
    """Nothing where one of its files is not there."""
    if not all((folder / name).exists() for name in RISING):
        return None
    rows, buckets = (read_table(folder / name) for name in RISING)
    rows["growth_percent"] = pd.to_numeric(rows["growth_percent"], errors="coerce").replace([np.inf, -np.inf], np.nan)
    for table, name, column in (
        (rows, "trending.csv", "from"),
        (rows, "trending.csv", "to"),
        (buckets, "trending_buckets.csv", "bucket_start"),
    ):
        try:
            table[column] = pd.to_datetime(table[column], utc=True, format="ISO8601")
        except ValueError as fault:
            raise ResultsError(f"{folder / name} cannot be read: {fault}") from fault
    return Trending(rows.sort_values(["kind", "rank"], kind="stable"), buckets)


def groups(communities: pd.Series) -> pd.Series:
    """The largest communities, which are the first, by their number; OTHERS stands for all the rest and for none."""
    numbers = pd.to_numeric(communities, errors="coerce")
    return numbers.where(numbers.between(0, len(GROUNDS) - 2), OTHERS).astype(int)


def read_table(path: Path) -> pd.DataFrame:
    """One CSV file, or a folder of part files that carry a header each."""
    columns, make = (COLUMNS | RISING | SEGMENTS | INTERESTS)[path.name], made_by(path.name)
    parts = sorted(path.glob("part-*.csv")) if path.is_dir() else [path] if path.exists() else []
    if not parts:
        raise ResultsError(f"{path} is missing. {make}")
    how = {"usecols": [*columns], "dtype": columns, "na_filter": False, "index_col": False}  # "NA" and "null" are ids
    try:
        table = pd.concat([pd.read_csv(part, **how) for part in parts], ignore_index=True)
    except (OSError, ValueError) as fault:  # wrong UTF-8 and all that pandas finds are ValueErrors
        why = " ".join(str(fault).removeprefix("Usecols do not match columns, ").split())
        raise ResultsError(f"{path} cannot be read: {why}. {make}") from fault
    return table.assign(**{name: table[name].map(unguarded) for name, kind in columns.items() if kind is str})


def made_by(table: str) -> str:
    """The command that writes it, in words."""
    for verb, tables in (("segments", SEGMENTS), ("interests", INTERESTS)):
        if table in tables:
            return f"`python -m spark_app {verb}` makes it"
    return MAKE


def unguarded(cell: str) -> str:
    """Without the ' that keeps a spreadsheet from running a cell; one that was there before stays."""
    return cell[1:] if cell.startswith("'") and re.match(r"'+[=+\-@\t\r]", cell) else cell


def read_generation(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["generation"])
    except (OSError, ValueError, KeyError, TypeError) as fault:  # it is written last
        raise ResultsError(f"{path} is missing or names no generation: an export did not end. {MAKE}") from fault
