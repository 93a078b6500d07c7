"""The best of one catalogue, exactly: asks that may list the same products share one matrix product.

Where a filter leaves few products they are scored one by one, and so is what a user's habits touch: a product has the
same score whichever way it came, that of scoring.top_n.
"""

import itertools
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from spark_app.numbers import candidates, prepared
from spark_app.numbers.arrays import (
    Floats,
    Habits,
    Indices,
    SeenCSR,
    Similar,
    at_least_one,
    checked,
    known,
    nobody_alike,
    sparse,
)
from spark_app.numbers.candidates import Added
from spark_app.scoring import TopN
from spark_app.serving.batching import Answer, Ask

FEW, SHARE = 1024, 32  # so many products, or one in so many, are looked at one by one
PART = 1 << 17  # products that are worth a thread
NONE = np.empty(0, np.int32)


class Wanted(NamedTuple):
    """An ask, checked: places in order and each once, n at most as many as there are, and what habits add."""

    vector: Floats
    excluded: Indices
    n: int
    more: Added
    allowed: Indices | None


class Exact:
    """Products (p, k) float32, which may be mapped from a file, and which of them are alike.

    Where all of a large catalogue has to be looked at, `threads` share it: as many as there are cores.
    """

    def __init__(self, products: Floats, similar: Similar | None = None, *, threads: int | None = None) -> None:
        self.products = checked(products, np.float32, 2)
        count = len(self.products)
        self._similar = Similar(*sparse(similar or nobody_alike(count), count, count))
        self._prepared = prepared.of(self.products)
        self._parts = self._shared_out(threads or os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(len(self._parts), thread_name_prefix="part")
        self._blas = ThreadpoolController()
        if count:
            self._compile()

    def best_now(self, asks: Sequence[Ask]) -> list[Answer]:
        """(places, scores) for each. Raises ValueError for an ask of places that do not exist, or of another k."""
        answers: dict[int, Answer] = {}
        together: dict[tuple[int, int], list[tuple[int, Wanted]]] = defaultdict(list)
        for number, ask in enumerate(asks):
            wanted = self.wanted(ask)
            if wanted.allowed is not None and self._are_few(wanted.allowed):
                answers[number] = self.among(wanted, wanted.allowed)
            else:
                together[self._filter(ask)].append((number, wanted))
        for group in together.values():
            numbers, alike = zip(*group, strict=True)
            answers.update(zip(numbers, self._together(alike), strict=True))
        return [answers[number] for number in range(len(asks))]

    def wanted(self, ask: Ask) -> Wanted:
        """The ask, checked."""
        count, k = self.products.shape
        vector, n = checked(ask.vector, np.float32, 1), at_least_one("n", ask.n)
        if len(vector) != k:
            raise ValueError(f"{len(vector)} factors of a user, {k} of a product: expected as many")
        allowed = None if ask.allowed is None else _ordered(ask.allowed, count)
        return Wanted(vector, _ordered(ask.excluded, count), min(n, max(count, 1)), self._added(ask), allowed)

    def among(self, wanted: Wanted, places: Indices, so_far: TopN | None = None) -> Answer:
        """The best of a few places, in order and each there once, and of a list of others that is merged with them."""
        found = candidates.best(
            wanted.vector, self.products, places, n=wanted.n, excluded=wanted.excluded, more=wanted.more, so_far=so_far
        )
        there = found.products[0] >= 0
        return found.products[0][there], found.scores[0][there]

    def _compile(self) -> None:
        """All kernels, before anyone waits for them."""
        first, nothing = np.zeros(1, np.int32), np.zeros(1, np.float32)
        ask = Ask(np.zeros(self.products.shape[1], np.float32), NONE, 1, first, nothing, nothing)
        self.best_now([ask, ask._replace(allowed=first)])

    def _added(self, ask: Ask) -> Added:
        if ask.own is None or ask.weights is None or ask.again is None or not len(ask.own):
            return candidates.NOTHING
        habits = Habits(np.array([0, len(ask.own)]), ask.own, ask.weights, ask.again)
        _, own, weights, again = sparse(habits, 1, len(self.products))
        return candidates.added(own, weights, again, self._similar)

    def _are_few(self, places: Indices) -> bool:
        return len(places) <= max(FEW, len(self.products) // SHARE)

    def _filter(self, ask: Ask) -> tuple[int, int]:
        """Equal for asks whose products are ruled out all at once, by the same arrays."""
        allowed, excluded = ask.allowed, ask.excluded
        return 0 if allowed is None else id(allowed), 0 if self._are_few(excluded) else id(excluded)

    def _listable(self, wanted: Wanted) -> NDArray[np.bool_] | None:
        """(products,): what may be listed to all with this filter; None for all of them."""
        everything = self._are_few(wanted.excluded)
        if wanted.allowed is None and everything:
            return None
        listable = np.full(len(self.products), wanted.allowed is None)
        if wanted.allowed is not None:
            listable[wanted.allowed] = True
        if not everything:
            listable[wanted.excluded] = False
        return listable

    def _together(self, group: Sequence[Wanted]) -> list[Answer]:
        """Answers to asks with one filter: over all products, but for what habits touch; that is scored by itself."""
        listable = self._listable(group[0])
        out = [[one.excluded if self._are_few(one.excluded) else NONE, one.more.places] for one in group]
        starts = np.cumsum([0, *(len(excluded) + len(touched) for excluded, touched in out)])
        seen = SeenCSR(starts, np.concatenate([places for both in out for places in both]))
        find = partial(
            prepared.best, np.stack([one.vector for one in group]), self._prepared, seen, n=[one.n for one in group],
            listable=listable,
        )  # fmt: skip
        with self._blas.limit(limits=1, user_api="blas"):
            lists = self._find(find, max(one.n for one in group))
        return [
            self.among(one, _left(one.more.places, listable), TopN(products[None, : one.n], scores[None, : one.n]))
            for one, products, scores in zip(group, *lists, strict=True)
        ]

    def _find(self, find: Callable[..., TopN], n: int) -> TopN:
        """The best n of all parts."""
        if len(self._parts) == 1:
            return find()
        return prepared.merged([*self._threads.map(lambda part: find(part=part), self._parts)], n)

    def _shared_out(self, threads: int) -> list[range]:
        """Rows for each thread; all for one where they are few, or lists are complete before their end."""
        count = len(self.products)
        parts = 1 if len(self._prepared.places) else max(min(threads, count // PART), 1)
        ends = [count * part // parts for part in range(parts + 1)]
        return [range(*both) for both in itertools.pairwise(ends)]


def _ordered(places: Indices, count: int) -> Indices:
    """In order, each once. Raises ValueError for one that does not exist."""
    rows = known(checked(places, np.int32, 1), count)
    return rows if (rows[1:] > rows[:-1]).all() else checked(np.unique(rows), np.int32, 1)


def _left(places: Indices, listable: NDArray[np.bool_] | None) -> Indices:
    return places if listable is None else places[listable[places]]
