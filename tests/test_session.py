"""What Spark is told; starting it is what all other tests do."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyspark
import pytest
from conftest import settings_for

from spark_app import java, session
from spark_app.models import mllib
from spark_app.session import NoSparkError

ROOT = Path(__file__).parent.parent


def configured(tmp_path, **spark):
    return session.configuration(settings_for(tmp_path, spark=spark))


def test_packages_are_fetched_unless_there_is_a_folder_of_jars(tmp_path):
    told = configured(tmp_path)
    assert "io.delta:delta-spark" in told["spark.jars.packages"] and "spark.jars" not in told


def test_java_multiplies_by_one_thread_a_task_and_python_as_before(spark):
    assert spark._jvm.java.lang.System.getenv("OPENBLAS_NUM_THREADS") == "1"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


def test_there_are_as_many_blocks_as_cores_unless_it_is_set(spark, tmp_path):
    assert mllib.blocks(spark) == session.cores(spark)
    told = configured(tmp_path, als_blocks=7)[mllib.BLOCKS]
    spark.conf.set(mllib.BLOCKS, told)
    try:
        assert mllib.blocks(spark) == 7
    finally:
        spark.conf.unset(mllib.BLOCKS)


def test_jars_of_a_folder_take_the_place_of_packages(tmp_path):
    for name in ("b.jar", "a.jar", "readme.txt"):
        (tmp_path / name).touch()
    told = configured(tmp_path, jars=tmp_path)
    assert told["spark.jars"] == f"{tmp_path}/a.jar,{tmp_path}/b.jar"
    assert "spark.jars.packages" not in told


def test_a_folder_without_jars_is_refused_by_name(tmp_path):
    with pytest.raises(NoSparkError, match=f"MILLSTREAM_SPARK__JARS={tmp_path}: expected a folder with jars"):
        configured(tmp_path, jars=tmp_path)


@pytest.mark.parametrize(
    ("master", "address"),
    [("local[2]", "127.0.0.1"), ("spark://127.0.0.1:7077", "127.0.0.1"), ("spark://127.0.0.1:7077,b:1", "127.0.0.1")],
)
def test_executors_reach_the_driver_by_its_address_towards_the_master(tmp_path, master, address):
    assert configured(tmp_path, master=master)["spark.driver.host"] == address


@pytest.mark.parametrize("master", ["yarn", "spark://nowhere.invalid:7077", "spark://127.0.0.1"])
def test_without_a_way_to_the_master_spark_looks_for_itself(tmp_path, master):
    assert "spark.driver.host" not in configured(tmp_path, master=master)


def test_a_given_name_of_the_driver_is_announced_and_every_address_is_listened_on(tmp_path):
    told = configured(tmp_path, master="spark://127.0.0.1:7077", driver_host="app.example")
    assert (told["spark.driver.host"], told["spark.driver.bindAddress"]) == ("app.example", "0.0.0.0")


@pytest.mark.slow
def test_a_cluster_takes_events_in_as_one_machine_does(tmp_path):
    """A master and a worker of their own, as docker-compose.yml starts them; the program is one more process."""
    (tmp_path / "sales.csv").write_text("user,product,quantity,timestamp\nann,lamp,1,2026-01-31T09:30:00Z\nann,,1,\n")
    with cluster(tmp_path) as master:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))}
        small = {"MASTER": master, "DRIVER_MEMORY": "1g", "EXECUTOR_MEMORY": "1g", "SHUFFLE_PARTITIONS": "1"}
        told = {f"MILLSTREAM_SPARK__{name}": value for name, value in small.items()}
        run = subprocess.run(
            [sys.executable, "-m", "spark_app", "ingest", "--input", str(tmp_path / "sales.csv")],
            env=plain | told | {"MILLSTREAM_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)},
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "2 read = 1 accepted + 0 duplicates + 1 rejected" in run.stdout
    assert list((tmp_path / "data" / "scratch").iterdir()) == []


@contextmanager
def cluster(home: Path) -> Iterator[str]:
    """A standalone master and one worker on loopback; gives the master's URL."""
    port, page, workers_page = free_port(), free_port(), free_port()
    master = f"spark://127.0.0.1:{port}"
    with ExitStack() as stack:
        stack.enter_context(daemon("master.Master", "--port", port, "--webui-port", page, log=home / "master.log"))
        listening(port)
        stack.enter_context(
            daemon(
                "worker.Worker", "--cores", "1", "--memory", "1g", "--work-dir", str(home / "work"),
                "--webui-port", workers_page, master, log=home / "worker.log",
            )
        )  # fmt: skip
        until(lambda: "registered with master" in (home / "worker.log").read_text())
        yield master


@contextmanager
def daemon(name: str, *arguments: str, log: Path) -> Iterator[None]:
    home = Path(pyspark.__file__).parent
    command = [home / "bin" / "spark-class", f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1", *arguments]
    environment = os.environ | {"JAVA_HOME": str(java.home()), "SPARK_HOME": str(home), "SPARK_DAEMON_MEMORY": "256m"}
    with log.open("wb") as out, subprocess.Popen(command, env=environment, stdout=out, stderr=out) as process:
        try:
            yield
        finally:
            process.terminate()


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def listening(port: str) -> None:
    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(port))) == 0

    until(answers)


def until(is_so: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not come to be in time"
        time.sleep(0.2)
