"""Which room has which verb. The one that is asked for is opened alone: all of them together take seconds to import."""

import importlib

import typer

# In the order in which --help shows them.
ROOMS = {
    "work": ("run", "ingest", "train", "evaluate", "export", "draw"),
    "show": ("recommend", "explain", "graph"),
    "state": ("status",),
    "check": ("settings", "doctor"),
    "keep": ("retention", "dump", "restore"),
    "forgetting": ("forget",),
    "trending": ("trending",),
    "segmented": ("segments",),
    "interested": ("interests",),
    "tuning": ("tune",),
    "recents": ("recent",),
    "layered": ("layers",),
    "serving": ("serve", "web"),
    "generation": ("generations",),
    "rejected": ("quarantine",),
}


def line(verb: str | None = None) -> typer.Typer:
    """The command line: the room of this verb, or all of them where none has it."""
    app = typer.Typer(
        no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
    )
    app.callback()(_millstream)
    for room in [room for room, verbs in ROOMS.items() if verb in verbs] or ROOMS:
        importlib.import_module(f"spark_app.cli.{room}").add_to(app)
    return app


def _millstream() -> None:
    """Millstream: from sales events to recommendations, a graph, CSV files and pictures."""
