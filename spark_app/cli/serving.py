"""The verbs serve and web among the others; on their own, `__main__` has each from where it is."""

import typer

from spark_app.serving.verb import serve
from spark_app.web.verb import web


def add_to(app: typer.Typer) -> None:
    """Give the verbs to the command line."""
    app.command()(serve)
    app.command()(web)
