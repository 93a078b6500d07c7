"""Ctrl-C and SIGTERM: a verb is broken off between two calls to the JVM, never inside one, and its jobs are cancelled.

An exception that is raised inside such a call leaves its connection with an answer that no one has read, or is
swallowed where Python throws away what no one needs any more.
"""

import os
import signal
import threading
import time
from contextlib import suppress
from types import FrameType

_TRIED_EVERY = 0.2
_came = threading.Event()


def install() -> None:
    """From now on both signals break off what the main thread does, by KeyboardInterrupt or by its cancelled job."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _on_signal)


def came() -> bool:
    """Whether one came; whatever error a verb then ends with, it was stopped."""
    return _came.is_set()


def _on_signal(number: int, frame: FrameType | None) -> None:
    _came.set()
    if not _is_inside(frame, "py4j"):
        raise KeyboardInterrupt
    threading.Thread(target=_again, args=(number,), daemon=True).start()


def _is_inside(frame: FrameType | None, package: str) -> bool:
    while frame:
        if frame.f_globals.get("__name__", "").partition(".")[0] == package:
            return True
        frame = frame.f_back
    return False


def _again(number: int) -> None:
    """Cancel what the JVM does, and try again."""
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    # It may be stopped at the same time.
    with suppress(Exception):
        if context:
            context.cancelAllJobs()
    time.sleep(_TRIED_EVERY)
    os.kill(os.getpid(), number)
