"""Users who are forgotten while the API runs: here by a request, or by the verb in another process.

Both are noticed by the list of those who were forgotten, which is looked at as the published generation is.
"""

import time
from collections.abc import Mapping
from datetime import datetime

import structlog

from spark_app.forgetting import run
from spark_app.forgetting.receipts import Receipt
from spark_app.serving.fresh import Event, Fresh
from spark_app.serving.tail import FAR
from spark_app.settings import Settings
from spark_app.storage import forgotten

_MICROSECONDS = 1_000_000


class Follower:
    """Lets go of the events of users who were forgotten, as soon as the list of them is another file."""

    def __init__(self, settings: Settings, fresh: Fresh) -> None:
        self._settings, self._fresh = settings, fresh
        self._seen: object = None
        self._pause, self._due_at = FAR if settings.place(forgotten.path(settings)) else 0.0, 0.0

    def look(self) -> None:
        """Look once; it costs microseconds while nobody is forgotten, but for a bucket, and raises nothing."""
        if time.monotonic() < self._due_at:
            return
        self._due_at = time.monotonic() + self._pause
        try:
            seen = forgotten.stamp(self._settings)
            if seen is not None and seen != self._seen:
                known = forgotten.read(self._settings)
                until = {user: known.until(user) for user in self._fresh.users()}
                self._fresh.forget(lambda event: _is_gone(event, until))
                self._seen = seen
        except (OSError, ValueError, KeyError) as error:
            structlog.get_logger().error("the list of forgotten users cannot be read", error=str(error))


def forget(settings: Settings, user: str) -> Receipt:
    """Forget a user in all that is kept. Errors of `run.forget`; LockedError when another has a lock."""
    with run.holding(settings):
        return run.forget(settings, user)


def _is_gone(event: Event, until: Mapping[str, datetime | None]) -> bool:
    at = until.get(event.user)
    return at is not None and event.occurred_at <= at.timestamp() * _MICROSECONDS
