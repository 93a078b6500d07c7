"""What a page asks of the API, at 1,000,000 users x 100,000 products x 10: seconds of the slowest of several asks.

    python -m benchmarks.page [--users 1000000 --products 100000]

The peer in the same run reads a user's edges and those of the same products out of the generation's Parquet files.
"""

import argparse
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import beside, served
from benchmarks.serving import held, serving
from spark_app import generations
from spark_app.generations import Generation
from spark_app.running.preflight import GIGABYTE

ROUNDS = range(5)
ASKED = {
    "status": "/status",
    "generations": "/generations",
    "graph": "/graph",
    "graph of a community": "/graph?community=0",
    "graph of a user": "/graph?user=U0000042",
    "graph of the most recommended product": "/graph?product=P0000003",
    "graph of a seldom one": "/graph?product=P0050000",
    "graph of both in a community": "/graph?product=P0000003&user=U0000042&community=1",
    "around a user": "/graph/U0000042",
    "communities": "/graph/communities",
    "products by id": "/products?q=p00123",
    "products by a word that many have": "/products?q=p0&category=c7",
    "products that are not there": "/products?q=lamp%20red",
    "users by id": "/users?q=u00001",
    "users by a part of it": "/users?q=99&limit=1000",
    "the most active of them": "/users?q=99&order=events",
}


def main() -> None:
    """Make a generation, serve it, ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--products", type=int, default=100_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        settings = served.settings(Path(home), 8)
        began = time.perf_counter()
        made = served.generation(settings, asked.users, asked.products, graph=True)
        print(f"made in {time.perf_counter() - began:.0f} s", flush=True)
        with serving(settings) as (address, process):
            for name, path in ASKED.items():
                show(name, [timed(partial(answered, f"{address}{path}")) for _ in ROUNDS])
            show("around a user, by Parquet", [timed(partial(by_parquet, made, "u:U0000042")) for _ in ROUNDS])
            own, mapped = held(process.pid)
    print(f"{own / GIGABYTE:.2f} GB of its own and {mapped / GIGABYTE:.2f} GB mapped")
    beside.machine()


def show(name: str, took: list[float]) -> None:
    """The slowest, the middle, and the first, in seconds."""
    print(f"{name}: {max(took):.3f} s, {statistics.median(took):.3f} in the middle, {took[0]:.3f} at first")


def timed(act: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def answered(url: str) -> bytes:
    """The whole answer."""
    return bytes(urllib.request.urlopen(url).read())


def by_parquet(made: Generation, user: str) -> pa.Table:
    """The edges of a user, and of all who share a product."""
    own = generations.scan(made, generations.EDGES, filter=pc.field("src") == user)
    return generations.scan(made, generations.EDGES, filter=pc.field("dst").isin(own["dst"]))


if __name__ == "__main__":
    main()
