"""A verb that listens, as a process of its own."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from test_cli import environment

Start = Callable[..., tuple[subprocess.Popen, str]]


@contextmanager
def listening(home: Path, verb: str, says: str) -> Iterator[Start]:
    """Starts the verb in a folder, and gives the process and its address once it `says` that it answers; ends all."""
    running = []

    def start(*arguments, **settings):
        process = subprocess.Popen(
            [sys.executable, "-m", "spark_app", verb, *map(str, arguments)], cwd=home,
            env=environment(**settings), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        running.append(process)
        line = process.stdout.readline()
        address = re.search(says, line)
        assert address, line + process.stdout.read()
        return process, address[1]

    try:
        yield start
    finally:
        for process in running:
            process.terminate()
            process.communicate(timeout=30)
