"""The verb serve. It starts on its own, without what the other verbs import: Spark's Python is most of their start."""

from typing import Annotated, NoReturn

import typer

from spark_app.running import endings, logs
from spark_app.settings import load

Host = Annotated[str | None, typer.Option("--host", help="Address to listen on; beyond loopback a key is needed.")]
Port = Annotated[int | None, typer.Option("--port", min=0, max=65_535, help="Port to listen on; 0: one that is free.")]
Beside = Annotated[bool, typer.Option("--beside", hidden=True, help="End when stdin does: with who started it.")]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")


@app.callback()
def _verbs() -> None:
    """Millstream: the API."""


@app.command()
def serve(host: Host = None, port: Port = None, beside: Beside = False) -> None:
    """Answer requests over HTTP from the published generation, until Ctrl-C or SIGTERM; /docs shows what can be asked.

    Example: python -m spark_app serve --port 8000
    """
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = load(serve=given or None)
    try:
        from spark_app.running import listening
        from spark_app.serving import server
    except ModuleNotFoundError as error:
        raise endings.not_installed(error, "the API") from None
    logs.start(settings, "serve")
    if beside:
        listening.end_with_stdin()
    server.serve(settings)


def main() -> NoReturn:
    """Run the verb and leave with its exit code."""
    endings.alone(app)
