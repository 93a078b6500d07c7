"""What is told to those who listen: under each name what is to be said now. Whoever has more to tell adds a line."""

from collections.abc import Callable
from typing import Any

from spark_app.serving.risers import Question
from spark_app.serving.state import State
from spark_app.timeline.spans import LAST

# Of the status, what changes when something has happened, and not with every second.
COUNTS = (
    "read", "accepted", "duplicates", "rejected", "new_since_last_training", "train_threshold", "missing",
    "generations", "published", "held", "cut_short", "running",
)  # fmt: skip
# Of what is rising in the last seven days, the first ten, and what is told of each.
_FIRST_TEN = Question(None, None, LAST, "product", None, 10)
_TOLD = ("rank", "key", "label", "brand", "category", "total", "users", "growth_percent", "score")


def generation(state: State) -> dict[str, Any]:
    """What is served, and since when it is trained."""
    shown = state.shelf.current
    return {"generation": shown and shown.served.id, "trained_at": shown and shown.served.trained_at}


def counts(state: State) -> dict[str, Any]:
    """Events by what became of them, and how far it is to the next training."""
    found = state.standing.now()
    return {name: found[name] for name in COUNTS}


def trending(state: State) -> dict[str, Any]:
    """The first of what is rising of late."""
    found = state.risers.ask(_FIRST_TEN)
    return {"trending": [{name: row[name] for name in _TOLD} for row in found["trending"]]}


def segments(state: State) -> dict[str, Any]:
    """Which segments are kept, and when they were made."""
    told = ("id", "features", "made_at", "users", "k")
    return {"segments": [{name: one.summary.get(name) for name in told} for one in state.segments.now()]}


def interests(state: State) -> dict[str, Any]:
    """Which groups of interest are kept, and when they were made; null before the first."""
    kept = state.interests.now()
    return {"interests": kept and {name: kept.summary.get(name) for name in ("id", "made_at", "users", "k")}}


# Name of the event -> what it says now; told to each who begins to listen, and whenever it has changed.
SOURCES: dict[str, Callable[[State], Any]] = {
    "generation": generation, "counts": counts, "trending": trending, "segments": segments,
    "interests": interests,
}  # fmt: skip
