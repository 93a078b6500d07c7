"""What is rising over 30 days, by all three kinds, beside the same queries written plainly in DuckDB on the same files.

    python -m benchmarks.trending [--events 10000000 --users 500000 --products 27000] [--rounds 3]

Simulated events with long tails of users and products over 180 days, one in 30 with a brand and a category, written as
an event table. Each way is a process of its own; what it needs to start is told apart. The plain way counts the same
numbers (events and users of each key, of its five stretches and its buckets) and gives them no score.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from benchmarks import beside
from benchmarks.run import resident
from spark_app import lately, session, store
from spark_app.running.preflight import GIGABYTE
from spark_app.settings import Settings, load
from spark_app.storage import tables
from spark_app.timeline import activity, recency, rising, spans

BEGIN = spans.micros(datetime(2026, 1, 1, tzinfo=UTC))
DAYS, RANGE, SLICE = 180, "30d", 1_000_000
WAYS = ("alone", "spark", "duckdb")
TYPES = ["view", "cart", "purchase"]


def main() -> None:
    """Write the table, run each way in turns, and print."""
    asked = arguments()
    if asked.way:
        print(json.dumps(measured(asked.way, asked.home)))
        return
    with tempfile.TemporaryDirectory() as home:
        write(Path(home), asked.events, asked.users, asked.products)
        runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(asked.rounds):
            for way, found in runs.items():
                found.append(watched(way, home))
                print(f"  {way}: {found[-1]}", flush=True)
    for way, found in runs.items():
        middle = {name: statistics.median(one[name] for one in found) for name in found[0]}
        print(f"{way}: " + ", ".join(f"{name} {value:.2f}" for name, value in middle.items()))
    beside.machine()


def write(home: Path, events: int, users: int, products: int) -> None:
    """The event table, a file for each million."""
    random = np.random.default_rng(7)
    tail = (np.arange(products) + 10.0) ** -0.9
    brands, categories = products // 30 + 1, products // 300 + 1
    for first in range(0, events, SLICE):
        count = min(SLICE, events - first)
        product = random.choice(products, count, p=tail / tail.sum())
        user = (users * random.random(count) ** 1.7).astype(np.int64)
        at = BEGIN + np.sort(random.integers(0, DAYS * spans.DAY, count))
        said = random.random(count) < 1 / 30
        nothing = pa.nulls(count, pa.string())
        data = pa.StructArray.from_arrays(
            [_named("Name ", product), _named("C", product % categories), _named("B", product % brands)],
            ["name", "category", "brand"], mask=pa.array(~said),
        )  # fmt: skip
        rows = {
            "event_id": _named("e", np.arange(first, first + count)), "user": _named("U", user),
            "product": _named("P", product), "event_type": pa.array(random.choice(TYPES, count)),
            "quantity": pa.array(np.ones(count)), "occurred_at": pa.array(at, pa.timestamp("us", "UTC")),
            "product_data": data, "session_id": nothing,
        }  # fmt: skip
        write_deltalake(home / "data" / tables.EVENTS, pa.table(rows), mode="append")


def _named(word: str, numbers: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(np.char.add(word, numbers.astype(str)))


def watched(way: str, home: str) -> dict[str, float]:
    """One way in a process of its own: what it says, and the most memory that it and all below it held."""
    command = [sys.executable, "-m", "benchmarks.trending", "--way", way, "--home", home]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL)
    most, (said, _) = beside.watched(process.communicate, partial(resident, process.pid), 0.1)
    found: dict[str, float] = json.loads(said.strip().splitlines()[-1])
    return found | {"GB": round(most / GIGABYTE, 2)}


def measured(way: str, home: Path) -> dict[str, float]:
    """Seconds of a start, of the first answer, and of the second, whose compiled code and descriptions are there."""
    settings = load(data_dir=home / "data", results_dir=home / "results")
    begun = time.perf_counter()
    ask = {"alone": _alone, "spark": _spark, "duckdb": _duckdb}[way](settings)
    seconds = {"start": round(time.perf_counter() - begun, 2)}
    for name in ("first", "second"):
        begun = time.perf_counter()
        ask()
        seconds[name] = round(time.perf_counter() - begun, 2)
    return seconds


def _alone(settings: Settings) -> Callable[[], None]:
    of = lately.asked(settings, None, None, RANGE)
    memory: activity.Memory = {}
    turning = recency.turning(settings.weights)

    def ask() -> None:
        seen = activity.read(DeltaTable(tables.path(settings, tables.EVENTS)), of.range, turning, memory)
        lately.alone(seen, of.range, rising.KINDS, lately.TOP)

    return ask


def _spark(settings: Settings) -> Callable[[], None]:
    of, spark = lately.asked(settings, None, None, RANGE), session.start(settings)

    def ask() -> None:
        events = store.read(spark, settings, tables.EVENTS, of.version)
        lately.by_spark(events, of.range, rising.KINDS, lately.TOP, settings.weights)

    return ask


def _duckdb(settings: Settings) -> Callable[[], None]:
    import duckdb

    of = lately.asked(settings, None, None, RANGE)
    files = DeltaTable(tables.path(settings, tables.EVENTS)).file_uris()
    database = duckdb.connect(config={"threads": os.cpu_count() or 1})
    parts = enumerate((of.range.held, *of.range.earlier))
    stretches = ", ".join(f"({number}, {one.start}, {one.end})" for number, one in parts)
    first, behind = of.range.read
    turning = tuple(sorted(recency.turning(settings.weights)))

    def ask() -> None:
        database.execute(f"""
            CREATE OR REPLACE TEMP TABLE said AS SELECT product,
                arg_max(product_data.brand, occurred_at) FILTER (product_data.brand IS NOT NULL) AS brand,
                arg_max(product_data.category, occurred_at) FILTER (product_data.category IS NOT NULL) AS category
            FROM read_parquet({files}) GROUP BY product""")
        database.execute(f"""
            CREATE OR REPLACE TEMP TABLE met AS SELECT user, product, brand, category, stretch,
                CASE WHEN stretch = 0 THEN (met_at - {of.range.held.start}) // {of.range.bucket} END AS bucket
            FROM (SELECT user, product, epoch_us(occurred_at) AS met_at FROM read_parquet({files})
                  WHERE quantity > 0 AND event_type IN {turning} AND product IS NOT NULL
                    AND epoch_us(occurred_at) >= {first} AND epoch_us(occurred_at) < {behind})
            JOIN (VALUES {stretches}) AS parts(stretch, first, behind) ON met_at >= first AND met_at < behind
            JOIN said USING (product)""")
        for kind in rising.KINDS:
            for by in ("stretch", "bucket"):
                database.sql(f"""
                    SELECT {kind}, {by}, count(*), count(DISTINCT user) FROM met
                    WHERE {kind} IS NOT NULL AND {by} IS NOT NULL GROUP BY ALL""").to_arrow_table()

    return ask


def arguments() -> argparse.Namespace:
    """How much to measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=500_000)
    parser.add_argument("--products", type=int, default=27_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
