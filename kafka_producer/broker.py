"""A Kafka broker of one's own, without Docker: a folder and an address in, a running KRaft node out.

The jars come from Maven once, into a cache beside the user's other ones. The folder keeps the broker's log: stopped,
killed and started again, it has every message that it acknowledged. A lock that the process itself holds tells
whether it runs, so that nothing else is ever taken for it.
"""

import fcntl
import os
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyspark

from spark_app.blocks import Kafka
from spark_app.intake import topic
from spark_app.running import java
from spark_app.settings import PREFIX

VERSION = "4.1.0"
ARTEFACT = ("org.apache.kafka", "kafka_2.13", VERSION)
CACHE = Path.home() / ".cache" / "millstream"
JARS = CACHE / f"kafka-{VERSION}"
PARTITIONS = 4
STARTS_WITHIN = 60.0
STOPS_WITHIN = 30.0
_MEMORY = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SPARKS_JARS = Path(pyspark.__file__).parent / "jars"
# Kafka's own jars bring an interface for logging and nothing behind it; Spark's have both.
_LOGGING = ("slf4j-api-*.jar", "log4j-slf4j2-impl-*.jar")
_LOG4J = """\
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %m (%c{1})%n
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""


class BrokerError(RuntimeError):
    """The broker cannot be started or stopped; the message says why."""


@dataclass(frozen=True)
class Broker:
    """A broker that lives in `home` and listens where `kafka` says; `properties` stand above its own."""

    home: Path
    kafka: Kafka
    properties: Mapping[str, str] = field(default_factory=dict)
    users: Sequence[str] = ()  # such as SCRAM-SHA-256=[name=ann,password=secret]

    @property
    def address(self) -> str:
        """host:port, of this machine; BrokerError when it is elsewhere."""
        host, _, port = self.kafka.bootstrap_servers.rpartition(":")
        if host.strip("[]") not in _LOOPBACK or not port.isdigit():
            raise BrokerError(
                f"{PREFIX}KAFKA__BOOTSTRAP_SERVERS={self.kafka.bootstrap_servers}: "
                "expected one host:port of this machine, such as localhost:9092"
            )
        return self.kafka.bootstrap_servers

    @property
    def log(self) -> Path:
        """What the broker itself says."""
        return self.home / "broker.log"


def start(broker: Broker) -> subprocess.Popen[bytes] | None:
    """Start it and wait until it answers; None when it runs already. BrokerError in one line when it cannot."""
    address = broker.address
    broker.home.mkdir(parents=True, exist_ok=True)
    with _pid_file(broker).open("a+") as pid:
        if not _locked(pid.fileno()):
            return None
        pid.truncate(0)
        _refuse_a_held_port(address)
        classpath = _classpath(jars())
        settings = _configured(broker, _free_port())
        _format(broker, classpath, settings)
        process = _launched(broker, classpath, settings, keeping=pid.fileno())
        pid.write(str(process.pid))
    _wait_until_it_answers(broker, process)
    return process


def stop(broker: Broker) -> bool:
    """End it in good order; False when it does not run. BrokerError when it takes too long."""
    if not is_running(broker):
        return False
    pid = _pid_file(broker).read_text()
    if not pid:
        raise BrokerError(f"the broker in {broker.home} is just being started; try again in a few seconds")
    os.kill(int(pid), signal.SIGTERM)
    deadline = time.monotonic() + STOPS_WITHIN
    while is_running(broker):
        if time.monotonic() > deadline:
            raise BrokerError(f"the broker in {broker.home} did not stop in {STOPS_WITHIN:.0f} s; see {broker.log}")
        time.sleep(0.05)
    return True


def is_running(broker: Broker) -> bool:
    """Whether a process of this home is alive, were it started by another program."""
    if not _pid_file(broker).exists():
        return False
    with _pid_file(broker).open("a+") as pid:
        return not _locked(pid.fileno())


def has_jars() -> bool:
    """Whether Kafka's jars were fetched before."""
    return JARS.exists()


def jars() -> Path:
    """The folder of Kafka's jars, fetched from Maven at the first call; it is complete or not there."""
    if has_jars():
        return JARS
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as aside:
        pattern = f"{aside}/lib/[artifact]-[revision].[ext]"
        ivy = next(_SPARKS_JARS.glob("ivy-*.jar"))
        fetched = _java("-jar", str(ivy), "-dependency", *ARTEFACT, "-confs", "default", "-retrieve", pattern)
        if fetched.returncode or not (Path(aside) / "lib" / f"kafka_2.13-{VERSION}.jar").exists():
            raise BrokerError(
                f"Kafka's jars ({':'.join(ARTEFACT)}) could not be fetched from Maven: {_fault(fetched.stdout)}"
            )
        if not has_jars():
            (Path(aside) / "lib").rename(JARS)
    return JARS


def _fault(said: str) -> str:
    """The line in which ivy says what went wrong."""
    lines = [line.strip(" :\t") for line in said.splitlines()]
    wrong = [line for line in lines if "not found" in line or "Exception" in line or "refused" in line]
    return (wrong or [line for line in lines if line] or ["no message"])[-1]


def _pid_file(broker: Broker) -> Path:
    return broker.home / "pid"


def _locked(file: int) -> bool:
    """Take the lock, which is held until the last process that has the file open ends; False when it is held."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refuse_a_held_port(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
    except OSError:
        return
    raise BrokerError(f"port {port} is held by another program; set {PREFIX}KAFKA__BOOTSTRAP_SERVERS=localhost:PORT")


def _free_port() -> int:
    """A port for what the broker tells itself; only its own process ever uses it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _configured(broker: Broker, controller: int) -> Path:
    """Write server.properties; gives its path."""
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"CLIENTS://{broker.address},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"CLIENTS://{broker.address}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,CLIENTS:PLAINTEXT",
        "inter.broker.listener.name": "CLIENTS",
        "log.dirs": str(broker.home.absolute() / "log"),
        "num.partitions": str(PARTITIONS),
        "auto.create.topics.enable": "true",
        "log.retention.ms": "-1",
        "log.retention.bytes": "-1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
    }
    (broker.home / "log4j2.properties").write_text(_LOG4J)
    path = broker.home / "server.properties"
    path.touch(mode=0o600)  # it may hold passwords
    path.write_text("".join(f"{name}={value}\n" for name, value in (properties | dict(broker.properties)).items()))
    return path


def _format(broker: Broker, classpath: str, settings: Path) -> None:
    """Prepare an empty folder; one that was in use stays as it is."""
    if (broker.home / "log" / "meta.properties").exists():
        return
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    users = [argument for user in broker.users for argument in ("--add-scram", user)]
    command = ("-cp", classpath, "kafka.tools.StorageTool", "format", "-t", f"m{cluster[1:]}", "-c", str(settings))
    done = _java(*_MEMORY, *command, *users)
    if done.returncode:
        raise BrokerError(f"{broker.home / 'log'} could not be prepared: {_last_line(done.stdout)}")


def _launched(broker: Broker, classpath: str, settings: Path, keeping: int) -> subprocess.Popen[bytes]:
    """The process; in a session of its own, so that Ctrl-C reaches it only through us."""
    logging = f"-Dlog4j2.configurationFile={(broker.home / 'log4j2.properties').absolute()}"
    program = str(java.home() / "bin" / "java")
    with broker.log.open("ab") as log:
        return subprocess.Popen(
            [program, *_MEMORY, logging, "-cp", classpath, "kafka.Kafka", str(settings)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(keeping,),
            start_new_session=True,
        )


def _wait_until_it_answers(broker: Broker, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        if topic.is_reachable(broker.kafka, timeout=1):
            return
    if process.poll() is None:
        stop(broker)
    said = _last_line(broker.log.read_text(errors="replace"))
    raise BrokerError(f"the broker did not start: {said} (the whole story is in {broker.log})")


def _classpath(folder: Path) -> str:
    logging = [str(next(_SPARKS_JARS.glob(pattern))) for pattern in _LOGGING]
    return os.pathsep.join([*logging, f"{folder}/*"])


def _java(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Java program to its end; NoJavaError when there is no Java."""
    program = str(java.home() / "bin" / "java")
    return subprocess.run(
        [program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def _last_line(text: str) -> str:
    """The last line that says what is wrong, else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(("\t", " "))]
    wrong = [line for line in lines if "ERROR" in line or "Exception" in line]
    return (wrong or lines or ["it said nothing"])[-1]
