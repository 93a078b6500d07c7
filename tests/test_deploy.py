"""deploy/kubernetes, against the schemas of Kubernetes and against what the program and Spark know."""

import shutil
import subprocess

import pytest
from manifest import FILE, Manifest, faults, misspelt

TEXT = FILE.read_text()


def test_every_field_is_as_the_schemas_of_kubernetes_say():
    assert misspelt(TEXT) == []


@pytest.mark.parametrize(
    ("right", "wrong", "kind"),
    [
        ("replicas: 2", "replica: 2", "Deployment"),
        ("periodSeconds: 5", "period: 5", "Deployment"),
        ("command: [bash, ", "commands: [bash, ", "Pod"),
        ("podSelector: {}", "podsSelector: {}", "NetworkPolicy"),
    ],
)
def test_a_field_that_is_misspelt_is_found(right, wrong, kind):
    assert right in TEXT
    assert any(fault.startswith(kind) for fault in misspelt(TEXT.replace(right, wrong), (kind,), ("1.33",)))


def test_nothing_is_wrong_with_the_manifest():
    assert faults(TEXT) == []


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("args: [run, --follow,", "args: [run, --forever,", "--forever"),
        ("args: [serve,", "args: [server,", "'server'"),
        ("MILLSTREAM_KAFKA__TOPIC", "MILLSTREAM_KAFKA__TOPICS", "is no setting"),
        ("MILLSTREAM_SOURCE: kafka", "MILLSTREAM_SOURCE: kafkaesque", "MILLSTREAM_SOURCE"),
        ("path: /health/ready", "path: /healthz", "is no route"),
        ("path: /_stcore/health", "path: /health", "is no route"),
        ("containerPort: 8000", "containerPort: 8080", "does not listen"),
        ("{name: http, port: 8501", "{name: http, port: 8502", "is another port"),
        ("targetPort: http", "targetPort: https", "nobody listens"),
        ("{port: 7078}", "{port: 7070}", "nobody listens there"),
        ("selector: {app: api}", "selector: {app: apis}", "Service api finds"),
        ("podSelector: {matchLabels: {app: executor}}", "podSelector: {matchLabels: {app: worker}}", "no such pods"),
        ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "may do"),
        ("runAsUser: 1000", "runAsUser: 0", "runs as"),
        ("ServiceAccount, name: app", "ServiceAccount, name: api", "the driver alone"),
        ("value: /tmp/millstream", "value: /data", "cannot be written"),
        ("spark.executor.instances", "spark.executor.instance ", "spark.executor.instance"),
        ("spark.kubernetes.driver.pod.name ", "spark.kubernetes.driver.podName ", "podName"),
        ("/etc/millstream/executor.yaml", "/etc/spark/executor.yaml", "podTemplateFile"),
        ("image: millstream:0.1.0", "image: millstream:latest", "is not what compose builds"),
        ("SHIP_CODE, value: \"false\"", "SHIP_CODE, value: \"true\"", "sends code"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_the_rest_is_found(right, wrong, told):
    assert right in TEXT
    assert told in "\n".join(faults(TEXT.replace(right, wrong)))


def test_the_driver_may_make_pods_and_do_nothing_else():
    (role,) = Manifest(TEXT).of("Role")
    assert [(rule["apiGroups"], rule["resources"]) for rule in role["rules"]] == [([""], ["pods"])]
    assert not Manifest(TEXT).of("ClusterRole", "ClusterRoleBinding")


def test_keys_come_from_secrets_that_are_not_in_the_file():
    manifest = Manifest(TEXT)
    assert not manifest.of("Secret")
    sources = {pods.name: [one["secretRef"]["name"] for one in pods.container.get("envFrom", []) if "secretRef" in one]
               for pods in manifest.pods}  # fmt: skip
    assert sources == {"app": ["app"], "api": ["api"], "web": ["web"], "executor": []}
    given = {name for pods in manifest.pods for name in manifest.environment(pods)}
    assert not [name for name in given if name.endswith(("_KEY", "PASSWORD"))]


def test_the_script_of_an_executor_is_one(tmp_path):
    script = tmp_path / "executor.sh"
    script.write_text(Manifest(TEXT).spark["executor.sh"])
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    if shutil.which("shellcheck"):
        assert subprocess.run(["shellcheck", "--shell=bash", script], check=False).returncode == 0
