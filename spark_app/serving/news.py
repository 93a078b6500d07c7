"""What is told to those who listen: under each name what is to be said now. Whoever has more to tell adds a line."""

from collections.abc import Callable
from typing import Any

from spark_app.serving.state import State

# Of the status, what changes when something has happened, and not with every second.
COUNTS = (
    "read", "accepted", "duplicates", "rejected", "new_since_last_training", "train_threshold", "missing",
    "generations", "published", "held", "cut_short", "running",
)  # fmt: skip


def generation(state: State) -> dict[str, Any]:
    """What is served, and since when it is trained."""
    shown = state.shelf.current
    return {"generation": shown and shown.served.id, "trained_at": shown and shown.served.trained_at}


def counts(state: State) -> dict[str, Any]:
    """Events by what became of them, and how far it is to the next training."""
    found = state.standing.now()
    return {name: found[name] for name in COUNTS}


# Name of the event -> what it says now; told to each who begins to listen, and whenever it has changed.
SOURCES: dict[str, Callable[[State], Any]] = {"generation": generation, "counts": counts}
