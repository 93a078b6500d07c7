"""Server-sent events: what the sources say, told to many listeners when it changes, by a task for each source.

A listener has no thread and no queue: of each event it is sent the newest alone, as fast as it reads.
"""

import asyncio
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson
import structlog
from fastapi.concurrency import run_in_threadpool

from spark_app.serving.problems import Problem

MEDIA_TYPE = "text/event-stream"
MOST = 100
# Seconds between two looks at a source, and of silence before a listener hears that it is still connected.
BETWEEN, HEARTBEAT = 0.5, 15.0
# A source that takes long is looked at for a tenth of the time.
RESTS = 9.0
_STILL_HERE = b": still here\n\n"
# A browser that was cut off comes again after so many milliseconds.
_AGAIN = b"retry: 2000\n\n"
_LATER = {"Retry-After": "5"}


class Message(NamedTuple):
    """An event as it is sent, and what it says."""

    sent: bytes
    data: bytes


class Listener:
    """One client: the events that it was not sent yet."""

    def __init__(self) -> None:
        self._waiting: dict[str, Message] = {}
        self._woken = asyncio.Event()

    def tell(self, event: str, message: Message) -> None:
        """In place of an older one of this name."""
        self._waiting[event] = message
        self._woken.set()

    def wake(self) -> None:
        """Without anything to say."""
        self._woken.set()

    def taken(self) -> list[Message]:
        """What waits, and does so no more."""
        messages, self._waiting = list(self._waiting.values()), {}
        self._woken.clear()
        return messages

    async def is_woken(self, seconds: float) -> bool:
        """Whether something is there within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                return await self._woken.wait()
        except TimeoutError:
            return False


class Stream:
    """Tells what each source says now; `sources` are called in threads, and only while somebody listens."""

    def __init__(self, sources: Mapping[str, Callable[[], Any]], *, most: int = MOST) -> None:
        self._sources, self._most = sources, most
        self._listeners: set[Listener] = set()
        self._newest: dict[str, Message] = {}
        self._followers: dict[str, asyncio.Task[None]] = {}
        self._run, self._numbers = secrets.token_hex(3), itertools.count(1)
        self.is_closed = False

    @contextmanager
    def joined(self) -> Iterator[Listener]:
        """A listener until the end of the block; Problem 503 when there are as many as there may be, or at the end."""
        if self.is_closed:
            raise Problem(503, "Not ready", "the API is stopping", headers=_LATER)
        if len(self._listeners) >= self._most:
            raise Problem(503, "Too many listeners", f"{self._most} listen already", headers=_LATER)
        listener = Listener()
        self._follow_all()
        for event, message in self._newest.items():
            listener.tell(event, message)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    async def told(
        self, listener: Listener, *, events: int | None = None, seconds: float | None = None
    ) -> AsyncIterator[bytes]:
        """What is sent, until so many events or seconds have passed, or the server stops."""
        clock, left = asyncio.get_running_loop().time, events
        end = clock() + seconds if seconds is not None else float("inf")
        yield _AGAIN
        while not self.is_closed and clock() < end:
            for message in listener.taken():
                yield message.sent
                left = None if left is None else left - 1
                if left == 0:
                    return
            if not await listener.is_woken(min(HEARTBEAT, end - clock())) and clock() < end:
                yield _STILL_HERE

    def close(self) -> None:
        """Let all listeners go; to be called on the event loop."""
        self.is_closed = True
        for listener in self._listeners:
            listener.wake()
        for follower in self._followers.values():
            follower.cancel()

    def _follow_all(self) -> None:
        """Each at its own pace: one that takes long keeps no other back."""
        for event, source in self._sources.items():
            if event not in self._followers or self._followers[event].done():
                self._newest.pop(event, None)
                self._followers[event] = asyncio.create_task(self._follow(event, source))

    async def _follow(self, event: str, source: Callable[[], Any]) -> None:
        while self._listeners and not self.is_closed:
            begun = time.monotonic()
            await self._look(event, source)
            await asyncio.sleep(max(BETWEEN, RESTS * (time.monotonic() - begun)))

    async def _look(self, event: str, source: Callable[[], Any]) -> None:
        try:
            data = orjson.dumps(await run_in_threadpool(source))
        except Exception as error:  # noqa: BLE001 - what one source cannot say now keeps no other from being heard
            structlog.get_logger().debug("source is silent", source=event, error=f"{type(error).__name__}: {error}")
            return
        before = self._newest.get(event)
        if before is not None and before.data == data:
            return
        number = f"{self._run}-{next(self._numbers)}"
        message = Message(b"id: %b\nevent: %b\ndata: %b\n\n" % (number.encode(), event.encode(), data), data)
        self._newest[event] = message
        for listener in self._listeners:
            listener.tell(event, message)
