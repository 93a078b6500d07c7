"""Kept segments for tests, made by hand without Spark: a few users in named segments, or planted groups to draw."""

import itertools
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from scipy.cluster import hierarchy

from spark_app.segmentation import METHODS, Features
from spark_app.settings import Settings
from spark_app.storage import segment_files, shelves
from spark_app.storage.segment_files import Folder

SECONDS = itertools.count()
LABELS = ["Buys often", "Comes for Christmas", "Wholesale", "Came once", "Looks around", "On weekends"]
STRATEGIES = ["Reward them", "Write in November", "Offer large packs", "Win them back", "Show what is new", "Saturdays"]
COLUMNS = [
    {"name": "recency_days", "unit": "days", "scale": "log"},
    {"name": "orders", "unit": "orders", "scale": "log"},
    {"name": "money", "unit": "money", "scale": "log"},
    {"name": "weekend_share", "unit": "share", "scale": "linear"},
]
CORRELATIONS = {
    "measure": "cramers_v",
    "columns": ["category_name", "domain_tags", "referer_category", "referer_domain", "application_name"],
    "matrix": [
        [1.0, 0.98, 0.31, 0.42, 0.66],
        [0.98, 1.0, 0.3, 0.4, 0.61],
        [0.31, 0.3, 1.0, 0.95, 0.12],
        [0.42, 0.4, 0.95, 1.0, 0.2],
        [0.66, 0.61, 0.12, 0.2, 1.0],
    ],
    "merged": [["category_name", "domain_tags", 0.98], ["referer_category", "referer_domain", 0.95]],
}


class Planted(NamedTuple):
    """Users in groups that lie apart: their ids, their points, and the segment of each by each method."""

    users: list[str]
    points: np.ndarray
    segments: dict[str, list[int]]


def of(
    settings: Settings,
    kmeans: dict[str, int] | None = None,
    agglomerative: dict[str, int] | None = None,
    *,
    features: Features = "behaviour",
    **said: Any,
) -> Folder:
    """Published segments of a few users, user -> segment for each method; `said` replaces parts of the summary."""
    kmeans = kmeans or {"ann": 1, "bob": 1, "cid": 2}
    users = sorted(kmeans, key=str.encode)
    found = {"kmeans": kmeans, "agglomerative": agglomerative or kmeans}
    places = np.array([[float(kmeans[user]), float(place)] for place, user in enumerate(users)])
    planted = Planted(users, places, {method: [found[method][user] for user in users] for method in METHODS})
    return keep(settings, planted, features=features, **said)


def planted(users: int = 200, groups: int = 4, *, seed: int = 3) -> Planted:
    """The largest group first; agglomerative puts every twentieth user into the next group."""
    rng = np.random.default_rng(seed)
    shares = np.array([0.5**place + 0.1 for place in range(groups)])
    group = np.sort(rng.choice(groups, users, p=shares / shares.sum()))
    centres = 6 * np.array([[np.cos(2.4 * place), np.sin(2.4 * place), 0.3 * place] for place in range(groups)])
    points = centres[group] + rng.normal(size=(users, 3)) * (0.6 + 0.3 * group[:, None])
    other = np.where(np.arange(users) % 20 == 0, (group + 1) % groups, group)
    names = [f"U{place:06d}" for place in range(users)]
    return Planted(names, points, {"kmeans": (group + 1).tolist(), "agglomerative": (other + 1).tolist()})


def keep(settings: Settings, planted: Planted, *, features: Features = "behaviour", **said: Any) -> Folder:
    """All tables of these segments, and a summary of the right shape, published; each a second after the one before."""
    folder = segment_files.new(settings, features, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(SECONDS)))
    summed = summary(planted) | said
    tables = {
        segment_files.SEGMENTS: rows(planted),
        segment_files.PROFILES: pa.Table.from_pylist(profiles(summed)),
        segment_files.STRATEGIES: pa.Table.from_pylist(strategies(summed)),
        segment_files.SIMILARITY: similarity(planted),
        segment_files.COMMUNITIES: communities(planted),
        segment_files.TOPS: tops(summed),
    }
    for name, table in tables.items():
        shelves.write_rows(folder, name, table)
    segment_files.publish(folder, summed)
    return folder


def gone(folder: Folder) -> None:
    """Damage: LATEST names what is not there."""
    shutil.rmtree(folder.path)


def without_part(folder: Folder) -> None:
    """Damage: who is in which segment has no parts."""
    _part(folder).unlink()


def cut_part(folder: Folder) -> None:
    """Damage: a part of it ends too early."""
    _part(folder).write_bytes(_part(folder).read_bytes()[:-40])


def cut_summary(folder: Folder) -> None:
    """Damage: half a summary."""
    path = folder.path / shelves.SUMMARY
    path.write_text(path.read_text()[:100])


DAMAGES = (without_part, cut_part, cut_summary)


def rows(planted: Planted) -> pa.Table:
    """segments.parquet."""
    order = [(place, method) for place in range(len(planted.users)) for method in sorted(METHODS)]
    places = [place for place, _ in order]
    return pa.table({
        "user": [planted.users[place] for place in places],
        "method": [method for _, method in order],
        "segment": pa.array([planted.segments[method][place] for place, method in order], pa.int32()),
        "x": planted.points[places, 0], "y": planted.points[places, 1],
        "distance": np.linalg.norm(planted.points[places] - planted.points.mean(0), axis=1),
    })  # fmt: skip


def summary(planted: Planted) -> dict[str, Any]:
    """As segments have it, of these users; where they are in one segment, nothing was found."""
    k = max(planted.segments["kmeans"])
    methods = {method: _method(planted.segments[method]) for method in METHODS}
    methods["agglomerative"] |= {"linkage": "complete", "micro_clusters": None}
    words = f"silhouette 0.41: the users fall into {k} groups" if k > 1 else f"{len(planted.users)} users: too few"
    return {
        "events_version": 12, "generation": None, "users": len(planted.users), "left_out": 3, "columns": COLUMNS,
        "components": 2, "variance_kept": 0.91, "variance": [0.61, 0.3],
        "k": k, "chosen_by": f"silhouette 0.41 is highest at {k}; the elbow is at {k}" if k > 1 else words,
        "tried": tried(planted), "methods": methods, "agreement": 0.9, "silhouette_users": len(planted.users),
        "structure": {"found": k > 1, "words": words},
        "dendrogram": dendrogram(planted), "correlations": None,
        "segments": {method: _segments(planted.segments[method]) for method in METHODS},
        "alike": {"users": len(planted.users), "edges": 2, "communities": k, "largest": 2, "exact": True},
        "seconds": {"features": 1.0, "cluster": 2.0},
    }  # fmt: skip


def tried(planted: Planted) -> list[dict[str, Any]]:
    """Inertia of Ward's cuts of at most 400 users; the silhouette is made up and is highest at the number of groups."""
    if len(planted.users) < 3:
        return []
    points, k = planted.points[:: max(1, len(planted.users) // 400)], max(planted.segments["kmeans"])
    tree, found = hierarchy.linkage(points, "ward"), []
    for cut in range(2, min(10, len(points) - 1) + 1):
        label = hierarchy.fcluster(tree, cut, "maxclust")
        inertia = sum(((points[label == one] - points[label == one].mean(0)) ** 2).sum() for one in set(label))
        silhouette = 0.41 - 0.04 * abs(cut - k)
        found.append({"k": cut, "inertia": float(inertia), "silhouette": silhouette, "stability": 0.95 - 0.03 * cut})
    return found


def dendrogram(planted: Planted) -> dict[str, Any]:
    """The upper 30 leaves at the most, as merges of SciPy, with the users under each."""
    if len(planted.users) < 2:
        return {"merges": [], "leaves": [1] * len(planted.users), "linkage": "complete"}
    some = planted.points[:: max(1, len(planted.users) // 500)]
    label = hierarchy.fcluster(hierarchy.linkage(some, "complete"), 30, "maxclust")
    centres = np.array([some[label == one].mean(0) for one in sorted(set(label))])
    nearest = np.array([np.argmin(((centres - point) ** 2).sum(1)) for point in planted.points])
    sizes = np.bincount(nearest, minlength=len(centres))
    merges = hierarchy.linkage(centres, "complete") if len(sizes) > 1 else np.empty((0, 4))
    under = sizes.tolist()
    for one, other, *_ in merges:
        under.append(under[int(one)] + under[int(other)])
    told = [[int(a), int(b), float(h), under[len(sizes) + place]] for place, (a, b, h, _) in enumerate(merges)]
    return {"merges": told, "leaves": sizes.tolist(), "linkage": "complete"}


def profiles(summed: dict[str, Any]) -> list[dict[str, Any]]:
    """profiles.parquet: each segment has its own number as the mean of each column."""
    return [
        {"method": method, "segment": one["segment"], "label": one["label"], "size": one["size"], "share": one["share"],
         "feature": column["name"], "mean": float(one["segment"]), "overall_mean": 2.0, "lift": one["segment"] / 2}
        for method in METHODS for one in summed["segments"][method] for column in COLUMNS
    ]  # fmt: skip


def strategies(summed: dict[str, Any]) -> list[dict[str, Any]]:
    """strategies.parquet."""
    return [
        {"method": method, "segment": one["segment"], "strategy": one["strategy"],
         "top_products": [top["product"] for top in one["top_products"]]}
        for method in METHODS for one in summed["segments"][method]
    ]  # fmt: skip


def tops(summed: dict[str, Any]) -> pa.Table:
    """tops.parquet: the top products alone."""
    return pa.Table.from_pylist([
        {"method": method, "segment": one["segment"], "kind": "product", "rank": rank, "key": top["product"],
         "label": top["name"], "users": one["size"], "share": 1.0, "lift": 2.0}
        for method in METHODS for one in summed["segments"][method] for rank, top in enumerate(one["top_products"], 1)
    ])  # fmt: skip


def similarity(planted: Planted) -> pa.Table:
    """similarity.parquet: the user before and the one behind are like each."""
    names = planted.users
    pairs = [
        (user, names[place], 0.9 if place > of else 0.8)
        for of, user in enumerate(names) for place in (of + 1, of - 1) if 0 <= place < len(names)
    ]  # fmt: skip
    schema = pa.schema({"user": pa.string(), "similar_user": pa.string(), "score": pa.float64()})
    return pa.Table.from_pylist([dict(zip(schema.names, pair, strict=True)) for pair in pairs], schema)


def communities(planted: Planted) -> pa.Table:
    """communities.parquet: the segments of kmeans, counted from 0."""
    numbers = [segment - 1 for segment in planted.segments["kmeans"]]
    columns = {"community": pa.array(numbers, pa.int32()), "degree": pa.array([2] * len(numbers), pa.int32())}
    return pa.table({"user": planted.users} | columns)


def _part(folder: Folder) -> Path:
    return folder.path / segment_files.SEGMENTS / "part-00000.parquet"


def _method(segments: list[int]) -> dict[str, Any]:
    sizes = {str(one): size for one, size in sorted(Counter(segments).items())}
    silhouette, stability = (0.41, 0.93) if len(sizes) > 1 else (None, None)
    return {"k": len(sizes), "silhouette": silhouette, "sizes": sizes, "stability": stability, "inertia": 812.5}


def _segments(segments: list[int]) -> list[dict[str, Any]]:
    return [
        {"segment": one, "label": LABELS[(one - 1) % len(LABELS)], "size": size, "share": size / len(segments),
         "strategy": STRATEGIES[(one - 1) % len(STRATEGIES)],
         "top_products": [{"product": f"P{one}", "name": f"Product {one}"}, {"product": "P9", "name": "Product 9"}],
         "top_categories": ["light"], "top_brands": ["Lux"], "top_times": ["Thursday", "12 h"],
         "apart": [{"feature": "money", "mean": float(one), "overall_mean": 2.0, "lift": one / 2}]}
        for one, size in sorted(Counter(segments).items())
    ]  # fmt: skip
