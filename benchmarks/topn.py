"""Top-N from the same factors: MLlib, the library implicit, the bare matrix product and ours, ratios first.

    python -m benchmarks.topn [--users 138000 --products 27000 --interactions 10000000 --factors 64 --n 10 --rounds 3]

The factors are those of a short training on simulated interactions with a long tail. Ours and implicit's leave out
what each user has met, and must give the same sets; MLlib cannot and ranks everything. MLlib's and ours go through
Spark, from Parquet and the held interactions into its noop sink; implicit and the product have everything in memory.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from pyspark.ml.recommendation import ALS, ALSModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from threadpoolctl import threadpool_limits

from benchmarks import beside, long_tail
from benchmarks.long_tail import Interactions
from spark_app import recommendations, session
from spark_app.models import Model


def main() -> None:
    """Fit, time all, compare the lists, print."""
    asked = arguments()
    simulated = long_tail.simulated(asked.users, asked.products, asked.interactions, asked.seed)
    with beside.at_work("benchmark-topn") as (spark, settings):
        compare(spark, simulated, asked, settings.data_dir)


def compare(spark: SparkSession, simulated: Interactions, asked: argparse.Namespace, folder: Path) -> None:
    """Run all on the same factors; print ratios, seconds, and how many lists are equal sets."""
    with threadpool_limits(limits=1, user_api="blas"):
        theirs = AlternatingLeastSquares(factors=asked.factors, iterations=3, random_state=asked.seed)
        theirs.fit(simulated.known, show_progress=False)
    users = vectors(spark, theirs.user_factors, folder / "users")
    products = vectors(spark, theirs.item_factors, folder / "products")
    mllib = as_mllib(spark, users, products, folder)
    model = Model("als", users.toDF("userId", "vector"), products.toDF("productId", "vector"))
    people, met = names(users, "user").persist(), beside.pairs(spark, simulated, folder / "seen").persist()
    people.count(), met.count()
    index = names(products, "product").persist()
    lists: dict[str, np.ndarray] = {}

    def ours() -> None:
        catalogue = recommendations.catalogue(model, index)
        sink(recommendations.top_n(model, people, met, catalogue, n=asked.n))

    def implicits() -> None:
        with threadpool_limits(limits=1, user_api="blas"):
            everybody = np.arange(asked.users)
            lists["implicit"], _ = theirs.recommend(everybody, simulated.known, N=asked.n)

    runs: dict[str, Callable[[], None]] = {
        "ours": ours,
        "implicit.recommend": implicits,
        "the matrix product alone": lambda: product(theirs.user_factors, theirs.item_factors),
        "MLlib, nothing masked": lambda: sink(mllib.recommendForAllUsers(asked.n)),
    }
    seconds = beside.timed(runs, asked.rounds, once="MLlib, nothing masked")
    beside.report(seconds, "ours")
    catalogue = recommendations.catalogue(model, index)
    same = equal_sets(recommendations.top_n(model, people, met, catalogue, n=asked.n), lists["implicit"])
    print(f"equal sets of {asked.n}: {same:.4%} of {asked.users:,} users")
    print(
        f"{asked.users:,} users x {asked.products:,} products x {asked.factors} factors, {simulated.known.nnz:,} seen"
    )
    beside.machine()


def vectors(spark: SparkSession, factors: np.ndarray, path: Path) -> DataFrame:
    """(id, features) on disk, so that both sides read the same."""
    rows = [(number, vector) for number, vector in enumerate(factors.tolist())]
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


def product(users: np.ndarray, products: np.ndarray) -> None:
    """Scores of 1,024 users at a time, thrown away; all cores."""
    buffer = np.empty((1024, len(products)), np.float32)
    for start in range(0, len(users), 1024):
        some = users[start : start + 1024]
        np.matmul(some, products.T, out=buffer[: len(some)])


def sink(table: DataFrame) -> None:
    """Compute all rows and keep none."""
    table.write.format("noop").mode("overwrite").save()


def equal_sets(ours: DataFrame, theirs: np.ndarray) -> float:
    """The share of users whose lists hold the same products."""
    table = ours.select("userId", "rank", "productId").toArrow()
    lists = np.full_like(theirs, -1)
    lists[table["userId"].to_numpy(), table["rank"].to_numpy() - 1] = table["productId"].to_numpy()
    return float((np.sort(lists, axis=1) == np.sort(theirs, axis=1)).all(axis=1).mean())


def arguments() -> argparse.Namespace:
    """What to measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    defaults = {"users": 138_000, "products": 27_000, "interactions": 10_000_000, "factors": 64, "n": 10, "rounds": 3}
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


if __name__ == "__main__":
    main()
