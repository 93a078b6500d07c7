"""The driver of deploy/kubernetes with executors as pods, on a stand-in for Kubernetes whose pods are processes."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import kubernetes_validate
import pytest
from conftest import settings_for
from manifest import FILE, MAY, Manifest
from pods import Api, Pods, outer
from test_pipeline import simulate

from spark_app.running import java
from spark_app.storage import ledger

ROOT = Path(__file__).parent.parent
pytestmark = [pytest.mark.whole, pytest.mark.night, pytest.mark.timeout(600)]
# As on a large shop: executors do the work of a small one, too.
JOB = """
from spark_app.frames import near
from spark_app.timeline import event_files
near.SMALL = event_files.ALONE = 0
from spark_app.cli import verbs
verbs.line()(["ingest"])
"""
# The second compiler costs more than it brings in a test.
C1 = "-XX:TieredStopAtLevel=1"
# What the small machine that the test runs on has less of.
SMALLER = {
    "spark.executor.memoryOverhead": "512m", "spark.executor.cores": "1",
    "spark.kubernetes.executor.apiPollingInterval": "1s", "spark.executor.defaultJavaOptions": C1,
}  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """(home, the stand-in, the settings, the ended driver)"""
    home = tmp_path_factory.mktemp("pods")
    manifest, own = Manifest(FILE.read_text()), settings_for(home)
    maps = {one["metadata"]["name"]: one["data"] for one in manifest.of("ConfigMap")}
    conf = home / "conf"
    conf.mkdir()
    (conf / "executor.yaml").write_text(maps["spark"]["executor.yaml"])
    told = manifest.defaults | SMALLER
    told["spark.kubernetes.executor.podTemplateFile"] = str(conf / "executor.yaml")
    (conf / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in told.items()))
    simulate(own.data_dir / "inbox", events=1200, users=80, products=40)
    pods = Pods(home, maps, outer(Path(sys.executable), java.home()))
    api = Api(pods)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    try:
        done = subprocess.run(
            [sys.executable, "-c", JOB], env=environment(home, conf, api.server_port), cwd=home, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    finally:
        pods.end()
        api.shutdown()
    return home, pods, own, done


def environment(home: Path, conf: Path, port: int) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_", "MILL"))}
    given = {
        "DATA_DIR": home / "data", "RESULTS_DIR": home / "results", "ALGORITHM": "als",
        "SPARK__MASTER": f"k8s://http://127.0.0.1:{port}", "SPARK__DRIVER_HOST": "127.0.0.1",
        "SPARK__SHIP_CODE": "false", "SPARK__SHUFFLE_PARTITIONS": 2, "SPARK__DRIVER_MEMORY": "1g",
        "SPARK__EXECUTOR_MEMORY": "1g", "SPARK__CLASS_ARCHIVE": "false", "SPARK__JAVA_OPTIONS": C1,
    }  # fmt: skip
    own = {f"MILLSTREAM_{name}": str(value) for name, value in given.items()}
    return plain | own | {"PYTHONPATH": str(ROOT), "SPARK_CONF_DIR": str(conf)}


def test_the_job_is_done_by_executors_that_were_asked_for(ran):
    home, pods, own, done = ran
    assert done.returncode == 0, done.stdout
    assert ledger.counts(own).accepted == 1200
    logs = [(home / pod["metadata"]["name"] / "log").read_text() for pod in pods.made]
    assert len(logs) == 2 and any("Running task" in log for log in logs)


def test_the_role_allows_all_that_was_asked_of_kubernetes(ran):
    (role,) = Manifest(FILE.read_text()).of("Role")
    (rule,) = role["rules"]
    assert ran[1].asked <= {(verb, resource) for verb in rule["verbs"] for resource in rule["resources"]}


def test_executors_are_pods_as_the_schemas_and_the_namespace_ask(ran):
    for pod in ran[1].made:
        kubernetes_validate.validate(pod, "1.33", strict=True)
        (container,) = pod["spec"]["containers"]
        assert container["securityContext"] == MAY and pod["spec"]["securityContext"]["runAsNonRoot"]
        assert pod["spec"]["serviceAccountName"] == "executor" and pod["metadata"]["labels"]["app"] == "executor"
        assert pod["metadata"]["ownerReferences"][0]["name"] == "app-0"


def test_no_executor_is_left_at_the_end(ran):
    assert set(ran[1].found({"spark-role": "executor"})) == set()
