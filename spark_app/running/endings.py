"""How a verb ends that cannot go on: one line, an exit code, and the whole story in the log."""

import signal
import sys
from typing import NoReturn

import structlog
import typer

from spark_app.running import logs, progress
from spark_app.running.errors import SaidError, WrongUsageError

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130


class NotInstalledError(SaidError, ImportError):
    """The packages of a verb are not there; the message says how to get them."""


def not_installed(error: ModuleNotFoundError, what: str) -> ImportError:
    """What is said of a package that `what` needs and that is not there; one of our own is a fault."""
    if (error.name or "").startswith("spark_app"):
        return error
    line = f"{sys.executable} -m pip install -r requirements-serve.txt"
    return NotInstalledError(f"{error.name} is not installed, which {what} needs: {line}")


def alone(app: typer.Typer) -> NoReturn:
    """Run a verb that starts without the others, and leave with its exit code."""
    # Until the server has its own way to end: Ctrl-C and SIGTERM alike.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logs.silence()
    try:
        app(standalone_mode=True)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            progress.warn("stopped before it had begun")
        raise
    except Exception as error:  # noqa: BLE001 - the last resort: one line here, the rest in the log
        leave(error)
    sys.exit(0)


def leave(error: Exception) -> NoReturn:
    """Say an error in its own words where it has any, or what kind of fault it is."""
    if isinstance(error, WrongUsageError):
        fail(error, WRONG_USAGE)
    if isinstance(error, (SaidError, OSError)):
        fail(error, FAILED)
    fail_unexpectedly(error)


def fail(error: Exception, code: int) -> NoReturn:
    """Say the error in its own words, and leave."""
    progress.errors.print(f"error: {error}", markup=False)
    structlog.get_logger().info("ended", error=str(error), code=code)
    sys.exit(code)


def fail_unexpectedly(error: Exception) -> NoReturn:
    """Say what kind of error it is, keep its traceback in the log, and leave."""
    structlog.get_logger().error("failed", exc_info=error)
    lines = [line for line in str(error).splitlines() if line.strip()] or ["no message"]
    fail(RuntimeError(f"{type(error).__name__}: {lines[0][:300]} (see data/logs)"), FAILED)
