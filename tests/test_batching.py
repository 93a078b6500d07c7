"""Asks that come together are answered together, beside the event loop; whoever goes away or errs harms nobody else."""

import asyncio
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from spark_app.serving.batching import Ask, Batcher, ClosedError
from spark_app.serving.exact import Exact

NONE = np.empty(0, np.int32)


def ask(number, *, n=1):
    """An ask that can be told from others."""
    return Ask(np.float32([number]), NONE, n)


def echo(asks):
    """Answers that say what was asked."""
    return [(np.int32([one.vector[0]]), one.vector) for one in asks]


def recorded(answer=echo):
    """A chooser that writes down the numbers of each batch, and waits before it begins until it is let go."""
    batches, gate = [], threading.Event()

    def best_now(asks):
        batches.append([int(one.vector[0]) for one in asks])
        assert gate.wait(10)
        return answer(asks)

    return SimpleNamespace(best_now=best_now), batches, gate


async def until(condition):
    """Wait a little for it to come true."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it did not come true")


def asked(batcher, *numbers):
    return [asyncio.ensure_future(batcher.best(ask(number))) for number in numbers]


def workers():
    return {thread for thread in threading.enumerate() if thread.name.startswith("batch")}


async def places(tasks):
    return [int(found[0]) for found, _ in await asyncio.gather(*tasks)]


def test_asks_that_come_while_a_batch_is_worked_out_are_taken_together():
    async def go():
        chooser, batches, gate = recorded()
        batcher = Batcher(chooser, most=4)
        first = asked(batcher, 0)
        await until(lambda: batches)
        others = asked(batcher, *range(1, 7))
        await asyncio.sleep(0.01)
        gate.set()
        assert await places(first + others) == list(range(7))
        assert batches == [[0], [1, 2, 3, 4], [5, 6]]

    asyncio.run(go())


def test_asks_that_are_ready_at_once_are_one_batch():
    async def go():
        chooser, batches, gate = recorded()
        gate.set()
        assert await places(asked(Batcher(chooser), *range(16))) == list(range(16))
        assert batches == [[*range(16)]]

    asyncio.run(go())


def test_an_ask_alone_does_not_wait_for_company():
    async def go():
        batcher, seconds = Batcher(SimpleNamespace(best_now=echo)), []
        for number in range(20):
            begun = time.perf_counter()
            await batcher.best(ask(number))
            seconds.append(time.perf_counter() - begun)
        assert min(seconds) < 0.005

    asyncio.run(go())


def test_the_event_loop_goes_on_while_a_batch_is_worked_out():
    async def go():
        chooser, batches, gate = recorded()
        tasks = asked(Batcher(chooser), 1)
        await until(lambda: batches)
        for _ in range(5):
            await asyncio.sleep(0.001)
        assert not tasks[0].done()
        gate.set()
        await places(tasks)

    asyncio.run(go())


def test_who_went_away_before_the_batch_began_costs_nothing():
    async def go():
        chooser, batches, gate = recorded()
        batcher = Batcher(chooser)
        first = asked(batcher, 0)
        await until(lambda: batches)
        waiting = asked(batcher, 1, 2, 3)
        await asyncio.sleep(0)
        waiting[1].cancel()
        gate.set()
        assert await places([first[0], waiting[0], waiting[2]]) == [0, 1, 3]
        assert batches == [[0], [1, 3]]

    asyncio.run(go())


def test_who_goes_away_during_a_batch_takes_nothing_from_the_others():
    async def go():
        chooser, batches, gate = recorded()
        batcher = Batcher(chooser)
        tasks = asked(batcher, 0, 1, 2)
        await until(lambda: batches)
        tasks[1].cancel()
        gate.set()
        assert await places([tasks[0], tasks[2]]) == [0, 2]
        assert await places(asked(batcher, 5)) == [5]

    asyncio.run(go())


def test_when_all_went_away_the_next_is_answered():
    async def go():
        chooser, batches, gate = recorded()
        batcher = Batcher(chooser)
        first, second = *asked(batcher, 0), None
        await until(lambda: batches)
        (second,) = asked(batcher, 1)
        await asyncio.sleep(0)
        first.cancel()
        second.cancel()
        gate.set()
        await asyncio.sleep(0.01)
        assert await places(asked(batcher, 2)) == [2]
        assert batches == [[0], [2]]

    asyncio.run(go())


def test_an_error_reaches_all_of_its_batch_and_nobody_else():
    def failing(asks):
        if any(one.vector[0] == 2 for one in asks):
            raise ValueError("2 cannot be answered")
        return echo(asks)

    async def go():
        chooser, batches, gate = recorded(failing)
        batcher = Batcher(chooser)
        first = asked(batcher, 0)
        await until(lambda: batches)
        unlucky = asked(batcher, 1, 2, 3)
        await asyncio.sleep(0)
        gate.set()
        assert await places(first) == [0]
        for error in await asyncio.gather(*unlucky, return_exceptions=True):
            assert isinstance(error, ValueError)
            assert str(error) == "2 cannot be answered"
        assert await places(asked(batcher, 4)) == [4]

    asyncio.run(go())


@pytest.mark.parametrize("elsewhere", [False, True])
def test_after_closing_who_waits_is_answered_and_nobody_after(elsewhere):
    others = workers()

    async def go():
        chooser, batches, gate = recorded()
        batcher = Batcher(chooser)
        first = asked(batcher, 0)
        await until(lambda: batches)
        waiting = asked(batcher, 1, 2)
        await asyncio.sleep(0)
        await asyncio.to_thread(batcher.close) if elsewhere else batcher.close()
        gate.set()
        assert await places(first + waiting) == [0, 1, 2]
        with pytest.raises(ClosedError, match="the catalogue was replaced"):
            await batcher.best(ask(3))
        await until(lambda: workers() <= others)

    asyncio.run(go())


def test_one_that_was_never_asked_can_be_closed():
    Batcher(SimpleNamespace(best_now=echo)).close()


def test_the_checkerboard_is_answered_through_the_batcher():
    """Even users like even products: of two vectors of a kind the longer is the best, and is excluded for user 0."""
    products = np.float32([[1, 0], [0, 1], [2, 0], [0, 2]])

    async def go():
        batcher = Batcher(Exact(products))
        even, odd = np.float32([1, 0]), np.float32([0, 1])
        asks = [Ask(even, np.int32([2]), 1), Ask(odd, NONE, 2), Ask(even, NONE, 1)]
        found = await asyncio.gather(*map(batcher.best, asks))
        assert [places.tolist() for places, _ in found] == [[0], [3, 1], [2]]
        assert [scores.tolist() for _, scores in found] == [[1], [2, 1], [2]]
        assert [places.tolist() for places, _ in batcher.best_now(asks)] == [[0], [3, 1], [2]]
        batcher.close()

    asyncio.run(go())
