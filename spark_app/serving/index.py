"""The best of a large catalogue by a graph of neighbours (HNSW: Malkov and Yashunin 2016), from the library usearch.

The graph proposes, by inner product, and the factors decide: scores and order are exact, and how much of the best it
finds is measured. (Vectors made one number longer, so that inner products become angles or distances as Bachrach et al.
2014 do it, give a third of that: nearly all of a long tail then lie in one place.) What a graph is not good for is
answered exactly: filters, and lists longer than it looks for.
"""

import hashlib
import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import structlog
from usearch.index import Index as Graph

from spark_app.numbers.arrays import Floats
from spark_app.serving.batching import Answer, Ask, Chooser
from spark_app.serving.exact import NONE, Exact, Wanted

CONNECTIVITY, EXPANSION_ADD, EXPANSION = 32, 256, 512  # of the graph; while it is built; while it is searched
MORE = 2  # times n are fetched, for the graph keeps rounded vectors
MOST = 2048  # fetched for one list
SAMPLE = 200
SLOW = 0.002  # seconds of an exact list from which an index is worth its while


class Measured(NamedTuple):
    """Which part of the best n of some users is found, 0 to 1; seconds of one list, by the index and exactly."""

    recall: float
    n: int
    users: int
    seconds: float
    exact_seconds: float


def is_needed(exact: Exact, users: Floats, *, n: int = 10) -> bool:
    """Whether exact lists take so long that an index helps: not where they stop early, as in a long tail they do."""
    asks = [Ask(user, NONE, n) for user in users[:: max(len(users) // 20, 1)] if user.any()]
    return _one_by_one(exact, asks)[0] > SLOW


class Index:
    """A graph over the products of an exact chooser, which answers what the graph cannot."""

    def __init__(self, graph: Graph, exact: Exact) -> None:
        self.exact, self.measured = exact, Measured(0.0, 0, 0, 0.0, 0.0)
        self._graph, self._turn = graph, threading.Lock()

    @classmethod
    def build(cls, exact: Exact, *, seed: int = 7, threads: int = 1) -> Self:
        """Put all finite vectors into a graph, in an order that the seed gives; on one thread it is always the same."""
        finite = np.flatnonzero(np.isfinite(exact.products).all(axis=1))
        order = np.random.default_rng(seed).permutation(finite)
        graph = Graph(
            ndim=exact.products.shape[1], metric="ip", connectivity=CONNECTIVITY, expansion_add=EXPANSION_ADD,
            expansion_search=EXPANSION,
        )  # fmt: skip
        if len(order):
            graph.add(order.astype(np.uint64), exact.products[order], threads=threads)
        return cls(graph, exact)

    @classmethod
    def load(cls, path: Path, exact: Exact) -> Self | None:
        """The graph of a file, mapped; None where there is none, or not all of it, or it is of other factors."""
        try:
            is_theirs = json.loads(_label(path).read_text()) == _described(path, exact.products)
            graph = Graph.restore(str(path), view=True, expansion_search=EXPANSION) if is_theirs else None
        except (OSError, ValueError, RuntimeError):
            return None
        return None if graph is None else cls(graph, exact)

    @classmethod
    def opened(cls, path: Path, exact: Exact, *, seed: int = 7, threads: int = 1) -> Self:
        """Loaded where the file belongs to these factors; else built, and kept where the folder can be written."""
        found = cls.load(path, exact)
        if found is None:
            found = cls.build(exact, seed=seed, threads=threads)
            try:
                found.save(path)
            except OSError as error:
                structlog.get_logger().warning("index is not kept", path=str(path), error=str(error))
        return found

    def save(self, path: Path) -> None:
        """Write the graph, and beside it what it belongs to; each whole or not at all, the label last."""
        aside, label = path.with_name(f"{path.name}.tmp"), _label(path).with_suffix(".tmp")
        aside.write_bytes(b"")  # says in words what is wrong with the folder
        self._graph.save(str(aside))
        aside.replace(path)
        label.write_text(json.dumps(_described(path, self.exact.products)))
        label.replace(_label(path))

    def measure(self, users: Floats, *, n: int = 10, seed: int = 7) -> Measured:
        """Search for a sample of users (users, k), both ways; what is found is kept for all who ask."""
        sample = users[np.random.default_rng(seed).permutation(len(users))[:SAMPLE]]
        asks = [Ask(user, NONE, n) for user in sample if user.any()]
        seconds, found = _one_by_one(self, asks)
        exact_seconds, best = _one_by_one(self.exact, asks)
        # By score: which of equal ones is found makes no difference.
        hits = sum(int((ours >= theirs.min(initial=np.inf)).sum()) for ours, theirs in zip(found, best, strict=True))
        wanted = sum(map(len, best))
        self.measured = Measured(hits / wanted if wanted else 1.0, n, len(asks), seconds, exact_seconds)
        return self.measured

    def search(self, users: Floats, n: int) -> list[Answer]:
        """(places, scores) of the best for each of (users, k)."""
        return self.best_now([Ask(user, NONE, n) for user in users])

    def best_now(self, asks: Sequence[Ask]) -> list[Answer]:
        """(places, scores) for each; what habits touch is always looked at. Raises ValueError as `Exact` does."""
        answers = {number: found for number, ask in enumerate(asks) if (found := self._found(ask)) is not None}
        left = [number for number in range(len(asks)) if number not in answers]
        answers.update(zip(left, self.exact.best_now([asks[number] for number in left]), strict=True))
        return [answers[number] for number in range(len(asks))]

    def _found(self, ask: Ask) -> Answer | None:
        """What the graph leads to; None where it does not serve."""
        if ask.allowed is not None:
            return None
        wanted = self.exact.wanted(ask)
        count = MORE * wanted.n + len(wanted.excluded)
        if count > min(MOST, len(self._graph)):
            return None
        answer = self._proposed(wanted, count)
        return answer if len(answer[0]) == wanted.n else None

    def _proposed(self, wanted: Wanted, count: int) -> Answer:
        with self._turn:  # a graph has one place to search from for each thread that it was told of
            keys = self._graph.search(wanted.vector, count, threads=1).keys
        return self.exact.among(wanted, np.union1d(keys.astype(np.int32), wanted.more.places))


def _one_by_one(chooser: Chooser, asks: Sequence[Ask]) -> tuple[float, list[Floats]]:
    """Seconds of each, and all scores."""
    begun = time.perf_counter()
    found = [chooser.best_now([ask])[0][1] for ask in asks]
    return (time.perf_counter() - begun) / max(len(asks), 1), found


def _label(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _described(path: Path, products: Floats) -> dict[str, Any]:
    """What a file has to be to belong to these factors."""
    return {
        "shape": list(products.shape),
        "sha256": hashlib.sha256(products.data).hexdigest(),
        "bytes": path.stat().st_size,
        "graph": [CONNECTIVITY, EXPANSION_ADD],
    }
