"""When things are sent: items in, lists of them out, each list when it is due.

What is due within one tick is gathered, so that a high rate costs few sleeps; over time no item is early.
"""

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

TICK = 0.05  # seconds
AT_ONCE = 10_000


def at_once(items: Iterable[T]) -> Iterator[list[T]]:
    """As fast as they are taken."""
    coming = iter(items)
    while gathered := list(islice(coming, AT_ONCE)):
        yield gathered


def at_rate(items: Iterable[T], rate: float) -> Iterator[list[T]]:
    """So many a second."""
    return in_time((place / rate, item) for place, item in enumerate(items))


def in_time(items: Iterable[tuple[float, T]]) -> Iterator[list[T]]:
    """Each item so many seconds after the first was asked for; what is late goes out at once."""
    begun = time.monotonic()
    gathered: list[T] = []
    for due, item in items:
        if gathered and (len(gathered) == AT_ONCE or due > time.monotonic() - begun):
            yield gathered
            gathered = []
        wait = due - (time.monotonic() - begun)
        if wait > 0:
            time.sleep(max(wait, TICK))
        gathered.append(item)
    if gathered:
        yield gathered
