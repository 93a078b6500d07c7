"""What Spark is told; starting it is what all other tests do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import settings_for

from benchmarks.standalone import cluster
from spark_app import session
from spark_app.models import mllib
from spark_app.session import NoSparkError
from spark_app.settings import Given

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


@pytest.mark.night
@pytest.mark.slow
def test_workers_that_have_the_code_take_events_in_as_one_machine_does(tmp_path):
    """A master and a worker of their own, as docker-compose.yml starts them; the program is one more process."""
    with cluster(tmp_path) as found:
        run = ingest(tmp_path, MASTER=found.master, SHIP_CODE="false")
    assert run.returncode == 0, run.stderr
    assert "2 read = 1 accepted + 0 duplicates + 1 rejected" in run.stdout
    assert list((tmp_path / "data" / "scratch").iterdir()) == []


@pytest.mark.slow
def test_a_cluster_that_gives_no_executor_is_said_in_words(tmp_path):
    with cluster(tmp_path, workers=0) as found:
        run = ingest(tmp_path, MASTER=found.master, EXECUTORS_WITHIN="1")
    assert run.returncode == 1
    assert f"{found.master} gave no executor within 1 s: expected a worker with a free core and 1g" in run.stderr


def ingest(home, **spark):
    """Two sales, one of them without a product, taken in by a process of its own."""
    (home / "sales.csv").write_text("user,product,quantity,timestamp\nann,lamp,1,2026-01-31T09:30:00Z\nann,,1,\n")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))}
    small = {"DRIVER_MEMORY": "1g", "EXECUTOR_MEMORY": "1g", "SHUFFLE_PARTITIONS": "1"} | spark
    told = {f"MILLSTREAM_SPARK__{name}": value for name, value in small.items()}
    return subprocess.run(
        [sys.executable, "-m", "spark_app", "ingest", "--input", str(home / "sales.csv")],
        env=plain | told | {"MILLSTREAM_DATA_DIR": str(home / "data"), "PYTHONPATH": str(ROOT)},
        cwd=home, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_spark_is_told_of_a_bucket_where_data_is_in_one_and_of_no_keys(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    near = session.configuration(settings_for(tmp_path, s3={"endpoint": "http://127.0.0.1:9000"}))
    far = session.configuration(Given(data_dir="s3a://shop/data", s3={"endpoint": "http://127.0.0.1:9000"}))
    assert "hadoop-aws" not in near["spark.jars.packages"] and not any("s3a" in name for name in near)
    assert "org.apache.hadoop:hadoop-aws:3.4.1" in far["spark.jars.packages"].split(",")
    assert far["spark.hadoop.fs.s3a.endpoint"] == "http://127.0.0.1:9000"
    assert "canary" not in str(far)
