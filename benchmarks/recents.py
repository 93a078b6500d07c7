"""The last 50 brands of every user, by Arrow and by Spark, beside the same query written plainly in DuckDB.

    python -m benchmarks.recents [--events 10_000_000] [--users 500_000] [--rounds 3] [--ways alone,duckdb]

All read the same Parquet files of an event table and write a CSV file in the order of users and ranks; each way is a
process of its own. Seconds from the first query on (Spark has begun by then), and the most memory that the process and
all below it held. Rows are compared. Needs `pip install duckdb`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from deltalake import DeltaTable, convert_to_deltalake

from benchmarks import beside
from benchmarks.run import resident
from spark_app import exports, personal, session
from spark_app.running.preflight import GIGABYTE
from spark_app.settings import Settings, load
from spark_app.storage import tables
from spark_app.timeline import event_files, looked, recency

WAYS = ("alone", "spark", "duckdb")
PRODUCTS, BRANDS, SEED = 20_000, 800, 7
START, SECONDS = 1_767_225_600, 120 * 86_400
KINDS = np.array(["view", "cart", "purchase", "remove_from_cart"])
SHARES = [0.7, 0.1, 0.17, 0.03]
ROWS_AT_ONCE = 1_000_000
_CSV = pyarrow.csv.ConvertOptions(column_types={"user": pa.string(), "brand": pa.string(), "product": pa.string()})
PLAIN = """
COPY (
  WITH details AS (
    SELECT product, arg_max(product_data.brand, occurred_at) AS brand FROM events
    WHERE product_data.brand IS NOT NULL GROUP BY product
  ), looks AS (
    SELECT "user", product, max(occurred_at) AS turned_at FROM events
    WHERE event_type IN ('view', 'cart', 'purchase', 'rate', 'like') AND quantity > 0 GROUP BY ALL
  ), brands AS (
    SELECT "user", brand, product, turned_at FROM looks JOIN details USING (product)
    QUALIFY row_number() OVER (PARTITION BY "user", brand ORDER BY turned_at DESC, product) = 1
  )
  SELECT "user", row_number() OVER (PARTITION BY "user" ORDER BY turned_at DESC, product) AS rank, brand, product,
         turned_at AS last_event_at
  FROM brands QUALIFY rank <= 50 ORDER BY "user", rank
) TO '{path}' (HEADER)
"""


def main() -> None:
    """Write the table, run each way in turns, compare what they wrote, and print."""
    asked = arguments()
    if asked.way:
        print(json.dumps(measured(asked.way, asked.home)))
        return
    with tempfile.TemporaryDirectory() as home:
        _simulate(Path(home) / "data" / tables.EVENTS, asked.events, asked.users)
        runs: dict[str, list[dict[str, float]]] = {way: [] for way in asked.ways.split(",")}
        for _ in range(asked.rounds):
            for way, found in runs.items():
                found.append(watched(way, home))
                print(f"  {way}: {found[-1]}", flush=True)
        _compare([Path(home) / f"{way}.csv" for way in runs])
    for way, found in runs.items():
        middle = {name: statistics.median(one[name] for one in found) for name in found[0]}
        print(f"{way}: " + ", ".join(f"{name} {value:.2f}" for name, value in middle.items()))
    beside.machine()


def watched(way: str, home: str) -> dict[str, float]:
    """One way in a process of its own: what it says, and the most memory that it and all below it held."""
    command = [sys.executable, "-m", "benchmarks.recents", "--way", way, "--home", home]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL)
    most, (said, _) = beside.watched(process.communicate, partial(resident, process.pid), 0.1)
    found: dict[str, float] = json.loads(said.strip().splitlines()[-1])
    return found | {"GB": round(most / GIGABYTE, 2)}


def measured(way: str, home: Path) -> dict[str, float]:
    """Seconds of a start, and from then on until the file is there."""
    settings, path = load(data_dir=home / "data", results_dir=home / "results"), home / f"{way}.csv"
    start, write = beside.clocked(lambda: {"alone": _alone, "spark": _spark, "duckdb": _plain}[way](settings, path))
    seconds, _ = beside.clocked(write)
    return {"start": round(start, 2), "seconds": round(seconds, 2)}


def _alone(settings: Settings, path: Path) -> Callable[[], object]:
    def write() -> None:
        table = DeltaTable(tables.path(settings, tables.EVENTS))
        found = looked.last(looked.read(table, recency.turning(settings.weights)), "brand")
        exports.write_table(found, path)

    return write


def _spark(settings: Settings, path: Path) -> Callable[[], object]:
    spark = session.start(settings)

    def write() -> None:
        found = personal.of_all_users(spark, settings, "brand", recency.LAST)
        exports.write_csv(found, path, order=("user", "rank"))

    return write


def _plain(settings: Settings, path: Path) -> Callable[[], object]:
    import duckdb

    connection = duckdb.connect(config={"threads": os.cpu_count() or 1})
    connection.execute("SET TimeZone = 'UTC'")
    files = [*event_files.held(DeltaTable(tables.path(settings, tables.EVENTS)))]
    connection.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet({files})")
    return lambda: connection.execute(PLAIN.format(path=path))


def _simulate(folder: Path, events: int, users: int) -> None:
    """Parquet files of a million events each, as the event table has them."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(SEED)
    brand_of = random.integers(0, BRANDS, PRODUCTS)
    for part, first in enumerate(range(0, events, ROWS_AT_ONCE)):
        number = min(ROWS_AT_ONCE, events - first)
        product = (PRODUCTS * random.random(number) ** 3).astype(np.int64)
        brand = pa.array([f"B{one:03d}" for one in range(BRANDS)]).take(pa.array(brand_of[product]))
        named = pa.array([f"P{one:05d}" for one in range(PRODUCTS)]).take(pa.array(product))
        said = pc.if_else(pa.array(random.random(number) < 0.1), brand, pa.scalar(None, pa.string()))
        table = pa.table({
            "user": pc.binary_join_element_wise("U", pa.array(random.integers(0, users, number)).cast(pa.string()), ""),
            "product": named, "event_type": pa.array(KINDS[random.choice(len(KINDS), number, p=SHARES)]),
            "quantity": pa.array(np.ones(number)),
            "occurred_at": pa.array(
                (START * 10**6 + random.integers(0, SECONDS * 10**6, number)), pa.timestamp("us", "UTC")
            ),
            "product_data": pa.StructArray.from_arrays([said], ["brand"]),
        })  # fmt: skip
        pq.write_table(table, folder / f"{part:03d}.parquet")
    convert_to_deltalake(folder)


def _compare(paths: list[Path]) -> None:
    """Rows by (user, rank): the same products of the same brands."""
    columns = ["user", "rank", "brand", "product"]
    first, *others = (pyarrow.csv.read_csv(path, convert_options=_CSV).select(columns) for path in paths)
    for path, found in zip(paths[1:], others, strict=True):
        if not found.equals(first):
            raise SystemExit(f"{path.name} has other rows than {paths[0].name}")
    print(f"{first.num_rows:,} rows, the same in all files")


def arguments() -> argparse.Namespace:
    """How much to measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", default=",".join(WAYS), help="separated by commas")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
