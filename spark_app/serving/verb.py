"""The verb serve. It starts on its own, without what the other verbs import: Spark's Python is most of their start."""

import signal
import sys
from typing import Annotated, NoReturn

import typer

from spark_app import endings, logs, progress
from spark_app.settings import WrongSettingError, load

Host = Annotated[str | None, typer.Option("--host", help="Address to listen on; beyond loopback a key is needed.")]
Port = Annotated[int | None, typer.Option("--port", min=0, max=65_535, help="Port to listen on; 0: one that is free.")]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")


class NotInstalledError(ImportError):
    """The packages of the API are not there; the message says how to get them."""


@app.callback()
def _verbs() -> None:
    """Millstream: the API."""


@app.command()
def serve(host: Host = None, port: Port = None) -> None:
    """Answer requests over HTTP from the published generation, until Ctrl-C or SIGTERM; /docs shows what can be asked.

    Example: python -m spark_app serve --port 8000
    """
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = load(serve=given or None)
    try:
        from spark_app.serving import server
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("spark_app"):
            raise
        line = f"{sys.executable} -m pip install -r requirements-serve.txt"
        raise NotInstalledError(f"{error.name} is not installed, which the API needs: {line}") from None
    logs.start(settings, "serve")
    server.serve(settings)


def main() -> NoReturn:
    """Run the verb and leave with its exit code."""
    # Until the server has its own way to end: Ctrl-C and SIGTERM alike.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logs.silence()
    try:
        app(standalone_mode=True)
    except SystemExit as end:
        if end.code == endings.INTERRUPTED:
            progress.warn("stopped before it had begun")
        raise
    except WrongSettingError as error:
        endings.fail(error, endings.WRONG_USAGE)
    except (NotInstalledError, OSError) as error:
        endings.fail(error, endings.FAILED)
    except Exception as error:  # noqa: BLE001 - the last resort: one line here, the rest in the log
        endings.fail_unexpectedly(error)
    sys.exit(0)
