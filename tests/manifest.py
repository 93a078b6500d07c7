"""What is wrong with deploy/kubernetes/millstream.yaml: its fields, programs, settings, ports, paths and names."""

import os
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import kubernetes_validate
import pyspark
import typer
import yaml
from taken import PROGRAMS, parse

from spark_app import settings
from spark_app.serving import guard
from spark_app.web import door

ROOT = Path(__file__).parent.parent
FILE = ROOT / "deploy" / "kubernetes" / "millstream.yaml"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
IMAGE = COMPOSE["x-program"]["image"]
VERSIONS = ("1.30", "1.33", kubernetes_validate.latest_version().rpartition(".")[0])
# What others than we read: AWS's libraries, and Spark.
FOREIGN = {"AWS_REGION", "AWS_DEFAULT_REGION", "SPARK_CONF_DIR"}
OPEN = {"serve": guard.OPEN_PATHS, "web": door.OPEN_PATHS}
MAY = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
_Usage = typer.BadParameter.__base__ or Exception
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


class Pods(NamedTuple):
    """Pods of one kind: who makes them, their labels, and what they are."""

    name: str
    labels: dict[str, str]
    spec: dict[str, Any]

    @property
    def container(self) -> dict[str, Any]:
        """The one that each has."""
        (one,) = self.spec["containers"]
        return one

    @property
    def ports(self) -> dict[str, int]:
        return {port["name"]: port["containerPort"] for port in self.container.get("ports", [])}

    @property
    def verb(self) -> str:
        return str(self.container.get("args", [""])[0])


class Manifest:
    """The file, its parts by kind."""

    def __init__(self, text: str) -> None:
        self.parts = [*yaml.safe_load_all(text)]
        self.spark = self.named("ConfigMap", "spark")["data"]
        self.template = yaml.safe_load(self.spark["executor.yaml"])
        self.defaults = dict(
            line.split() for line in self.spark["spark-defaults.conf"].splitlines() if not line.startswith("#")
        )
        made = [(one["metadata"]["name"], one["spec"]["template"]) for one in self.of("Deployment", "StatefulSet")]
        made.append(("executor", self.template))
        self.pods = [Pods(name, one["metadata"]["labels"], one["spec"]) for name, one in made]

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [one for one in self.parts if one["kind"] in kinds]

    def named(self, kind: str, name: str) -> dict[str, Any]:
        return next(one for one in self.of(kind) if one["metadata"]["name"] == name)

    def names(self, kind: str) -> set[str]:
        return {one["metadata"]["name"] for one in self.of(kind)}

    def selected(self, selector: dict[str, str]) -> list[Pods]:
        return [one for one in self.pods if selector.items() <= one.labels.items()]

    def environment(self, pods: Pods) -> dict[str, str]:
        """What a container finds there, but for secrets; what is said for it alone stands above."""
        given: dict[str, str] = {}
        for source in pods.container.get("envFrom", []):
            if reference := source.get("configMapRef"):
                given |= self.named("ConfigMap", reference["name"])["data"]
        return given | {one["name"]: one["value"] for one in pods.container.get("env", [])}


def misspelt(text: str, kinds: Collection[str] = (), versions: Collection[str] = VERSIONS) -> list[str]:
    """Fields that are not as the schemas of these versions say, in parts of these kinds, or in all."""
    manifest = Manifest(text)
    asked = [one for one in (*manifest.parts, manifest.template) if not kinds or one["kind"] in kinds]
    return [fault for version in versions for one in asked for fault in _misspelt(one, version)]


def _misspelt(one: dict[str, Any], version: str) -> Iterator[str]:
    try:
        kubernetes_validate.validate(one, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{one['kind']} {one['metadata'].get('name', 'executor')}, {version}: {error.message}"


def faults(text: str) -> list[str]:
    """What does not go with the program, with Spark, or with the rest, each with its place."""
    manifest = Manifest(text)
    checks = (_programs, _settings, _probes, _services, _policies, _rights, _volumes, _names, _spark)
    return [fault for check in checks for fault in check(manifest)]


def _programs(manifest: Manifest) -> Iterator[str]:
    for pods in manifest.pods:
        command = pods.container["command"]
        if program := PROGRAMS.get(tuple(command)):
            try:
                parse(program, pods.container["args"])
            except (SystemExit, _Usage) as error:
                yield f"{pods.name}: {error}"
        elif command != ["bash", "/etc/millstream/executor.sh"]:
            yield f"{pods.name}: {command} is no program of the image"


def _settings(manifest: Manifest) -> Iterator[str]:
    with _environment({}):
        known = {row[0] for row in settings.listed(settings.load())}
    for pods in manifest.pods:
        given = manifest.environment(pods)
        yield from (f"{pods.name}: {name} is no setting" for name in given if name not in known | FOREIGN)
        # A bucket would be asked for what `tune` found.
        own = {name: "data" if value.startswith("s3a://") else value for name, value in given.items()}
        with _environment(own):
            try:
                settings.load()
            except settings.WrongSettingError as error:
                yield f"{pods.name}: {error}"


@contextmanager
def _environment(given: dict[str, str]) -> Iterator[None]:
    outer = {name: value for name, value in os.environ.items() if not name.startswith(settings.PREFIX)}
    with mock.patch.dict(os.environ, outer | given, clear=True):
        yield


def _probes(manifest: Manifest) -> Iterator[str]:
    for pods in manifest.pods:
        asked = [pods.container[name]["httpGet"] for name in PROBES if name in pods.container]
        if bool(asked) != (pods.verb in OPEN):
            yield f"{pods.name}: probes {asked}"
        for one in asked:
            if one["path"] not in OPEN.get(pods.verb, ()):
                yield f"{pods.name}: {one['path']} is no route that is open without a key"
            if pods.ports.get(one["port"]) != _option(pods, "--port"):
                yield f"{pods.name}: it does not listen on {one['port']}"
            if one["httpHeaders"] != [{"name": "Host", "value": "localhost"}]:
                yield f"{pods.name}: a name that it does not answer to"


def _option(pods: Pods, name: str) -> int:
    args = pods.container["args"]
    return int(args[args.index(name) + 1])


def _services(manifest: Manifest) -> Iterator[str]:
    for one in manifest.of("Service"):
        pods = manifest.selected(one["spec"]["selector"])
        if [found.name for found in pods] != [one["metadata"]["name"]]:
            yield f"Service {one['metadata']['name']} finds {[found.name for found in pods]}"
        for port in one["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            if any(target not in {*found.ports, *found.ports.values()} for found in pods):
                yield f"Service {one['metadata']['name']}: nobody listens on {target}"
            if any(found.ports.get(port["name"]) != port["port"] for found in pods):
                yield f"Service {one['metadata']['name']}: {port['name']} is another port"
    yield from (
        f"StatefulSet {one['metadata']['name']}: no Service {one['spec']['serviceName']}"
        for one in manifest.of("StatefulSet")
        if one["spec"]["serviceName"] not in manifest.names("Service")
    )


def _policies(manifest: Manifest) -> Iterator[str]:
    own = {int(value) for name, value in manifest.defaults.items() if name.endswith(".port")}
    for one in manifest.of("NetworkPolicy"):
        name = one["metadata"]["name"]
        for rule in one["spec"].get("ingress", []):
            pods = manifest.selected(one["spec"]["podSelector"]["matchLabels"])
            opened = {number for found in pods for number in found.ports.values()} or own
            if not {port["port"] for port in rule["ports"]} <= opened:
                yield f"NetworkPolicy {name}: nobody listens there"
            callers = [source["podSelector"]["matchLabels"] for source in rule["from"] if "podSelector" in source]
            if not pods or not all(manifest.selected(labels) for labels in callers):
                yield f"NetworkPolicy {name}: there are no such pods"
    if {"podSelector": {}, "policyTypes": ["Ingress"]} not in [one["spec"] for one in manifest.of("NetworkPolicy")]:
        yield "whoever is not named may call"


def _rights(manifest: Manifest) -> Iterator[str]:
    for pods in manifest.pods:
        runs = pods.spec["securityContext"]
        if not runs["runAsNonRoot"] or not runs["runAsUser"] or runs["seccompProfile"] != {"type": "RuntimeDefault"}:
            yield f"{pods.name} runs as {runs}"
        if pods.container["securityContext"] != MAY:
            yield f"{pods.name} may do {pods.container['securityContext']}"
        if pods.spec["automountServiceAccountToken"] != (pods.name == "app"):
            yield f"{pods.name}: the token of Kubernetes"
        if pods.name != "executor" and "memory" not in pods.container["resources"]["limits"]:
            yield f"{pods.name} has no limit of memory"
    (bound,) = manifest.of("RoleBinding")
    if bound["roleRef"]["name"] not in manifest.names("Role") or [one["name"] for one in bound["subjects"]] != ["app"]:
        yield "RoleBinding: the driver alone makes pods"


def _volumes(manifest: Manifest) -> Iterator[str]:
    """What is written is on a volume, since the rest cannot be written to."""
    for pods in manifest.pods:
        volumes = {one["name"]: one for one in pods.spec["volumes"]}
        mounts = {one["mountPath"]: one["name"] for one in pods.container["volumeMounts"]}
        if set(mounts.values()) != set(volumes):
            yield f"{pods.name} mounts {sorted(mounts.values())} of {sorted(volumes)}"
        maps = {one["configMap"]["name"] for one in volumes.values() if "configMap" in one}
        yield from (f"{pods.name}: no ConfigMap {name}" for name in maps - manifest.names("ConfigMap"))
        given = manifest.environment(pods)
        written = ["/tmp", *(given[name] for name in given if name.endswith(("S3__COPIES", "DATA_DIR")))]
        folders = [path for path in written if path.startswith("/") and not _is_in(path, mounts)]
        if pods.name != "executor":
            yield from (f"{pods.name}: {path} cannot be written" for path in folders)


def _is_in(path: str, mounts: dict[str, str]) -> bool:
    return any(path == mount or path.startswith(f"{mount}/") for mount in mounts)


def _names(manifest: Manifest) -> Iterator[str]:
    for one in manifest.of("Deployment", "StatefulSet"):
        if one["spec"]["selector"]["matchLabels"] != one["spec"]["template"]["metadata"]["labels"]:
            yield f"{one['metadata']['name']} does not find its own pods"
    for pods in manifest.pods:
        if pods.container["image"] != IMAGE:
            yield f"{pods.name}: {pods.container['image']} is not what compose builds"
        account = pods.spec.get("serviceAccountName")
        if account and account not in manifest.names("ServiceAccount"):
            yield f"{pods.name}: no ServiceAccount {account}"
    yield from (
        f"{one['kind']} {one['metadata']['name']} is in another namespace"
        for one in manifest.parts
        if one["kind"] != "Namespace" and one["metadata"]["namespace"] not in manifest.names("Namespace")
    )


def _spark(manifest: Manifest) -> Iterator[str]:
    """What Spark is told are its own settings, and go with the rest."""
    yield from (f"spark-defaults.conf: {name}" for name in manifest.defaults if _constant(name) not in _classes())
    (driver,) = manifest.of("StatefulSet")
    (pods,) = [one for one in manifest.pods if one.name == driver["metadata"]["name"]]
    folder = next(one["mountPath"] for one in pods.container["volumeMounts"] if one["name"] == "spark")
    expected = {
        "spark.kubernetes.namespace": driver["metadata"]["namespace"],
        "spark.kubernetes.container.image": IMAGE,
        "spark.kubernetes.driver.pod.name": f"{pods.name}-0",
        "spark.kubernetes.executor.podTemplateFile": f"{folder}/executor.yaml",
        "spark.driver.port": str(pods.ports["driver"]),
        "spark.driver.blockManager.port": str(pods.ports["blocks"]),
    }
    yield from (f"{name} is not {value}" for name, value in expected.items() if manifest.defaults.get(name) != value)
    given = manifest.environment(pods)
    if given["SPARK_CONF_DIR"] != folder or given["MILLSTREAM_SPARK__DRIVER_HOST"] not in manifest.names("Service"):
        yield "app: Spark is told of another place"
    if given["MILLSTREAM_SPARK__SHIP_CODE"] != COMPOSE["services"]["app"]["environment"]["MILLSTREAM_SPARK__SHIP_CODE"]:
        yield "app: it sends code to its own image"


def _constant(text: str) -> bytes:
    """As it stands in a class of Java: its length before it."""
    return len(text).to_bytes(2, "big") + text.encode()


@lru_cache
def _classes() -> bytes:
    """The classes in which Spark names its settings."""
    found = b""
    for jar, folder in (("spark-kubernetes_2.13", "deploy/k8s/Config$"), ("spark-core_2.13", "internal/config/")):
        (path,) = (Path(pyspark.__file__).parent / "jars").glob(f"{jar}-*.jar")
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.startswith(f"org/apache/spark/{folder}")]
            found += b"".join(archive.read(name) for name in names)
    return found
