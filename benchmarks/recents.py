"""The last 50 brands of every user, by Spark from events on disk, beside the same query written plainly in DuckDB.

    python -m benchmarks.recents [--events 10_000_000] [--users 500_000]

Both read the same Parquet files and write a CSV file in the order of users and ranks; DuckDB has as many threads as
there are cores. Every row that both found is compared. Needs `pip install duckdb`.
"""

import argparse
import os
import resource
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from benchmarks import beside
from spark_app import exports, interactions, recency, recent
from spark_app.schemas import EVENT_WEIGHTS

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
    """Time both, and compare what they wrote."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=500_000)
    asked = parser.parse_args()
    with beside.at_work("recents") as (spark, settings):
        beside.machine()
        home = settings.data_dir.parent
        _simulate(home / "events", asked.events, asked.users)
        ours, rows = beside.clocked(lambda: _ours(spark, home))
        java = _java_memory()
        plain, _ = beside.clocked(lambda: _plain(home))
        print(f"{asked.events:,} events, {asked.users:,} users, {rows:,} rows")
        print(f"Spark {ours:.1f} s (its Java {java / 1e9:.1f} GB), DuckDB {plain:.1f} s, ratio {ours / plain:.2f}")
        print(f"this process, DuckDB within: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")
        _compare(home)


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


def _ours(spark: SparkSession, home: Path) -> int:
    events = spark.read.parquet(str(home / "events"))
    details = interactions.product_details(events, ("brand",))
    found = recent.last(recent.turned(events, EVENT_WEIGHTS), details, kind="brand", n=recency.LAST)
    return exports.write_csv(found, home / "ours.csv", order=("user", "rank"))


def _plain(home: Path) -> None:
    with duckdb.connect(config={"threads": os.cpu_count() or 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE VIEW events AS SELECT * FROM '{home}/events/*.parquet'")
        connection.execute(PLAIN.format(path=home / "plain.csv"))


def _java_memory() -> int:
    """The most that Spark's Java has held, in bytes; 0 where the system does not say."""
    most = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except OSError:
            continue
        if lines.get("Name", "").strip() == "java" and int(lines.get("PPid", "0")) == os.getpid():
            most = max(most, 1024 * int(lines["VmHWM"].split()[0]))
    return most


def _compare(home: Path) -> None:
    """Rows by (user, rank): the same products of the same brands."""
    ours, plain = (
        pyarrow.csv.read_csv(home / name, convert_options=_CSV).select(["user", "rank", "brand", "product"])
        for name in ("ours.csv", "plain.csv")
    )
    if not ours.equals(plain):
        raise SystemExit(f"they differ: {ours.num_rows:,} and {plain.num_rows:,} rows")
    print("both wrote the same rows")


if __name__ == "__main__":
    main()
