"""What the routes share: `request.app.state.millstream`."""

from dataclasses import dataclass
from threading import Event as Signal
from threading import Thread

from starlette.requests import Request

from spark_app.serving.fresh import Fresh
from spark_app.serving.measures import Measures
from spark_app.serving.model import Served
from spark_app.serving.problems import Problem
from spark_app.serving.shown import Shelf, Shown
from spark_app.serving.tail import Tail
from spark_app.settings import Settings

_LAST_WAIT = 5.0


@dataclass
class State:
    """The generation that is served, and what is known beyond it; nothing runs before `start`."""

    settings: Settings
    measures: Measures
    fresh: Fresh
    tail: Tail
    shelf: Shelf
    stopping: Signal
    follower: Thread | None = None

    def shown(self) -> Shown:
        """The published generation; Problem 503 before the first."""
        if (current := self.shelf.current) is None:
            detail = self.shelf.fault or "no generation is published yet: `python -m spark_app run` makes one"
            raise Problem(503, "Not ready", detail, headers={"Retry-After": "5"})
        return current

    def held(self, generation: str) -> Shown | None:
        """A generation that was published, and is still open for who pages in it."""
        return self.shelf.held(generation)

    def look(self) -> bool:
        """Serve what is published now; whether that is another one."""
        return self.shelf.look()

    def start(self) -> None:
        """Show what is published, and follow it and the event table."""
        self.look()
        self.tail.start()
        self.follower = Thread(target=self._follow, name="shelf", daemon=True)
        self.follower.start()

    def stop(self) -> None:
        """Follow no more, and let everything go."""
        self.stopping.set()
        self.tail.stop()
        if self.follower is not None:
            self.follower.join(_LAST_WAIT)
        self.shelf.close()

    def _follow(self) -> None:
        while not self.stopping.wait(self.settings.serve.poll_interval):
            self.look()


def made(settings: Settings, measures: Measures) -> State:
    """With nothing in it yet."""
    fresh = Fresh()
    tail = Tail(settings, fresh, settings.serve.poll_interval)

    def swapped(served: Served) -> None:
        tail.catch_up(served.version)

    return State(settings, measures, fresh, tail, Shelf(settings, swapped), Signal())


def of(request: Request) -> State:
    """The state of the app that was asked."""
    state: State = request.app.state.millstream
    return state
