"""Top-N from the same factors: MLlib's `recommendForAllUsers` beside ours, in one session, ratios first.

    python benchmarks/topn.py [--users 50000 --products 20000 --factors 64 --n 10 --seen 20 --rounds 3]

Both give each user's best N into Spark's noop sink. Without masks the scores must agree to 1e-4; ours is then also
timed with `--seen` products of each user masked before selection, which MLlib cannot do.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pyspark.ml.recommendation import ALS, ALSModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).parent.parent))

from spark_app import recommendations, session
from spark_app.models import Model
from spark_app.settings import load


def main() -> None:
    """Time both, compare their scores, print."""
    asked = arguments()
    with tempfile.TemporaryDirectory() as folder:
        spark = session.start(load(data_dir=Path(folder)), app="benchmark-topn")
        try:
            compare(spark, asked, Path(folder))
        finally:
            session.stop(spark)


def compare(spark: SparkSession, asked: argparse.Namespace, folder: Path) -> None:
    """Run both on the same random factors and print ratios, seconds and the largest difference of scores."""
    rng = np.random.default_rng(asked.seed)
    users = vectors(spark, rng, asked.users, asked.factors, folder / "users")
    products = vectors(spark, rng, asked.products, asked.factors, folder / "products")
    mllib = as_mllib(spark, users, products, folder)
    model = Model("als", users.toDF("userId", "vector"), products.toDF("productId", "vector"))
    people = names(users, "user").persist()
    seen = masks(spark, asked)
    catalogue = recommendations.catalogue(model, names(products, "product"))

    def ours(met: DataFrame | None) -> DataFrame:
        return recommendations.top_n(model, people, met, catalogue, n=asked.n)

    runs = {
        "MLlib, nothing masked": lambda: sink(mllib.recommendForAllUsers(asked.n)),
        "ours, nothing masked": lambda: sink(ours(None)),
        f"ours, {asked.seen} seen masked": lambda: sink(ours(seen)),
    }
    seconds = timed(runs, asked.rounds)
    report(asked, seconds, difference(mllib.recommendForAllUsers(asked.n), ours(None), asked.n))


def vectors(spark: SparkSession, rng: np.random.Generator, count: int, factors: int, path: Path) -> DataFrame:
    """(id, features) of random normal float32 vectors, on disk so that both sides read the same."""
    table = rng.normal(size=(count, factors)).astype(np.float32)
    rows = [(number, vector) for number, vector in enumerate(table.tolist())]
    made = spark.createDataFrame(rows, "id INT, features ARRAY<FLOAT>").repartition(2 * session.cores(spark))
    made.write.parquet(str(path))
    return spark.read.parquet(str(path))


def as_mllib(spark: SparkSession, users: DataFrame, products: DataFrame, folder: Path) -> ALSModel:
    """An ALSModel with these factors: a saved one, whose factors are replaced before it is loaded."""
    tiny = spark.createDataFrame([(0, 0, 1.0)], "userId INT, productId INT, rating FLOAT")
    rank = len(users.first()["features"])
    path = str(folder / "model")
    ALS(rank=rank, maxIter=1, implicitPrefs=True, userCol="userId", itemCol="productId").fit(tiny).save(path)
    users.write.mode("overwrite").parquet(f"{path}/userFactors")
    products.write.mode("overwrite").parquet(f"{path}/itemFactors")
    return ALSModel.load(path)


def names(table: DataFrame, kind: str) -> DataFrame:
    """(user, userId) or (product, productId)."""
    return table.select(F.format_string("%08d", "id").alias(kind), F.col("id").alias(f"{kind}Id"))


def masks(spark: SparkSession, asked: argparse.Namespace) -> DataFrame:
    """Some products of each user, spread by a hash."""
    cells = spark.range(asked.users * asked.seen)
    user = (F.col("id") % asked.users).cast("int")
    product = F.pmod(F.xxhash64("id"), F.lit(asked.products)).cast("int")
    return cells.select(user.alias("userId"), product.alias("productId")).distinct().persist()


def sink(table: DataFrame) -> None:
    """Compute all rows and keep none."""
    table.write.format("noop").mode("overwrite").save()


def timed(runs: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each run, in turns, after one round to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            begun = time.perf_counter()
            run()
            if number:
                seconds[name].append(time.perf_counter() - begun)
    return seconds


def difference(theirs: DataFrame, ours: DataFrame, n: int) -> float:
    """The largest difference between the two at the same user and rank."""
    left = theirs.select("userId", F.col("recommendations.rating").alias("theirs"))
    ranked = F.sort_array(F.collect_list(F.struct("rank", "score")))
    right = ours.groupBy("userId").agg(ranked.alias("ranked")).select("userId", F.col("ranked.score").alias("ours"))
    gaps = F.zip_with("theirs", "ours", lambda a, b: F.abs(a - b))
    joined = left.join(right, "userId", "full").select(F.array_max(gaps).alias("gap"), F.size("ours").alias("length"))
    row = joined.agg(F.max("gap"), F.min("length"), F.count_if(F.col("gap").isNull())).first()
    if row[1] != n or row[2]:
        raise SystemExit(f"lists are not of one length: the shortest has {row[1]} of {n}, {row[2]} have no counterpart")
    return float(row[0])


def report(asked: argparse.Namespace, seconds: dict[str, list[float]], gap: float) -> None:
    """Ratios first, then seconds, then what they were measured on."""
    median = {name: float(np.median(values)) for name, values in seconds.items()}
    peer = next(iter(median))
    for name in list(median)[1:]:
        print(f"{peer} / {name}: {median[peer] / median[name]:.1f}")
    for name, values in seconds.items():
        print(f"{name}: {median[name]:.2f} s ({min(values):.2f} to {max(values):.2f}, {len(values)} rounds)")
    print(f"largest difference of scores: {gap:.2e}")
    if gap > 1e-4:
        raise SystemExit("the scores differ by more than 1e-4")
    print(f"{asked.users:,} users x {asked.products:,} products x {asked.factors} factors, n = {asked.n}")
    python = f"Python {platform.python_version()}, numpy {np.__version__}"
    print(f"{os.cpu_count()} cores, {platform.machine()}, {python}, {time.strftime('%Y-%m-%d')}")


def arguments() -> argparse.Namespace:
    """What to measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in {"users": 50_000, "products": 20_000, "factors": 64, "n": 10, "seen": 20, "rounds": 3}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


if __name__ == "__main__":
    main()
