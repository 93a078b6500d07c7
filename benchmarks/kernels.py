"""How far the kernels of scoring.py and equations.py are from one matrix product: `python -m benchmarks.kernels`.

Seeded random factors with a long tail of products, one thread. Top-N beside the matrix product alone (in the
tiles of top_n) and beside numpy's argpartition after it; CPU seconds, the best of a few turns taken in turn.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_info

from spark_app import scoring
from spark_app.numbers import equations as als
from spark_app.numbers.arrays import Floats, SeenCSR
from spark_app.numbers.equations import Equations
from spark_app.scoring import TopN

HEIGHT, WIDTH = 256, 8192


def long_tail(rows: int, k: int, rng: np.random.Generator) -> Floats:
    """Random directions, whose lengths differ as popularity does."""
    lengths = rng.lognormal(0, 0.5, (rows, 1)) / np.sqrt(k)
    return np.asarray(rng.standard_normal((rows, k)) * lengths, np.float32)


def rows_of_seen(users: int, products: Floats, mean: int, rng: np.random.Generator) -> SeenCSR:
    """Each user has seen some products, long ones more often; each product once a user."""
    counts = np.clip(rng.lognormal(np.log(mean) - 0.4, 0.9, users), 1, len(products) // 2).astype(np.int64)
    popularity = np.linalg.norm(products, axis=1)
    drawn = rng.choice(len(products), counts.sum(), p=popularity / popularity.sum())
    keys = np.unique(np.repeat(np.arange(users), counts) * len(products) + drawn)
    starts = np.searchsorted(keys, np.arange(users + 1) * len(products))
    return SeenCSR(starts, (keys % len(products)).astype(np.int32))


def matrix_product(users: Floats, products: Floats) -> None:
    buffer = np.empty(HEIGHT * WIDTH, np.float32)
    for user in range(0, len(users), HEIGHT):
        for product in range(0, len(products), WIDTH):
            some, block = users[user : user + HEIGHT], products[product : product + WIDTH]
            np.matmul(some, block.T, out=buffer[: len(some) * len(block)].reshape(len(some), len(block)))


def partitioned(users: Floats, products: Floats, seen: SeenCSR, n: int) -> TopN:
    """The same lists by numpy alone."""
    lists = TopN(np.empty((len(users), n), np.int32), np.empty((len(users), n), np.float32))
    for user in range(0, len(users), 1024):
        some = slice(user, min(user + 1024, len(users)))
        scores = users[some] @ products.T
        starts = seen.indptr[user : some.stop + 1]
        scores[np.repeat(np.arange(len(scores)), np.diff(starts)), seen.indices[starts[0] : starts[-1]]] = -np.inf
        best = np.argpartition(scores, scores.shape[1] - n, axis=1)[:, -n:]
        values = np.take_along_axis(scores, best, axis=1)
        order = np.argsort(-values, axis=1)
        lists.products[some] = np.take_along_axis(best, order, axis=1)
        lists.scores[some] = np.take_along_axis(values, order, axis=1)
    return lists


def seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def equal_sets(ours: NDArray[np.int32], theirs: NDArray[np.int32]) -> float:
    return float((np.sort(ours, axis=1) == np.sort(theirs, axis=1)).all(axis=1).mean())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__)
    for name, default in (("users", 50_000), ("products", 20_000), ("factors", 64), ("n", 10), ("seen", 80)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--turns", type=int, default=3, help="the best of so many; argpartition has one")
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    rng = np.random.default_rng(asked.seed)
    users, products = long_tail(asked.users, asked.factors, rng), long_tail(asked.products, asked.factors, rng)
    seen = rows_of_seen(asked.users, products, asked.seen, rng)
    strengths = rng.uniform(0.2, 3, len(seen.indices)).astype(np.float32)
    common, equations = als.gram(products), Equations()

    with scoring.one_blas_thread():
        ours = scoring.top_n(users, products, seen, n=asked.n)
        theirs: list[TopN] = []
        alternatives: dict[str, Callable[[], Any]] = {
            "matrix product": lambda: matrix_product(users, products),
            "top_n": lambda: scoring.top_n(users, products, seen, n=asked.n),
            "half_step": lambda: als.half_step(products, *seen, strengths, equations, gram=common),
            "because": lambda: als.because(products, *seen, strengths, ours.products, equations, gram=common),
        }
        for call in alternatives.values():  # compiled, warm
            call()
        turns = [{name: seconds(call) for name, call in alternatives.items()} for _ in range(asked.turns)]
        took = {name: min(turn[name] for turn in turns) for name in alternatives}
        took["argpartition"] = seconds(lambda: theirs.append(partitioned(users, products, seen, asked.n)))
    print(f"top_n / matrix product        {took['top_n'] / took['matrix product']:8.2f}")
    print(f"argpartition / top_n          {took['argpartition'] / took['top_n']:8.2f}")
    print(f"equal sets                    {equal_sets(ours.products, theirs[0].products):8.2%}")
    for name, value in took.items():
        print(f"{name:<20}{value:8.2f} s {value / asked.users * 1e6:9.1f} us a user")
    print(", ".join(f"{name} {value}" for name, value in vars(asked).items()), f"({len(seen.indices)} pairs)")
    blas = next((f"{b['internal_api']} {b['version']} {b.get('architecture', '')}" for b in threadpool_info()), "")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {platform.machine()}, numpy {np.__version__}", blas)


if __name__ == "__main__":
    main()
