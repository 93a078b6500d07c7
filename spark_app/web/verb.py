"""The verb web. It starts on its own, as serve does, without what the other verbs import."""

from typing import Annotated, NoReturn

import typer

from spark_app.running import endings, logs
from spark_app.settings import load

Host = Annotated[str | None, typer.Option("--host", help="Address to show it at; beyond loopback with a password.")]
Port = Annotated[int | None, typer.Option("--port", min=0, max=65_535, help="Port to show it at; 0: one that is free.")]
Api = Annotated[str | None, typer.Option("--api", metavar="URL", help="The API to ask; default: that of serve here.")]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")


@app.callback()
def _verbs() -> None:
    """Millstream: the page."""


@app.command()
def web(host: Host = None, port: Port = None, api: Api = None) -> None:
    """Show what the API says as a page, until Ctrl-C or SIGTERM; starts serve beside it where none answers here.

    Example: python -m spark_app web --port 8501
    """
    asked = {"host": host, "port": port, "api_url": api}
    settings = load(web={name: value for name, value in asked.items() if value is not None} or None)
    try:
        from spark_app.web import server
    except ModuleNotFoundError as error:
        raise endings.not_installed(error, "the page") from None
    logs.start(settings, "web")
    server.show(settings)


def main() -> NoReturn:
    """Run the verb and leave with its exit code."""
    endings.alone(app)
