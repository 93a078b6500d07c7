"""Dockerfile and docker-compose.yml, held against the specification and against the code; no engine is needed."""

import importlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from spoken import ROOT
from taken import PROGRAMS, SERVICES, parse

from spark_app import settings
from spark_app.serving.guard import OPEN_PATHS
from spark_app.web import door

COMPOSE = ROOT / "docker-compose.yml"
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
INSTRUCTIONS = {"FROM", "ARG", "RUN", "WORKDIR", "COPY", "ENV", "USER", "CMD"}
# Programs of images that are not ours, by which a service tells that it is well.
_TOPICS = ("/opt/kafka/bin/kafka-topics.sh",)
OF_THE_IMAGE = {"kafka": _TOPICS, "kafka-zookeeper": _TOPICS, "zookeeper": ("zkServer.sh",), "kafka-ui": ("wget",)}


def instructions() -> list[tuple[str, str]]:
    """(word, what follows it) of each instruction of the Dockerfile, in order."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in whole.splitlines() if line)]


def of(word: str) -> list[str]:
    return [rest for found, rest in instructions() if found == word]


def copied() -> list[str]:
    """What the Dockerfile copies from here, in order."""
    return [path for rest in of("COPY") for path in shlex.split(rest)[:-1] if not path.startswith("--")]


def interpolated(value: object) -> str:
    """The value when nobody has set anything: ${NAME:-default} is its default."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))


def given(service: str) -> dict[str, str]:
    """What the service finds in its environment, the image's included."""
    image = {name: value for rest in of("ENV") for name, value in (part.split("=", 1) for part in shlex.split(rest))}
    own = {name: interpolated(value) for name, value in SERVICES[service].get("environment", {}).items()}
    return image | own if service in OURS else own


def option(service: str, name: str) -> str:
    """What the service's command says after an option."""
    command = SERVICES[service]["command"]
    return interpolated(command[command.index(name) + 1])


def listens(service: str) -> str:
    """The port of the page that its health is asked of."""
    if service == "airflow":
        return SERVICES[service]["ports"][0].split(":")[-1]
    return option(service, "--webui-port" if service.startswith("spark") else "--port")


def profiles(service: str) -> set[str]:
    """Without one of these it is not started, unless there are none."""
    return set(SERVICES[service].get("profiles", []))


def overridden(service: str) -> dict[str, str]:
    """What its command says with --override name=value."""
    flags, pairs = SERVICES[service]["command"][::2], SERVICES[service]["command"][1::2]
    assert set(flags) == {"--override"}
    return dict(pair.split("=", 1) for pair in pairs)


# The compose file against the specification.


@pytest.fixture(scope="session")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The loader of docker compose, built."""
    if shutil.which("go") is None:
        pytest.skip("go is not here: the compose file is not checked against the specification")
    program = tmp_path_factory.mktemp("compose") / "checker"
    built = subprocess.run(
        ["go", "build", "-o", program, "."], cwd=ROOT / "tests" / "compose", capture_output=True, text=True, check=False
    )
    if re.search("dial tcp|no such host|i/o timeout", built.stderr):
        pytest.skip("the compose specification cannot be fetched")
    assert built.returncode == 0, built.stderr
    return program


def fault(checker: Path, file: Path) -> str:
    return subprocess.run([checker, file], capture_output=True, text=True, check=False).stderr


def test_the_compose_file_holds_to_the_specification(checker):
    assert fault(checker, COMPOSE) == ""


@pytest.mark.parametrize(
    ("line", "instead", "complaint"),
    [
        ("  init: true", "  inti: true", "inti"),
        ("  kafka:\n    image", "  broker:\n    image", 'undefined service "kafka"'),
        ("source: data", "source: date", "undefined volume date"),
        ("condition: service_healthy", "condition: healthy", "condition"),
        ("replicas: 2", "replicas: two", "replicas"),
    ],
)
def test_the_checker_finds_what_is_wrong(checker, tmp_path, line, instead, complaint):
    assert line in COMPOSE.read_text()
    (tmp_path / "docker-compose.yml").write_text(COMPOSE.read_text().replace(line, instead))
    assert complaint in fault(checker, tmp_path / "docker-compose.yml")


# The compose file against the code.


@pytest.mark.parametrize("service", ["app", "api", "web", "producer"])
def test_the_program_knows_the_command_of_a_service(service):
    parse(PROGRAMS[tuple(SERVICES[service]["entrypoint"])], SERVICES[service]["command"])


@pytest.mark.parametrize("service", OURS)
def test_what_a_service_is_told_are_settings_with_values_that_can_be(service, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name, value in given(service).items():
        if name.startswith(settings.PREFIX):
            monkeypatch.setenv(name, value)
    settings.load()


def test_every_port_is_published_on_loopback_alone():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports and all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)


@pytest.mark.parametrize("service", OURS)
def test_no_service_of_ours_runs_as_root(service):
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", interpolated(SERVICES[service]["user"]))


def test_no_service_is_given_more_rights_than_a_program_has():
    for service in SERVICES.values():
        assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service)
        assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
        assert not str(service.get("user", "1")).startswith(("0", "root"))


def test_every_image_has_a_version():
    images = [service["image"] for service in SERVICES.values()] + of("FROM")
    assert all(re.fullmatch(r"[\w./-]+:[\w.-]*\d[\w.-]*", image) for image in images), images


def test_what_we_build_is_one_image():
    assert {service["image"] for service in OURS.values()} == {"millstream:0.1.0"}
    assert all(service["build"] == {"context": ".", "args": {"EXTRAS": "${EXTRAS:-}"}} for service in OURS.values())


def test_every_volume_is_declared_and_used():
    declared = set(yaml.safe_load(COMPOSE.read_text())["volumes"])
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    named = [mount.split(":")[0] if isinstance(mount, str) else mount["source"] for mount in mounts]
    assert {name for name in named if not name.startswith(".")} == declared


def test_workers_see_the_tables_and_results_where_the_app_sees_them():
    assert SERVICES["spark-worker"]["volumes"] == SERVICES["app"]["volumes"]
    targets = {mount["target"]: mount["source"] for mount in SERVICES["app"]["volumes"]}
    told = given("app")
    assert targets[told["MILLSTREAM_DATA_DIR"]] == "data"
    assert (ROOT / targets[told["MILLSTREAM_RESULTS_DIR"]]).resolve() == ROOT / "results"
    assert SERVICES["spark-worker"]["user"] == SERVICES["app"]["user"]


def test_whoever_stays_has_a_health_check_and_whoever_is_waited_for_can_be():
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            condition = "service_healthy" if "healthcheck" in SERVICES[other] else "service_completed_successfully"
            # Who may not be there is waited for where it is.
            optional = {} if profiles(other) <= profiles(name) else {"required": False}
            assert wait == {"condition": condition} | optional, f"{name} waits for {other}"
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == {"producer"}


def test_health_checks_use_programs_of_the_image_and_ports_of_the_service():
    for name, service in SERVICES.items():
        mode, program, *arguments = service.get("healthcheck", {}).get("test", ["CMD", "test"])
        assert mode == "CMD"
        assert program in (("python", "test") if name in OURS else OF_THE_IMAGE[name])
        if program == "python":
            compile(arguments[1], name, "exec")
            assert f"localhost:{listens(name)}/" in arguments[1]


def test_the_api_is_asked_for_its_health_at_a_route_that_needs_no_key():
    assert urlsplit(re.search(r"http://\S+?(?=')", str(SERVICES["api"]["healthcheck"]))[0]).path in OPEN_PATHS


def test_the_api_reads_what_the_app_writes_and_writes_where_the_app_reads():
    (tables,) = SERVICES["api"]["volumes"]
    assert tables in SERVICES["app"]["volumes"] and "read_only" not in tables
    assert tables["target"] == given("api")["MILLSTREAM_DATA_DIR"] == given("app")["MILLSTREAM_DATA_DIR"]
    assert given("api")["MILLSTREAM_SOURCE"] == option("app", "--source")
    assert SERVICES["api"]["user"] == SERVICES["app"]["user"]


def test_the_api_is_reached_at_the_port_that_it_listens_on_and_by_the_name_of_its_service():
    assert SERVICES["api"]["ports"] == [f"127.0.0.1:8000:{option('api', '--port')}"]
    assert given("api")["MILLSTREAM_SERVE__HOSTS"] == "api"
    assert option("api", "--host") == "0.0.0.0"


def test_the_page_asks_the_api_by_its_name_and_takes_its_password_from_the_callers_own_file():
    api = urlsplit(given("web")["MILLSTREAM_WEB__API_URL"])
    assert (api.hostname, str(api.port)) == (given("api")["MILLSTREAM_SERVE__HOSTS"], option("api", "--port"))
    assert SERVICES["web"]["ports"] == [f"127.0.0.1:8501:{option('web', '--port')}"]
    assert SERVICES["web"]["env_file"] == SERVICES["api"]["env_file"] and "volumes" not in SERVICES["web"]
    assert not [name for name in given("web") if name.endswith(("_KEY", "PASSWORD"))]
    assert urlsplit(re.search(r"http://\S+?(?=')", str(SERVICES["web"]["healthcheck"]))[0]).path in door.OPEN_PATHS


def test_keys_come_from_the_callers_own_file_and_no_default_opens_the_api():
    assert SERVICES["api"]["env_file"] == [{"path": ".env", "required": False}]
    assert not [name for name in given("api") if name.endswith("_KEY")]


def test_addresses_name_a_service_and_a_port_that_it_listens_on():
    master = urlsplit(given("app")["MILLSTREAM_SPARK__MASTER"])
    assert (master.hostname, str(master.port)) == (option("spark-master", "--host"), option("spark-master", "--port"))
    assert master.hostname in SERVICES and master.geturl() == SERVICES["spark-worker"]["command"][-1]
    kafka = SERVICES["kafka"]["environment"]
    for service in ("app", "api", "producer", "airflow"):
        address = given(service)["MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS"]
        assert address.split(":")[0] in SERVICES and f"://{address}," in kafka["KAFKA_ADVERTISED_LISTENERS"]
        assert SERVICES[service]["environment"]["MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS"] == "${BROKER:-kafka}:19092"


def test_every_listener_of_kafka_is_announced_or_the_controllers():
    kafka = SERVICES["kafka"]["environment"]
    names = {key: set(re.findall(r"([A-Z]+):", kafka[f"KAFKA_{key}"])) for key in ("LISTENERS", "ADVERTISED_LISTENERS")}
    assert names["LISTENERS"] == names["ADVERTISED_LISTENERS"] | {kafka["KAFKA_CONTROLLER_LISTENER_NAMES"]}
    protocols = kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    assert {pair.split(":")[0] for pair in protocols} == names["LISTENERS"]
    assert kafka["KAFKA_INTER_BROKER_LISTENER_NAME"] in names["ADVERTISED_LISTENERS"]
    assert kafka["KAFKA_LOG_DIRS"] in [mount.split(":")[1] for mount in SERVICES["kafka"]["volumes"]]


def test_an_executor_fits_into_a_worker():
    assert option("spark-worker", "--memory") == given("app")["MILLSTREAM_SPARK__EXECUTOR_MEMORY"]


# The profiles.


def test_without_a_profile_there_is_what_a_first_look_needs_and_each_profile_adds_its_own():
    names = set().union(*map(profiles, SERVICES))
    assert {name: {one for one in SERVICES if name in profiles(one)} for name in names} == {
        "mlflow": {"mlflow"}, "airflow": {"airflow"}, "kafka-ui": {"kafka-ui"},
        "zookeeper": {"zookeeper", "kafka-zookeeper"},
    }  # fmt: skip
    assert {name for name in SERVICES if not profiles(name)} == {
        "kafka", "producer", "spark-master", "spark-worker", "app", "api", "web",
    }  # fmt: skip


def test_ports_are_open_on_this_machine_alone_and_no_two_are_the_same():
    ports = [port.rpartition(":")[0] for service in SERVICES.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len(ports) == len(set(ports)) == 8


def test_mlflow_knows_its_command_and_answers_by_the_name_of_its_service():
    server = importlib.import_module("mlflow.cli").cli.commands["server"]
    assert SERVICES["mlflow"]["command"][0] == "server"
    asked = server.make_context("server", list(SERVICES["mlflow"]["command"][1:])).params
    assert "mlflow:5000" in asked["allowed_hosts"].split(",") and str(asked["port"]) == "5000"
    (volume,) = SERVICES["mlflow"]["volumes"]
    assert volume == "mlflow:/mlflow" and "/mlflow" in next(rest for rest in of("RUN") if rest.startswith("install"))
    assert asked["backend_store_uri"] == "sqlite:////mlflow/mlflow.db"


def test_airflow_stands_in_for_the_app_with_dags_and_a_python_of_the_image():
    airflow, app = given("airflow"), given("app")
    assert SERVICES["airflow"]["volumes"] == SERVICES["app"]["volumes"]
    assert {name: airflow[name] for name in app if name.startswith("MILLSTREAM_")} == {
        name: value for name, value in app.items() if name.startswith("MILLSTREAM_")
    }
    assert airflow["MILLSTREAM_SOURCE"] == option("app", "--source")
    assert f'PATH="{airflow["AIRFLOW_VAR_MILLSTREAM_PYTHON"].rpartition("/")[0]}:' in " ".join(of("ENV"))
    assert airflow["AIRFLOW__CORE__DAGS_FOLDER"] == f"{of('WORKDIR')[0]}/dags" and "dags" in copied()
    assert "/opt/airflow/bin" in SERVICES["airflow"]["command"][0] and "venv /opt/airflow" in " ".join(of("RUN"))


def test_what_a_profile_needs_beside_is_in_the_image_when_it_is_asked_for():
    (step,) = [rest for rest in of("RUN") if "EXTRAS" in rest]
    assert of("ARG") == ["EXTRAS=", "S3="]
    for extras, installed in (("", []), ("mlflow", ["extras"]), ("mlflow,airflow", ["extras", "airflow"])):
        said = re.sub(r"\S*/?\bpip install", "echo pip install", step).replace("python -m venv", "echo venv")
        done = subprocess.run(["sh", "-c", said], env={"EXTRAS": extras}, capture_output=True, text=True, check=True)
        assert re.findall(r"requirements-(\w+)", done.stdout) == installed


def test_the_older_broker_is_the_last_that_knows_zookeeper_and_announces_what_it_listens_on():
    assert SERVICES["kafka-zookeeper"]["image"].startswith("apache/kafka:3.9.")
    told = overridden("kafka-zookeeper")
    assert told["zookeeper.connect"].split(":")[0] in SERVICES["kafka-zookeeper"]["depends_on"]
    names = {key: set(re.findall(r"([A-Z]+):", told[key])) for key in ("listeners", "advertised.listeners")}
    assert names["listeners"] == names["advertised.listeners"] == {"NETWORK", "HOST"}
    assert told["inter.broker.listener.name"] in names["listeners"]
    assert "://kafka-zookeeper:19092," in told["advertised.listeners"]
    assert SERVICES["kafka-zookeeper"]["ports"] == ["127.0.0.1:9094:9094"]
    assert told["advertised.listeners"].endswith("HOST://localhost:9094")
    assert told["log.dirs"] in [mount.split(":")[1] for mount in SERVICES["kafka-zookeeper"]["volumes"]]


# The Dockerfile.
