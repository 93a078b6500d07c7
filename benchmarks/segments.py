"""Segments of a million users by Spark, beside scikit-learn's scaler, PCA and MiniBatchKMeans, at the same inertia.

    python -m benchmarks.segments [--users 1_000_000] [--k 6] [--rounds 1]

Ours twice: K-means alone, which does what scikit-learn's side does, and all of `segments` with both methods. Each is a
process of its own on the same Parquet files, timed from reading them to the segments being written; starting Python
and Java is not in it. K-means alone runs twice in its session: the first time Java compiles what it runs.
scikit-learn goes on with other seeds until the inertia of its segments is at most 1 % above that of ours, both in its
own space. Memory is the most that a process and all below it held at once.
"""

import argparse
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from benchmarks import beside
from benchmarks.run import watched
from spark_app.grouping import choosing, comparing, trying
from spark_app.running.preflight import GIGABYTE
from spark_app.segmentation import Column
from spark_app.segments import clusters, kmeans, scaling
from spark_app.segments import sample as sampling
from spark_app.segments.placing import Groups, Users
from spark_app.segments.wide import Wide

COLUMNS, GROUPS, PARTS, SEED = 20, 6, 8, 7
SHARES = [0.3, 0.25, 0.2, 0.1, 0.1, 0.05]
# Spread of the users of a group beside 1.5 between the middles of groups; one user in ten is in no group.
SPREAD, STRAYS = 1.0, 0.1
NEAR = 1.01
_SAID = re.compile(r"^(\w+) (\d+\.\d+) s(.*)$", re.MULTILINE)


def main() -> None:
    """Time both, and say how good their segments are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--k", type=int, default=GROUPS)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", choices=["ours", "alone", "plain"], help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--goal", type=float, default=0.0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only == "ours":
        ours(asked.home, asked.k or None)
    elif asked.only == "alone":
        alone(asked.home, asked.k)
    elif asked.only == "plain":
        plain(asked.home, asked.k, asked.goal)
    else:
        compare(asked.users, asked.k, asked.rounds)


def compare(users: int, k: int, rounds: int) -> None:
    """In turns, then ours once more with k chosen."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        simulate(home / "wide", users)
        points, group = truth(home / "wide")
        print(f"{users:,} users, {COLUMNS} columns, {points.shape[1]} components, k {k}")
        for _ in range(rounds):
            one = run("alone", home, k)
            goal = judged(home / "alone", points, group)
            sklearn = run("plain", home, k, goal)
            judged(home / "plain", points, group)
            both = run("ours", home, k)
            judged(home / "ours", points, group)
            print(f"/ scikit-learn: K-means alone {one / sklearn:.2f}, all of segments {both / sklearn:.2f}")
        run("ours", home, 0)
    beside.machine()


def run(name: str, home: Path, k: int, goal: float = 0.0) -> float:
    """Seconds of one of the two, in a process of its own."""
    asked = ("--only", name, "--home", home, "--k", k, "--goal", goal)
    found = watched(["benchmarks.segments", *map(str, asked)], {})
    said = (home / f"{name}.txt").read_text()
    match = _SAID.search(said)
    if not match:
        raise SystemExit(f"{name} said {said!r}")
    print(f"{said.strip()}; {found.seconds:.1f} s with its start, {found.memory / GIGABYTE:.1f} GB", flush=True)
    return float(match[2])


def simulate(folder: Path, users: int) -> None:
    """schemas.WIDE, and the planted group of each user beside it; strays, in no group, have -1."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(SEED)
    middles = random.normal(0, 1.5, (GROUPS, COLUMNS))
    for part in range(PARTS):
        number = users // PARTS
        group = random.choice(GROUPS, number, p=SHARES)
        values = middles[group] + random.normal(0, SPREAD, (number, COLUMNS))
        stray = random.random(number) < STRAYS
        values[stray] = random.normal(0, 2, (int(stray.sum()), COLUMNS))
        lists = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), COLUMNS).cast(pa.list_(pa.float64()))
        named = pa.array([f"u{part * number + at}" for at in range(number)])
        table = pa.table({"user": named, "values": lists, "planted": np.where(stray, -1, group).astype(np.int32)})
        pq.write_table(table, folder / f"{part:02}.parquet")


def ours(home: Path, k: int | None) -> None:
    """All of `segments` by Spark: both methods, and all that is said of them."""
    with started() as spark:
        wide = read(spark, home)
        begun = time.perf_counter()
        found = clusters.of(wide, k=k, seed=SEED, before=None)
        grouped = time.perf_counter()
        found.assigned.write.mode("overwrite").parquet(str(home / "ours"))
        ended = time.perf_counter()
    methods = found.said["methods"]["kmeans"]
    how = f"k {methods['k']} ({found.said['chosen_by']}), {found.said['structure']['words']}"
    (home / "ours.txt").write_text(f"ours {ended - begun:.1f} s, {grouped - begun:.1f} of them before writing; {how}")


def alone(home: Path, k: int) -> None:
    """K-means alone, twice in a session."""
    with started() as spark:
        first, second = (timed(spark, k, home) for _ in range(2))
    (home / "alone.txt").write_text(f"alone {second:.1f} s, the first time in the session {first:.1f}")


def timed(spark: SparkSession, k: int, home: Path) -> float:
    """Seconds of what scikit-learn's side does, by Spark: scale, components, K-means, and the segment of each user."""
    begun = time.perf_counter()
    wide = read(spark, home)
    sample = sampling.drawn(wide.table, COLUMNS, SEED)
    scale = scaling.fitted(sample.values, wide.columns)
    points = scale.points(sample.values)
    start = trying.tried(points[: choosing.TRIED_ON], k, SEED)[0]
    centres = kmeans.fitted(spark, points, start, SEED)
    groups = Groups(centres, centres, np.arange(k), False)
    found = Users(wide.table, sample, scale, points).grouped(groups).selectExpr("user", "kmeans AS segment")
    found.write.mode("overwrite").parquet(str(home / "alone"))
    return time.perf_counter() - begun


@contextmanager
def started() -> Iterator[SparkSession]:
    """Spark after a first job, so that Java and its workers are there."""
    with beside.at_work("segments") as (spark, _):
        spark.range(8).repartition(2).mapInArrow(lambda batches: batches, "id BIGINT").count()
        yield spark


def read(spark: SparkSession, home: Path) -> Wide:
    """The simulated users."""
    table = spark.read.parquet(str(home / "wide")).select("user", "values")
    return Wide(table, tuple(Column(f"c{at}", "share") for at in range(COLUMNS)))


def plain(home: Path, k: int, goal: float) -> None:
    """By scikit-learn, as one writes it where everything is in memory."""
    begun = time.perf_counter()
    table = pq.read_table(home / "wide", columns=["user", "values"])
    values = table["values"].combine_chunks().flatten().to_numpy().reshape(-1, COLUMNS)
    points = PCA(0.9, random_state=SEED).fit_transform(StandardScaler().fit_transform(values))
    for tries in range(50):
        found = MiniBatchKMeans(k, n_init=3, batch_size=4096, random_state=SEED + tries).fit(points)
        if found.inertia_ <= NEAR * goal:
            break
    (home / "plain").mkdir(exist_ok=True)
    pq.write_table(pa.table({"user": table["user"], "segment": found.labels_}), home / "plain" / "0.parquet")
    ended = time.perf_counter()
    how = f"{tries + 1} starts, inertia / goal {found.inertia_ / goal:.3f}"
    (home / "plain.txt").write_text(f"plain {ended - begun:.1f} s, {how}")


def truth(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Points of all users in scikit-learn's space, and their planted groups; both in the order of the files."""
    table = pq.read_table(folder)
    values = table["values"].combine_chunks().flatten().to_numpy().reshape(-1, COLUMNS)
    points = PCA(0.9, random_state=SEED).fit_transform(StandardScaler().fit_transform(values))
    return points, table["planted"].to_numpy()


def judged(folder: Path, points: np.ndarray, group: np.ndarray) -> float:
    """Inertia of the segments that were written, about the means of their users; prints how well groups were found."""
    table = ds.dataset(folder).to_table()
    if "method" in table.column_names:
        table = table.filter(ds.field("method") == "kmeans")
    number = np.array([int(user[1:]) for user in table["user"].to_pylist()])
    labels = np.empty(len(points), np.int64)
    labels[number] = table["segment"].to_numpy()
    inertia = 0.0
    for segment in np.unique(labels):
        inside = points[labels == segment]
        inertia += float(((inside - inside.mean(0)) ** 2).sum())

    inside = group >= 0
    rand = comparing.adjusted_rand(comparing.contingency(labels[inside], group[inside]))
    print(f"  {folder.name}: inertia {inertia:,.0f}, adjusted Rand with the planted groups {rand:.3f}", flush=True)
    return inertia


if __name__ == "__main__":
    main()
