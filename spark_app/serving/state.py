"""What the routes share: `request.app.state.millstream`."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from spark_app.serving.measures import Measures
from spark_app.settings import Settings


@dataclass
class State:
    """The generation that is served, what is known beyond it, and where posted events go; None until there is one."""

    settings: Settings
    measures: Measures
    model: Any = None
    fresh: Any = None
    tail: Any = None
    inbox: Any = None


def of(request: Request) -> State:
    """The state of the app that was asked."""
    state: State = request.app.state.millstream
    return state
