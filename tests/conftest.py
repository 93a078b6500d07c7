"""What every test may use: one Spark session for all, settings on an empty folder."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from kafka_producer import broker as broker_
from kafka_producer.broker import Broker, BrokerError
from spark_app import session
from spark_app.blocks import Kafka
from spark_app.settings import Given, Settings
from spark_app.storage import bucket

SHARED_DATA = Path(__file__).parent.parent.parent / "shared" / "data"
# A test runs each piece of code a few times: the second compiler of the JVM costs more than it brings.
SMALL_SPARK = {
    "master": "local[2]",
    "shuffle_partitions": 2,
    "driver_memory": "2g",
    "java_options": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m",
}


@pytest.fixture(scope="session", autouse=True)
def _plain_environment() -> None:
    """No setting of the one who runs the tests reaches them, nor does a .env file."""
    for name in [name for name in os.environ if name.startswith("MILLSTREAM_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    home = tmp_path_factory.mktemp("spark")
    started = session.start(settings_for(home), app="millstream-tests")
    yield started
    started.stop()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path)


@pytest.fixture
def client(settings: Settings) -> Iterator[Any]:
    """The API of a data folder without a generation; where there is one, a module has a client of its own."""
    from fastapi.testclient import TestClient

    from spark_app.serving import app

    with TestClient(app.create(settings), base_url="http://127.0.0.1") as client:
        yield client


def settings_for(home: Path, **changes: object) -> Settings:
    """Settings for a small machine, all files below `home`; plain ALS, so that nothing has to be learnt first."""
    given = {"spark": SMALL_SPARK, "algorithm": "als"} | changes
    return Settings(_env_file=None, data_dir=home / "data", results_dir=home / "results", **given)


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str, int, int, int], None]:
    """Puts a line into the table at the end: the fault, how often, records lost, records doubled."""
    return lambda *row: request.node.user_properties.append(("damage", row))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of docs/reliability.md: what was done to it by the tests marked chaos, and what it cost."""
    told = [test for outcome in ("passed", "failed") for test in terminalreporter.getreports(outcome)]
    named = [pair for test in told if test.when == "call" for pair in test.user_properties]
    rows = [tuple(row) for name, row in named if name == "damage"]
    if rows:
        terminalreporter.write_line("\n| fault | runs | lost | doubled |\n|---|---|---|---|")
        for row in sorted(rows):
            terminalreporter.write_line(f"| {' | '.join(map(str, row))} |")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes comes first, so that no process of tests is at it alone when the other is through."""
    items.sort(key=lambda item: item.get_closest_marker("whole") is None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.exists():
        pytest.skip("the real data sets are not beside this checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def new_broker() -> Callable[[Path], Broker]:
    """Makes a broker in a folder, not started yet; skips where Kafka cannot be fetched, and only there."""
    try:
        broker_.jars()
    except BrokerError as error:
        pytest.skip(str(error))
    return lambda home: Broker(home, Kafka(bootstrap_servers=f"localhost:{free_port()}"))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory, new_broker: Callable[[Path], Broker]) -> Iterator[Broker]:
    """A real broker for all tests; each takes a topic of its own."""
    own = new_broker(tmp_path_factory.mktemp("kafka"))
    broker_.start(own)
    yield own
    broker_.stop(own)


@pytest.fixture
def own_broker(tmp_path: Path, new_broker: Callable[[Path], Broker]) -> Iterator[Broker]:
    """A broker for one test, not started yet."""
    own = new_broker(tmp_path / "kafka")
    yield own
    broker_.stop(own)


@pytest.fixture
def kafka(broker: Broker, request: pytest.FixtureRequest) -> Kafka:
    """The broker, with a topic named after the test."""
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
    return broker.kafka.model_copy(update={"topic": name[:200]})


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of a local S3; credentials are in the environment, where AWS's own chain finds them."""
    pytest.importorskip("moto.server")
    address = f"http://127.0.0.1:{free_port()}"
    own = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "for-tests", "AWS_REGION": "us-east-1"}
    before = dict(os.environ)
    os.environ.update(own | {"AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"})
    # A process of its own: what speaks S3 in this one waits for it without letting others run.
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", address.rpartition(":")[2]]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(int(address.rpartition(":")[2]))
        yield address
    finally:
        process.terminate()
        process.wait()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def on_s3(s3_server: str, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Settings]:
    """Makes settings on an empty bucket, each time those of another machine: with a folder of copies of its own."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:50].strip("-")
    return machines_on(s3_server, name, tmp_path)


def machines_on(s3_server: str, name: str, home: Path) -> Callable[..., Settings]:
    """As on_s3, on a bucket of this name that is made; copies are below `home`."""
    bucket._client(s3_server).create_bucket(Bucket=name)

    def made(machine: str = "one", **changes: object) -> Settings:
        s3 = {"endpoint": s3_server, "copies": home / machine, "lease_seconds": 2}
        given = {"data_dir": f"s3a://{name}/data", "results_dir": f"s3a://{name}/results", "s3": s3}
        return Given(**given | {"spark": SMALL_SPARK, "algorithm": "als"} | changes)

    return made


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"nothing listens on {port}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
