"""What the routes share: `request.app.state.millstream`."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event as Signal
from threading import Thread

import structlog
from anyio import CapacityLimiter
from starlette.requests import Request

from spark_app.serving import inbox
from spark_app.serving.forgetting import Follower
from spark_app.serving.fresh import Event, Fresh
from spark_app.serving.interested import Interested
from spark_app.serving.measures import Measures
from spark_app.serving.problems import Problem
from spark_app.serving.receiving import Receiver, RecentIds
from spark_app.serving.risers import Risers
from spark_app.serving.segmented import Segmented
from spark_app.serving.shown import Shelf, Shown
from spark_app.serving.standing import Standing
from spark_app.serving.tail import Tail
from spark_app.settings import Settings

_LAST_WAIT = 5.0
# Seconds between two looks at what was posted and does not come to the event table.
_PATIENCE = 30.0
# Seconds after which what was posted to the topic should have come, if anything has.
_OVERDUE = 300.0
# Threads that wait for what is posted to be kept, at the most: a broker that is away leaves the others to all else.
_POSTING = 16


@dataclass
class State:
    """The generation that is served, and what is known beyond it; nothing runs before `start`."""

    settings: Settings
    measures: Measures
    fresh: Fresh
    tail: Tail
    shelf: Shelf
    standing: Standing
    held_open: ExitStack = field(default_factory=ExitStack)
    stopping: Signal = field(default_factory=Signal)
    follower: Thread | None = None
    posts: Receiver | None = None
    risers: Risers = field(init=False)
    segments: Segmented = field(init=False)
    interests: Interested = field(init=False)
    forgetting: Follower = field(init=False)
    lost: set[str] = field(default_factory=set)
    posted_by: dict[str, tuple[float, int]] = field(default_factory=dict)
    posting: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_POSTING))
    # To read a picture takes all that a core has: one at a time.
    reading: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))

    def __post_init__(self) -> None:
        self.risers = Risers(self.settings)
        self.segments = Segmented(self.settings)
        self.interests = Interested(self.settings)
        self.forgetting = Follower(self.settings, self.fresh)

    def shown(self) -> Shown:
        """The published generation; Problem 503 before the first."""
        if (current := self.shelf.current) is None:
            if fault := self.shelf.fault:
                raise Problem(503, "Cannot be served", fault, headers={"Retry-After": "5"})
            detail = "no generation is published yet: `python -m spark_app run` makes one"
            raise Problem(503, "Not ready", detail, headers={"Retry-After": "5"})
        return current

    def receiver(self) -> Receiver:
        """Where posted events go; Problem 503 while there is nothing that takes them."""
        if self.posts is None:
            raise Problem(503, "Starting or stopping", "ask again in a moment", headers={"Retry-After": "5"})
        return self.posts

    def held(self, generation: str) -> Shown | None:
        """A generation that was published, and is still open for who pages in it."""
        return self.shelf.held(generation)

    def look(self) -> bool:
        """Serve what is published now, without who was forgotten; whether that is another one."""
        changed = self.shelf.look()
        self.forgetting.look()
        return changed

    def start(self) -> None:
        """Show what is published, and follow it and the event table."""
        self.look()
        sink = self.held_open.enter_context(inbox.opened(self.settings, self.settings.serve.segment_seconds))
        self.posts = Receiver(self.settings, sink, Met(self.fresh), self.settings.serve.max_events)
        self.fresh.posted(self._pending())
        self.tail.start()
        self.follower = Thread(target=self._follow, name="shelf", daemon=True)
        self.follower.start()

    def stop(self) -> None:
        """Follow no more, and let everything go."""
        self.stopping.set()
        self.posts = None
        self.held_open.close()
        self.tail.stop()
        if self.follower is not None:
            self.follower.join(_LAST_WAIT)
        self.shelf.close()

    def _follow(self) -> None:
        looked_at = time.monotonic()
        while not self.stopping.wait(self.settings.serve.poll_interval):
            self.shelf.follow()
            self.forgetting.look()
            if time.monotonic() - looked_at > _PATIENCE:
                looked_at = time.monotonic()
                self._settle()

    def _settle(self) -> None:
        """Let go of posted events that the stream has taken as doubles of older ones: they never come to the table."""
        if self.tail.fault:
            return
        waiting = self.fresh.waiting()
        if self.settings.source == "files":
            missing = waiting - {event.event_id for event in self._pending()} if waiting else waiting
            self.fresh.withdraw(missing & self.lost)
            self.lost = missing
            return
        # What is in the topic is not looked up: what came after it is in the table, and it is not.
        now = (time.monotonic(), self.tail.version)
        self.posted_by = {name: self.posted_by.get(name, now) for name in waiting}
        self.fresh.withdraw(
            [name for name, (at, version) in self.posted_by.items() if now[0] - at > _OVERDUE and now[1] > version]
        )

    def _pending(self) -> list[Event]:
        """Events of the inbox that are not taken yet; none where it cannot be read now."""
        try:
            return list(inbox.pending(self.settings)) if self.settings.source == "files" else []
        except (OSError, ValueError) as error:
            structlog.get_logger().warning("inbox cannot be read", error=str(error))
            return []


class Met(RecentIds):
    """Ids that were posted here not long ago, or that events beyond the generation have."""

    def __init__(self, fresh: Fresh) -> None:
        super().__init__()
        self._fresh = fresh

    def __contains__(self, event_id: str) -> bool:
        return super().__contains__(event_id) or self._fresh.knows(event_id)


def made(settings: Settings, measures: Measures) -> State:
    """With nothing in it yet."""
    fresh = Fresh()
    tail = Tail(settings, fresh, settings.serve.poll_interval)
    return State(settings, measures, fresh, tail, Shelf(settings, tail.catch_up), Standing(settings))


def of(request: Request) -> State:
    """The state of the app that was asked."""
    state: State = request.app.state.millstream
    return state
