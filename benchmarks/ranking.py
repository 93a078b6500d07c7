"""Lists asked for one by one and 16 together, in one process: ours, numpy, and the library implicit; then the index.

    python -m benchmarks.ranking exact [--products 1000000 --factors 50 --n 10]
    python -m benchmarks.ranking index [--products 200000 --users 200000 --interactions 10000000 --factors 50 --n 10]

`exact` has random vectors, among which there is nothing but to look at all of them. `index` has those of the engine
implicit, trained on simulated interactions with a long tail, and leaves out what each user has met. All run on as many
threads as they like, the index on one; all give the same lists, but for the index, whose recall is shown.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from implicit.cpu.topk import topk

from benchmarks import beside, long_tail
from spark_app import scoring
from spark_app.models import implicit
from spark_app.numbers import equations
from spark_app.numbers.arrays import Floats, Indices
from spark_app.numbers.equations import Equations
from spark_app.serving.batching import Ask, Batcher, Chooser
from spark_app.serving.exact import NONE, Exact
from spark_app.serving.index import Index

TOGETHER = 16
Way = Callable[[Sequence[Ask]], list[Indices]]


class Took(NamedTuple):
    """Milliseconds of one list: asked for alone, (rounds,), and as one of 16, (rounds,)."""

    alone: np.ndarray
    together: np.ndarray


def main() -> None:
    """Whichever was asked for."""
    asked = arguments()
    {"exact": exact, "index": index}[asked.part](asked)
    beside.machine()


def exact(asked: argparse.Namespace) -> None:
    """Random vectors: ours alone, through the batcher, and beside the others."""
    rng = np.random.default_rng(asked.seed)
    products = rng.standard_normal((asked.products or 1_000_000, asked.factors), np.float32)
    users = rng.standard_normal((TOGETHER * asked.rounds, asked.factors), np.float32)
    asks = [Ask(user, NONE, asked.n) for user in users]
    print(f"{len(products):,} products x {asked.factors} factors, random; best {asked.n}")
    ours = Exact(products)
    compare(products, asks, {"ours": by(ours)}, asked.rounds)
    by_clients(ours, asks)


def index(asked: argparse.Namespace) -> None:
    """Trained vectors: the exact way, the index and the others; what the index costs and finds."""
    known, users, products = trained(asked)
    rng = np.random.default_rng(asked.seed)
    asks = [
        Ask(users[user], known.indices[known.indptr[user] : known.indptr[user + 1]], asked.n)
        for user in rng.choice(np.flatnonzero(users.any(axis=1)), TOGETHER * asked.rounds, replace=False)
    ]
    told = f"{len(products):,} products x {asked.factors} factors, trained on {known.nnz:,} interactions"
    print(f"{told}; best {asked.n}")
    seconds, plain = beside.clocked(lambda: Exact(products))
    print(f"the exact way is ready after {seconds:.2f} s")
    graph = built(plain, users)
    compare(products, asks, {"ours": by(plain), "ours, by the index": by(graph)}, asked.rounds)
    by_clients(plain, asks)


def trained(asked: argparse.Namespace) -> tuple[sp.csr_matrix, Floats, Floats]:
    """(interactions, users, products) as the engine implicit fits them."""
    simulated = long_tail.simulated(asked.users, asked.products or 200_000, asked.interactions, asked.seed)
    terms = Equations()
    with scoring.one_blas_thread():
        products = implicit.fitted(simulated.known, terms, asked.factors, 5, asked.seed)
        return simulated.known, equations.half_steps(products, simulated.known, terms), products


def built(plain: Exact, users: Floats) -> Index:
    """An index that went through its file; prints what that took and what it finds of the best of a sample."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hnsw"
        building, made = beside.clocked(lambda: Index.build(plain))
        made.save(path)
        loading, loaded = beside.clocked(lambda: Index.load(path, plain))
        if loaded is None:
            raise RuntimeError("the index was not taken back")
        print(f"the index: built in {building:.1f} s on one thread, {path.stat().st_size / 1e6:.0f} MB beside "
              f"{plain.products.nbytes / 1e6:.0f} MB of factors, loaded in {loading:.2f} s")  # fmt: skip
        found = loaded.measure(users)
        print(f"recall@{found.n} of {found.users} users, nothing left out: {found.recall:.4f}")
        return loaded


def compare(products: Floats, asks: list[Ask], ours: dict[str, Way], rounds: int) -> None:
    """Each way by itself, for threads of BLAS spin on after a call; ratios, milliseconds, how much of it is equal."""
    ways = ours | {"numpy": by_numpy(products), "implicit.topk": by_implicit(products)}
    took, lists = {}, {}
    for name, way in ways.items():
        took[name], lists[name] = timed(way, asks, rounds)
    report(took)
    for name in [name for name in ways if name != "ours"]:
        same = np.mean([np.isin(one, other).mean() for one, other in zip(lists["ours"], lists[name], strict=True)])
        print(f"{name} has {same:.4%} of what ours has")


def timed(way: Way, asks: list[Ask], rounds: int) -> tuple[Took, list[Indices]]:
    """What it took, after one round to warm up, and all its lists."""
    took, lists = Took(np.empty(rounds), np.empty(rounds)), []
    way(asks[:TOGETHER])
    for turn in range(rounds):
        some = asks[TOGETHER * turn :][:TOGETHER]
        alone, _ = beside.clocked(partial(way, some[:1]))
        together, found = beside.clocked(partial(way, some))
        took.alone[turn], took.together[turn] = alone * 1000, together * 1000 / len(some)
        lists.extend(found)
    return took, lists


def report(took: dict[str, Took]) -> None:
    """How ours compares, then the milliseconds."""
    ours = took["ours"]
    for name, other in took.items():
        if name != "ours":
            ratios = (np.median(one) / np.median(two) for one, two in zip(ours, other, strict=True))
            print("ours / {}: {:.3f} alone, {:.3f} of 16 together".format(name, *ratios))
    for name, (alone, together) in took.items():
        print(f"{name:<36} alone {np.median(alone):8.3f} ms (p95 {np.percentile(alone, 95):8.3f}), "
              f"of 16 together {np.median(together):8.3f} ms each, {1000 / np.median(together):8,.0f}/s")  # fmt: skip


def by_clients(chooser: Chooser, asks: list[Ask]) -> None:
    """Through the batcher: one client, and 16, each of which asks again once it is answered."""
    for clients in (1, TOGETHER):
        seconds: list[float] = []
        begun = time.perf_counter()
        asyncio.run(answered(Batcher(chooser), asks, clients, seconds))
        rate = len(asks) / (time.perf_counter() - begun)
        middle, high = np.percentile(seconds, [50, 95]) * 1000
        print(f"the batcher, {clients:>2} clients: p50 {middle:.3f} ms, p95 {high:.3f} ms, {rate:,.0f}/s")


async def answered(batcher: Batcher, asks: list[Ask], clients: int, seconds: list[float]) -> None:
    """All asks, shared out among the clients."""

    async def client(own: list[Ask]) -> None:
        for ask in own:
            begun = time.perf_counter()
            await batcher.best(ask)
            seconds.append(time.perf_counter() - begun)

    await asyncio.gather(*(client(asks[number::clients]) for number in range(clients)))
    batcher.close()


def by(chooser: Chooser) -> Way:
    """Ours."""
    return lambda asks: [places for places, _ in chooser.best_now(asks)]


def by_numpy(products: Floats) -> Way:
    """A matrix product, -inf for what is excluded, argpartition, and the order of what that leaves."""

    def lists(asks: Sequence[Ask]) -> list[Indices]:
        scores = np.stack([ask.vector for ask in asks]) @ products.T
        for row, ask in zip(scores, asks, strict=True):
            row[ask.excluded] = -np.inf
        best = np.argpartition(scores, -asks[0].n, axis=1)[:, -asks[0].n :]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        return [*np.take_along_axis(best, order, axis=1)]

    return lists


def by_implicit(products: Floats) -> Way:
    """What the library's models call to recommend."""

    def lists(asks: Sequence[Ask]) -> list[Indices]:
        starts = np.cumsum([0, *(len(ask.excluded) for ask in asks)])
        met = np.concatenate([ask.excluded for ask in asks])
        seen = sp.csr_matrix((np.ones(len(met), np.float32), met, starts), shape=(len(asks), len(products)))
        found, _ = topk(products, np.stack([ask.vector for ask in asks]), asks[0].n, filter_query_items=seen)
        return [*found]

    return lists


def arguments() -> argparse.Namespace:
    """What to measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["exact", "index"])
    parser.add_argument("--products", type=int)
    defaults = {"users": 200_000, "interactions": 10_000_000, "factors": 50, "n": 10, "rounds": 30, "seed": 7}
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args()


if __name__ == "__main__":
    main()
