"""What other machines are told, and the whole job on a real master and two workers, one of which is killed."""

import csv
import io
import os
import stat
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import settings_for
from test_pipeline import simulate

from benchmarks.standalone import Cluster, cluster, until
from spark_app import generations, session, settings
from spark_app.generations import Generation
from spark_app.running import cluster as told
from spark_app.settings import Settings, WrongSettingError

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.timeout(1000)
# The second compiler costs more than it brings in a test.
C1 = "-XX:TieredStopAtLevel=1"
# As on a large shop: executors do the work of a small one, too.
JOB = """
from spark_app.frames import near
from spark_app.timeline import event_files
near.SMALL = event_files.ALONE = 0
from spark_app.cli import verbs
for words in ("run --now", "segments", "trending"):
    verbs.line()(words.split(), standalone_mode=False)
"""
# The same is made again on one machine.
AGAIN = """
import os
from spark_app import generations, settings
os.environ["MILLSTREAM_MASTER"] = "local[2]"
verbs.line()(["generations", "rebuild", generations.published(settings.load()).id], standalone_mode=False)
"""


def master(name, **spark):
    return Settings(_env_file=None, spark={"master": name} | spark)


@pytest.mark.parametrize(
    ("name", "cores", "memory"),
    [("local[2]", 2, "4g"), ("local-cluster[2, 3, 1024]", 6, "1024m"), ("spark://shop:7077", 8, "4g")],
)
def test_cores_and_memory_follow_from_the_master(name, cores, memory):
    assert (told.cores(name), told.executor_memory(master(name))) == (cores, memory)


def test_nothing_is_sent_where_this_program_does_the_work():
    assert told.shipment(master("local[2]", archives="env.tar.gz#env")) == {}
    assert told.python(master("local[2]", archives="env.tar.gz#env")) == sys.executable


@pytest.mark.parametrize("name", ["spark://shop:7077", "yarn", "k8s://https://shop:6443", "local-cluster[2,1,1024]"])
def test_executors_get_the_code_and_what_the_settings_add(name):
    sent = told.shipment(master(name, archives="env.tar.gz#env, more.zip"))
    packed = Path(sent[told.PACKED])
    assert sent["spark.archives"] == f"{packed}#{told.CODE},env.tar.gz#env,more.zip"
    with tarfile.open(packed) as archive:
        files = {member.name for member in archive if member.isfile()}
    assert {"spark_app/scoring.py", "spark_app/models/als.py"} <= files
    assert {Path(file).suffix for file in files} <= {".py", ".nbi", ".nbc"}
    packed.unlink()
    packed.parent.rmdir()


def test_code_that_the_workers_have_is_not_sent():
    has_it = master("spark://shop:7077", ship_code=False)
    assert (told.shipment(has_it), told.path(has_it)) == ({}, str(ROOT))


@pytest.mark.parametrize(
    ("spark", "python"),
    [
        ({}, sys.executable),
        ({"archives": "env.tar.gz#env"}, "env/bin/python"),
        ({"archives": "env.tar.gz#env", "python": "/opt/python"}, "/opt/python"),
    ],
)
def test_python_on_executors_is_that_of_an_archive_or_of_the_same_path(spark, python):
    assert told.python(master("yarn", **spark)) == python


def test_the_short_name_of_the_master_says_what_the_long_one_does(monkeypatch):
    monkeypatch.setenv("MILLSTREAM_MASTER", "spark://shop:7077")
    assert settings.load().spark.master == "spark://shop:7077"


def test_two_masters_are_refused_by_name(monkeypatch):
    monkeypatch.setenv("MILLSTREAM_MASTER", "yarn")
    monkeypatch.setenv("MILLSTREAM_SPARK__MASTER", "local[2]")
    with pytest.raises(WrongSettingError, match=r"MASTER=yarn and MILLSTREAM_SPARK__MASTER=local\[2\]"):
        settings.load()


class Job(NamedTuple):
    """What was seen of it."""

    settings: Settings
    home: Path
    code: int
    said: str

    @property
    def generation(self) -> Generation:
        return generations.published(self.settings)


@pytest.fixture(scope="module")
def job(tmp_path_factory) -> Job:
    """In one program; a worker is killed amid the iterations of ALS."""
    home = tmp_path_factory.mktemp("cluster")
    own = settings_for(home, export_parts=True)
    simulate(own.data_dir / "inbox", events=2500, users=120, products=60)
    with cluster(home, workers=2, java_options=C1) as found, subprocess.Popen(
        [sys.executable, "-c", JOB + AGAIN], env=environment(home, found.master), cwd=home, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        killer = threading.Thread(target=kill_amid_training, args=(own, found))
        killer.start()
        said, _ = process.communicate(timeout=900)
        killer.join()
    return Job(own, home, process.returncode, said)


def kill_amid_training(own: Settings, found: Cluster) -> None:
    """Once ALS has written its first checkpoint, halfway through its iterations."""
    until(lambda: any((own.data_dir / "scratch").glob("*/*/rdd-*")), seconds=600)
    found.workers[0].kill()


def environment(home: Path, master: str) -> dict[str, str]:
    """A small cluster whose Python comes in an archive."""
    folders = {"DATA_DIR": home / "data", "RESULTS_DIR": home / "results", "EXPORT_PARTS": "true"}
    return small(master, **folders, SPARK__ARCHIVES=f"{packed_python(home)}#pythons")


def small(master: str, **given: object) -> dict[str, str]:
    """What a driver is told of a small cluster; none of the caller's settings."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))}
    given |= {
        "MASTER": master, "ALGORITHM": "als", "SPARK__DRIVER_MEMORY": "1g", "SPARK__EXECUTOR_MEMORY": "1g",
        "SPARK__SHUFFLE_PARTITIONS": 2, "SPARK__JAVA_OPTIONS": C1, "SPARK__CLASS_ARCHIVE": "false",
    }  # fmt: skip
    return plain | {f"MILLSTREAM_{name}": str(value) for name, value in given.items()} | {"PYTHONPATH": str(ROOT)}


def packed_python(home: Path) -> Path:
    """In place of a whole Python, which weighs a gigabyte: a door to this one, which notes where code comes from."""
    door = home / "python"
    door.write_text(f'#!/bin/sh\necho "$PWD $PYTHONPATH" >>{home}/pythons.log\nexec {sys.executable} "$@"\n')
    door.chmod(door.stat().st_mode | stat.S_IXUSR)
    with tarfile.open(home / "pythons.tar.gz", "w:gz") as archive:
        archive.add(door, "bin/python")
    return home / "pythons.tar.gz"


@pytest.mark.whole
def test_the_job_ends_well_though_a_worker_dies(job):
    assert job.code == 0, job.said
    assert "Lost executor" in (job.settings.data_dir / "logs" / session.SPARK_LOG).read_text()
    assert job.generation.metrics["published"]


@pytest.mark.whole
def test_its_metrics_and_scores_are_those_of_one_machine(job):
    again = next(one for one in generations.listed(job.settings) if one.id != job.generation.id)
    assert numbers(again.metrics["metrics"]) == pytest.approx(numbers(job.generation.metrics["metrics"]), abs=1e-4)
    assert scores(again) == pytest.approx(scores(job.generation), abs=1e-4)


@pytest.mark.whole
def test_executors_run_the_packed_python_on_the_code_that_was_sent(job):
    started = {tuple(line.split()) for line in (job.home / "pythons.log").read_text().splitlines()}
    assert {Path(folder).relative_to(job.home).parts[0] for folder, _ in started} == {"work0", "work1"}
    assert not any(str(ROOT) in paths.split(":") or told.CODE not in paths.split(":") for _, paths in started)


@pytest.mark.whole
def test_results_are_folders_of_parts_each_with_the_header(job):
    lists, segments = (rows_of(job.settings.results_dir / name) for name in ("recommendations.csv", "segments.csv"))
    assert len(lists) == job.generation.manifest["rows"]["recommendations"]
    assert {row["user"] for row in segments} == {row["user"] for row in lists}
    assert rows_of(job.settings.results_dir / "trending.csv")


@pytest.mark.whole
def test_nothing_of_it_is_left_behind(job):
    assert list((job.settings.data_dir / "scratch").iterdir()) == []


def numbers(metrics: dict) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if isinstance(value, float)}


def scores(generation: Generation) -> dict[tuple[str, int], float]:
    """By user and place: of two equal scores the ids decide, which a last bit may turn round."""
    table = generations.scan(generation, generations.RECOMMENDATIONS, columns=["user", "rank", "score"])
    return {(row["user"], row["rank"]): row["score"] for row in table.to_pylist()}


def rows_of(folder: Path) -> list[dict[str, str]]:
    parts = sorted(folder.glob("part-*.csv"))
    return [row for part in parts for row in csv.DictReader(io.StringIO(part.read_text(), newline=""))]
