"""What deploy/ holds, against the schemas of Kubernetes and against what the program knows."""

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from spark_app import settings
from spark_app.cli import app

ROOT = Path(__file__).parent.parent
MANIFEST = [*yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "millstream.yaml").read_text())]
BY_NAME = {(one["kind"], one["metadata"]["name"]): one for one in MANIFEST}
PODS = [one for one in MANIFEST if one["kind"] in ("Deployment", "StatefulSet")]
CONTAINERS = [container for one in PODS for container in one["spec"]["template"]["spec"]["containers"]]


def ids(found):
    return [f"{one.get('kind', 'container')}-{one.get('name') or one['metadata']['name']}" for one in found]


@pytest.mark.parametrize("version", ["1.30", "1.33", kubernetes_validate.latest_version().rpartition(".")[0]])
@pytest.mark.parametrize("one", MANIFEST, ids=ids(MANIFEST))
def test_each_part_is_as_the_schemas_say(one, version):
    kubernetes_validate.validate(one, version, strict=True)


def test_the_schemas_would_miss_nothing_that_is_misspelt():
    wrong = {**PODS[0], "spec": {**PODS[0]["spec"], "replica": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.33", strict=True)


@pytest.mark.parametrize("one", PODS, ids=ids(PODS))
def test_a_selector_finds_its_own_pods(one):
    assert one["spec"]["selector"]["matchLabels"] == one["spec"]["template"]["metadata"]["labels"]


def test_every_service_has_pods_and_every_stateful_set_its_service():
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in PODS]
    assert all(one["spec"]["selector"] in labels for one in MANIFEST if one["kind"] == "Service")
    assert all(("Service", one["spec"]["serviceName"]) in BY_NAME for one in PODS if one["kind"] == "StatefulSet")


def test_every_port_of_a_service_is_open_in_its_pods():
    for service in (one for one in MANIFEST if one["kind"] == "Service"):
        pods = next(one for one in PODS if one["metadata"]["name"] == service["metadata"]["name"])
        opened = [port for one in pods["spec"]["template"]["spec"]["containers"] for port in one.get("ports", [])]
        asked = {port["port"] for port in service["spec"].get("ports", [])}
        assert asked <= {port["containerPort"] for port in opened}


def test_every_setting_is_one_that_the_program_takes(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    given = dict(BY_NAME["ConfigMap", "millstream"]["data"])
    given |= {entry["name"]: entry["value"] for one in CONTAINERS for entry in one.get("env", [])}
    for name, value in given.items():
        if name.startswith(settings.PREFIX) and "S3A" not in value.upper():
            monkeypatch.setenv(name, value)
    assert settings.load().spark.master.startswith("spark://spark-master-0.spark-master:")


def test_every_program_is_a_verb_of_ours_or_one_of_spark():
    verbs = {command.name or command.callback.__name__ for command in app.registered_commands}
    asked = [one["args"][0] for one in CONTAINERS if one["command"] == ["python", "-m", "spark_app"]]
    assert len(asked) == 3 and set(asked) <= verbs
    rest = {one["command"][1] for one in CONTAINERS if one["command"][0] == "spark-class"}
    assert rest == {"org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"}


@pytest.mark.parametrize("one", CONTAINERS, ids=[one["name"] for one in CONTAINERS])
def test_each_container_is_of_the_image_of_compose_and_may_do_little(one):
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert one["image"] == compose["x-program"]["image"]
    assert one["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert "memory" in one["resources"]["limits"]


@pytest.mark.parametrize("name", ["api", "web"])
def test_probes_call_it_by_a_name_that_it_answers_to(name):
    (container,) = BY_NAME["Deployment", name]["spec"]["template"]["spec"]["containers"]
    asked = [container[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert all(one["httpHeaders"] == [{"name": "Host", "value": "localhost"}] for one in asked)
