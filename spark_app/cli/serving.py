"""The verb serve among the others; on its own, `__main__` has it from where it is."""

import typer

from spark_app.serving.verb import serve


def add_to(app: typer.Typer) -> None:
    """Give the verb to the command line."""
    app.command()(serve)
