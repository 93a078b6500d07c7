"""Implicit ALS on the same interactions: MLlib with its defaults, the library implicit, and both engines of ours.

    python -m benchmarks.training [--users 138000 --products 27000 --interactions 10000000 --factors 64]

Seconds of an iteration are the difference of a long and a short fit, divided by the iterations between them. What is
judged is NDCG@10 of one product for each of 20,000 users that was held out.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame, SparkSession
from threadpoolctl import threadpool_limits

from benchmarks import beside, long_tail
from benchmarks.long_tail import Interactions
from spark_app import scoring
from spark_app.blocks import Als
from spark_app.frames import held
from spark_app.models import als
from spark_app.numbers import vectors
from spark_app.numbers.arrays import Floats, rows_of
from spark_app.settings import Settings

PLAIN, PLAIN_WITH_BLAS = "MLlib, its defaults", "MLlib, its defaults, and OpenBLAS"
# As pip installs it: what a machine has beside is not found.
WITHOUT_BLAS = " ".join(f"-Ddev.ludovic.netlib.{part}.nativeLibPath=/none" for part in ("blas", "lapack"))
SHORT, LONG = 2, 10
Sides = tuple[Floats, Floats]


class Row(NamedTuple):
    """One line of the table."""

    name: str
    iteration: float
    whole: float
    ndcg: float


def main() -> None:
    """Fit with each, long and short, and print."""
    asked = arguments()
    simulated = long_tail.simulated(asked.users, asked.products, asked.interactions, asked.seed)
    found = []
    for name, options in ((PLAIN, WITHOUT_BLAS), (PLAIN_WITH_BLAS, "")):
        if wanted(asked, name):
            # Apart, for a Java that runs keeps the options that it was started with.
            with get_context("spawn").Pool(1) as pool:
                found.append(pool.apply(plainly, [asked, name, options]))
    with beside.at_work("benchmark-training") as (spark, settings):
        rows = beside.pairs(spark, simulated, settings.data_dir / "pairs").persist()
        rows.count()
        found.extend(measured(rows, simulated, asked))
    report(found)
    print(f"{asked.users:,} users x {asked.products:,} products, {simulated.known.nnz:,} interactions, "
          f"{asked.factors} factors, {LONG} iterations")  # fmt: skip
    beside.machine()


def plainly(asked: argparse.Namespace, name: str, options: str) -> Row:
    """MLlib in a session of which nothing is set but its memory, and what Java is told."""
    simulated = long_tail.simulated(asked.users, asked.products, asked.interactions, asked.seed)
    memory = Settings(_env_file=None).spark.driver_memory
    with tempfile.TemporaryDirectory() as folder:
        plain = SparkSession.builder.master("local[*]").config("spark.driver.memory", memory)
        spark = plain.config("spark.driver.extraJavaOptions", options).getOrCreate()
        spark.sparkContext.setLogLevel("ERROR")
        rows = beside.pairs(spark, simulated, Path(folder) / "pairs").persist()
        rows.count()
        row = fitted(name, lambda iterations: mllib(rows, asked, iterations), simulated)
        spark.stop()
    return row


def measured(rows: DataFrame, simulated: Interactions, asked: argparse.Namespace) -> Iterator[Row]:
    """What each way took and was worth."""
    ways: dict[str, Callable[[int], Sides]] = {
        "engine mllib": lambda iterations: engine(rows, asked, iterations, "mllib"),
        "the library implicit": lambda iterations: library(simulated, asked, iterations),
        "engine implicit": lambda iterations: engine(rows, asked, iterations, "implicit"),
    }
    for name, way in ways.items():
        if wanted(asked, name):
            yield fitted(name, way, simulated)


def fitted(name: str, way: Callable[[int], Sides], simulated: Interactions) -> Row:
    """One way, after a short fit that warms it up."""
    way(SHORT)
    short, _ = beside.clocked(partial(way, SHORT))
    long, sides = beside.clocked(partial(way, LONG))
    row = Row(name, (long - short) / (LONG - SHORT), long, ndcg(simulated, *sides))
    print(f"{row.name}: {row.iteration:.2f} s an iteration, {row.whole:.1f} s in all, NDCG@10 {row.ndcg:.4f}",
          flush=True)  # fmt: skip
    return row


def wanted(asked: argparse.Namespace, name: str) -> bool:
    """Whether this row was asked for."""
    return not asked.only or name in asked.only


def mllib(rows: DataFrame, asked: argparse.Namespace, iterations: int) -> Sides:
    """As its page shows it: nothing set but what is fitted."""
    columns = {"userCol": "userId", "itemCol": "productId", "ratingCol": "strength"}
    fitted = ALS(rank=asked.factors, maxIter=iterations, implicitPrefs=True, seed=7, **columns).fit(rows)
    return collected(fitted.userFactors, "id", "features"), collected(fitted.itemFactors, "id", "features")


def engine(rows: DataFrame, asked: argparse.Namespace, iterations: int, name: str) -> Sides:
    """As the pipeline does it."""
    with held.released():
        model = als.fit_implicit(rows, Als(factors=asked.factors, iterations=iterations), 7, name)
        return collected(model.users, "userId", "vector"), collected(model.products, "productId", "vector")


def library(simulated: Interactions, asked: argparse.Namespace, iterations: int) -> Sides:
    """As its page shows it; its regularisation is what ours gives somebody with the mean number of interactions."""
    known = simulated.known * 2
    with threadpool_limits(limits=1, user_api="blas"):
        regularization = 0.1 * known.nnz / known.shape[0]
        model = AlternatingLeastSquares(
            factors=asked.factors, regularization=regularization, iterations=iterations, random_state=7
        )
        model.fit(known, show_progress=False)
    return model.user_factors, model.item_factors


def collected(side: DataFrame, key: str, vector: str) -> Floats:
    """The vectors in the order of their ids, none left out."""
    table = side.select(key, vector).orderBy(key).toArrow()
    found = vectors.matrix(table[vector])
    whole = np.zeros((int(table[key].to_numpy().max()) + 1, found.shape[1]), np.float32)
    whole[table[key].to_numpy()] = found
    return whole


def ndcg(simulated: Interactions, users: Floats, products: Floats) -> float:
    """Of lists of ten, without what was met."""
    judged = simulated.judged
    met = rows_of(simulated.known[judged])
    return long_tail.ndcg(simulated, scoring.top_n(users[judged], products, met, n=10).products)


def report(rows: list[Row]) -> None:
    """Ratios first."""
    found = {row.name: row for row in rows}
    for ours, theirs in (("engine mllib", PLAIN), ("engine implicit", "the library implicit")):
        if ours in found and theirs in found:
            one, other = found[ours], found[theirs]
            print(f"{ours} / {theirs}: {one.iteration / other.iteration:.2f} an iteration, "
                  f"{one.whole / other.whole:.2f} in all")  # fmt: skip


def arguments() -> argparse.Namespace:
    """What to measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in {"users": 138_000, "products": 27_000, "interactions": 10_000_000, "factors": 64}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    return parser.parse_args()


if __name__ == "__main__":
    main()
