"""A Spark cluster on this machine: a standalone master and workers, each a process on loopback, as tests use it too.

They run from the installed pyspark, as docker-compose.yml starts them; all end with the block that they are used in.
"""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pyspark

from spark_app.running import java


class Cluster(NamedTuple):
    """The master's URL, and the workers of one core each."""

    master: str
    workers: list[subprocess.Popen[bytes]]


@contextmanager
def cluster(
    home: Path, workers: int = 1, *, memory: str = "1g", java_options: str = "", hidden: Path | None = None
) -> Iterator[Cluster]:
    """Logs and the workers' folders, `work0` and so on, are in `home`; `java_options` are those of executors too.

    What is in the folder `hidden` the workers do not see, as if they were other machines; it takes root.
    """
    port, page = free_port(), free_port()
    with ExitStack() as stack:
        places = ("--port", port, "--webui-port", page)
        stack.enter_context(daemon("master.Master", *places, log=home / "master.log", java_options=java_options))
        until(lambda: answers(port))
        master, started, logs = f"spark://127.0.0.1:{port}", [], [home / f"worker{n}.log" for n in range(workers)]
        for number, log in enumerate(logs):
            own = ("--work-dir", str(home / f"work{number}"), "--webui-port", free_port())
            words = ("--cores", "1", "--memory", memory, *own, master)
            worker = daemon("worker.Worker", *words, log=log, java_options=java_options, before=apart(hidden))
            started.append(stack.enter_context(worker))
        until(lambda: all("registered with master" in log.read_text() for log in logs))
        yield Cluster(master, started)


def apart(hidden: Path | None) -> list[str]:
    """What stands before a command that is to see nothing in a folder."""
    return ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(hidden)] if hidden else []


@contextmanager
def daemon(
    name: str, *arguments: str, log: Path, java_options: str = "", before: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of Spark's own, which writes what it says to the log."""
    home = Path(pyspark.__file__).parent
    of_spark = (str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1")
    command = [*before, *of_spark, *arguments]
    environment = os.environ | {
        "JAVA_HOME": str(java.home()), "SPARK_HOME": str(home), "SPARK_DAEMON_MEMORY": "256m",
        "JDK_JAVA_OPTIONS": java_options,
    }  # fmt: skip
    with log.open("wb") as out, subprocess.Popen(command, env=environment, stdout=out, stderr=out) as process:
        try:
            yield process
        finally:
            process.terminate()


def free_port() -> str:
    """One that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def answers(port: str) -> bool:
    """Whether somebody listens on it."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


def until(is_so: Callable[[], bool], seconds: float = 90) -> None:
    """Wait for it; TimeoutError."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError(f"it did not come to be within {seconds:g} s")
        time.sleep(0.2)
