"""The API as a process of its own, on a free port of this machine, until the end of the block."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from conftest import free_port

from spark_app.settings import Settings

PATIENCE = 60.0


@contextmanager
def served(settings: Settings, **environment: str) -> Iterator[str]:
    """Its address, once it is ready."""
    port = free_port()
    given = {"MILLSTREAM_DATA_DIR": str(settings.data_dir), "MILLSTREAM_SERVE__PORT": str(port)} | environment
    process = subprocess.Popen([sys.executable, "-m", "spark_app", "serve"], env=os.environ | given)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{address}/health/ready", process)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def _wait(url: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(url).read()
            return
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
