"""How a verb ends that cannot go on: one line, an exit code, and the whole story in the log."""

import sys
from typing import NoReturn

import structlog

from spark_app import progress

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130


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
