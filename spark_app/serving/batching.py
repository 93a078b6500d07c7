"""Concurrent requests for the best of a catalogue become one matrix product, in a thread beside the event loop.

Nobody waits for company: an ask alone is worked out at once, and those that come meanwhile are the next batch.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, Protocol

from spark_app.numbers.arrays import Floats, Indices

Answer = tuple[Indices, Floats]


class Ask(NamedTuple):
    """The best n of a catalogue for a user's vector (k,), by places of products.

    `excluded` may not be listed; only what is `allowed` may, where that is not None. `own`, `weights` and `again` are
    the user's habits (arrays.Habits), where there are any.
    """

    vector: Floats
    excluded: Indices
    n: int
    own: Indices | None = None
    weights: Floats | None = None
    again: Floats | None = None
    allowed: Indices | None = None


class Chooser(Protocol):
    """What answers many asks at once: `Exact`, or an `Index`."""

    def best_now(self, asks: Sequence[Ask]) -> list[Answer]:
        """(places, scores) for each, the best first, ties to the smaller place; fewer than n where fewer are left."""


class ClosedError(RuntimeError):
    """Nothing is answered any more."""


class Batcher:
    """Asks of one event loop, answered by a chooser, at most `most` of them together."""

    def __init__(self, chooser: Chooser, *, most: int = 32) -> None:
        self.chooser, self._most = chooser, most
        self._waiting: deque[tuple[Ask, asyncio.Future[Answer]]] = deque()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="batch")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_at_work = self._is_closed = False

    async def best(self, ask: Ask) -> Answer:
        """(places, scores) of the best. What the chooser raises reaches all whose asks were with it."""
        if self._is_closed:
            raise ClosedError("nothing is answered any more: the catalogue was replaced")
        self._loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting.append((ask, answer))
        if not self._is_at_work:
            self._is_at_work = True
            # Not before all that are ready to ask have asked.
            self._loop.call_soon(self._begin, self._loop)
        return await answer

    def best_now(self, asks: Sequence[Ask]) -> list[Answer]:
        """The same for many at once, worked out by the thread that calls."""
        return self.chooser.best_now(asks)

    def close(self) -> None:
        """Answer who waits, and nobody after. May be called from any thread."""
        self._is_closed = True
        if self._loop is None or self._loop.is_closed():
            self._worker.shutdown(wait=False)
        else:
            self._loop.call_soon_threadsafe(self._rest)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        asks, answers = self._taken()
        self._is_at_work = bool(asks)
        if asks:
            work = loop.run_in_executor(self._worker, self.chooser.best_now, asks)
            work.add_done_callback(partial(self._deliver, loop, answers))
        else:
            self._rest()

    def _taken(self) -> tuple[list[Ask], list[asyncio.Future[Answer]]]:
        """The next batch, without those who went away."""
        asks: list[Ask] = []
        answers: list[asyncio.Future[Answer]] = []
        while self._waiting and len(asks) < self._most:
            ask, answer = self._waiting.popleft()
            if not answer.done():
                asks.append(ask)
                answers.append(answer)
        return asks, answers

    def _deliver(
        self, loop: asyncio.AbstractEventLoop, answers: list[asyncio.Future[Answer]], work: asyncio.Future[list[Answer]]
    ) -> None:
        error = work.exception()
        for place, answer in enumerate(answers):
            if answer.done():
                continue
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(work.result()[place])
        self._begin(loop)

    def _rest(self) -> None:
        """Let the thread go once nothing is to come."""
        if self._is_closed and not self._is_at_work:
            self._worker.shutdown(wait=False)
