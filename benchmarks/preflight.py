"""What the pre-flight says of a fit, beside what the fit takes: seconds, and memory at the most.

    python -m benchmarks.preflight [--only 50000 1000000 --factors 16 64 --engines mllib implicit]

Each row is a process of its own. Memory of the library is what Python's grows by, that of MLlib what Java's heap holds
after it was told to collect what is not needed, once a second while a first fit goes on.
"""

import argparse
import itertools
import os
import tempfile
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks import beside, long_tail
from spark_app import session
from spark_app.blocks import Als
from spark_app.frames import held
from spark_app.models import als
from spark_app.running import preflight
from spark_app.running.preflight import GIGABYTE, Cost, Size

# interactions -> (users, products); the pre-flight was fitted to the first four.
SHAPES = {
    50_000: (2_000, 500), 1_000_000: (20_000, 5_000), 3_000_000: (60_000, 10_000), 10_000_000: (138_000, 27_000),
    500_000: (8_000, 12_000), 5_000_000: (40_000, 50_000),
}  # fmt: skip


def main() -> None:
    """A row for each engine, shape and number of factors."""
    asked = arguments()
    for interactions in asked.only:
        with tempfile.TemporaryDirectory() as home:
            users, products = SHAPES[interactions]
            pairs = Path(home) / "pairs"
            beside.write_pairs(long_tail.simulated(users, products, interactions, 7), pairs)
            for engine, factors in itertools.product(asked.engines, asked.factors):
                with get_context("spawn").Pool(1) as pool:
                    size, said, seen = pool.apply(measured, [engine, pairs, factors])
                print(f"{engine}, {size}, {factors} factors: {seen.seconds:.1f} s and {seen.memory / GIGABYTE:.2f} GB; "
                      f"said / seen {said.seconds / seen.seconds:.2f} and {said.memory / seen.memory:.2f}",
                      flush=True)  # fmt: skip
    beside.machine()


def measured(engine: str, pairs: Path, factors: int) -> tuple[Size, Cost, Cost]:
    """(what was fitted, what was said of it, what was seen)."""
    settings = Als(factors=factors)
    with beside.at_work("benchmark-preflight") as (spark, _):
        rows = spark.read.parquet(str(pairs)).persist()
        sides = rows.agg(F.countDistinct("userId"), F.countDistinct("productId"), F.count("*")).first()
        size = Size(*sides)
        said = preflight.cost(size, engine, factors, settings.iterations, session.cores(spark))
        run = partial(fit, rows, settings, engine)
        used, every = (partial(heap, spark), 1.0) if engine == "mllib" else (own, 0.02)
        before = used()
        most, _ = beside.watched(run, used, every)
        seconds, _ = beside.clocked(run)
    return size, said, Cost(seconds, most - before)


def fit(rows: DataFrame, settings: Als, engine: str) -> None:
    """As the pipeline does it, and let go."""
    with held.released():
        model = als.fit_implicit(rows, settings, 7, engine)
        model.users.count(), model.products.count()


def heap(spark: SparkSession) -> int:
    """Bytes that Java holds and needs."""
    runtime = spark._jvm.java.lang.Runtime.getRuntime()
    runtime.gc()
    return int(runtime.totalMemory() - runtime.freeMemory())


def own() -> int:
    """Bytes that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def arguments() -> argparse.Namespace:
    """What to measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=int, nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--factors", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--engines", nargs="+", default=["implicit", "mllib"])
    return parser.parse_args()


if __name__ == "__main__":
    main()
