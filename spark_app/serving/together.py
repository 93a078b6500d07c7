"""Calls from many threads that cost as much for all as for one: while one is at work the others gather for the next."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Together(Generic[Item]):
    """`work` is done for the items of all that wait, in the order in which they came, by one thread at a time."""

    def __init__(self, work: Callable[[list[Item]], None]) -> None:
        self._work = work
        self._turn = Lock()
        self._waiting: deque[tuple[Item, Future[None]]] = deque()

    def add(self, item: Item) -> None:
        """Returns when the work was done for this item; what it raised reaches all whose items were with it."""
        done: Future[None] = Future()
        self._waiting.append((item, done))
        with self._turn:
            if not done.done():
                self._work_off()
        done.result()

    def _work_off(self) -> None:
        taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            self._work([item for item, _ in taken])
        except BaseException as error:
            for _, done in taken:
                done.set_exception(error)
            raise
        for _, done in taken:
            done.set_result(None)
