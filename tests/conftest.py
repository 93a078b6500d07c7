"""What every test may use: one Spark session for all, settings on an empty folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from spark_app import session
from spark_app.settings import Settings

SHARED_DATA = Path(__file__).parent.parent.parent / "shared" / "data"
# A test runs each piece of code a few times: the second compiler of the JVM costs more than it brings.
SMALL_SPARK = {
    "master": "local[2]",
    "shuffle_partitions": 2,
    "driver_memory": "2g",
    "java_options": "-XX:TieredStopAtLevel=1",
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


def settings_for(home: Path, **changes: object) -> Settings:
    """Settings for a small machine, all files below `home`."""
    return Settings(
        _env_file=None, data_dir=home / "data", results_dir=home / "results", **{"spark": SMALL_SPARK} | changes
    )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.exists():
        pytest.skip("the real data sets are not beside this checkout")
    return SHARED_DATA
