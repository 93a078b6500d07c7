"""The one place where Spark is configured: settings in, a session out.

Spark's own messages, those of the JVM and those of the Python workers go to a file of their own, so that the
terminal shows what Millstream says and nothing else.
"""

import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from uuid import uuid4

import pyspark
from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from spark_app.running import class_archive, cluster, java
from spark_app.running.errors import SaidError
from spark_app.settings import Settings, size_in_bytes
from spark_app.storage import places

SPARK_LOG = "spark.log"
# The environment, the profile, the container's or the machine's role, in the order that boto3 has too.
_CREDENTIALS = "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"


class NoSparkError(SaidError, RuntimeError):
    """Spark did not start; the message says why and what to do."""


def start(settings: Settings, app: str = "millstream", own: Mapping[str, str] | None = None) -> SparkSession:
    """A running session, with Delta, Kafka and GraphFrames; raises NoJavaError or NoSparkError in words.

    `own` stands above what the settings say to Spark.
    """
    os.environ["JAVA_HOME"] = str(java.home())
    os.environ["PYSPARK_PYTHON"], os.environ["PYSPARK_DRIVER_PYTHON"] = cluster.python(settings), sys.executable
    if address := _own_address(settings.spark.master):
        os.environ.setdefault("SPARK_LOCAL_IP", address)
    builder = SparkSession.builder.master(settings.spark.master).appName(app)
    told = configuration(settings) | _with_archive(settings) | cluster.shipment(settings) | dict(own or {})
    for name, value in told.items():
        builder = builder.config(name, value)
    log = _log_file(settings)
    with _signals_put_off() as came, _stderr_to(log), _one_blas_thread_in_java():
        spark = _started(builder, log, settings, told.get(cluster.PACKED, ""))
    if came:
        stop(spark)
        raise KeyboardInterrupt
    _without_jars_in_python(spark)
    spark.sparkContext.setLogLevel("WARN")
    # It prints each error to the terminal once more, as JSON.
    logging.getLogger("DataFrameQueryContextLogger").setLevel(logging.CRITICAL)
    # Without it ALS ignores its checkpoint interval, and its lineage grows until the stack is full.
    spark.sparkContext.setCheckpointDir(_scratch(settings))
    if cluster.is_elsewhere(settings.spark.master):
        try:
            _joined(spark, settings)
        except BaseException:
            stop(spark)
            raise
    return spark


def stop(spark: SparkSession) -> None:
    """Stop it, and remove what it kept aside while it ran."""
    scratch, code = spark.sparkContext.getCheckpointDir(), spark.conf.get(cluster.PACKED, "")
    if scratch and places.is_one(scratch):
        _remove(spark, scratch)
    spark.stop()
    if code:
        _removed(code)
        # This Java would send it again to whom it is told to work for next.
        spark._jvm.java.lang.System.clearProperty("spark.archives")
    if scratch and not places.is_one(scratch):
        shutil.rmtree(Path(scratch.removeprefix("file:")).parent, ignore_errors=True)


def cores(spark: SparkSession) -> int:
    """Tasks that can run at once."""
    return int(spark.sparkContext.defaultParallelism)


def heap(spark: SparkSession, settings: Settings) -> int:
    """Bytes of Java's heap where the tasks run: in this program, or in all executors together."""
    if not cluster.is_elsewhere(settings.spark.master):
        return size_in_bytes(settings.spark.driver_memory)
    return max(_executors(spark), 1) * size_in_bytes(cluster.executor_memory(settings))


def packages(settings: Settings) -> list[str]:
    """Maven coordinates of the jars that Spark needs beside its own."""
    own = [settings.spark.kafka_package, settings.spark.graphframes_package, settings.spark.delta_package]
    return [*own, settings.spark.s3_package] if _is_in_bucket(settings) else own


def fetch_jars(settings: Settings, folder: Path, *, in_bucket: bool = False) -> list[Path]:
    """Put the packages' jars into a folder, for MILLSTREAM_SPARK__JARS where there is no network; starts Spark once.

    Jars that Spark has itself are left out: it prefers its own. `in_bucket`: also those for data in a bucket.
    """
    with tempfile.TemporaryDirectory() as home:
        spark = settings.spark.model_copy(update={"jars": None, "master": "local[1]"})
        aside = settings.model_copy(update={"data_dir": Path(home), "spark": spark})
        wanted = ",".join(dict.fromkeys([*packages(settings), *([spark.s3_package] if in_bucket else [])]))
        stop(start(aside, "millstream-jars", {"spark.jars.ivy": home, "spark.jars.packages": wanted}))
        folder.mkdir(parents=True, exist_ok=True)
        known = {jar.name for jar in Path(pyspark.__file__).parent.glob("jars/*.jar")}
        # Ivy calls them group_artifact-version.jar.
        fetched = [jar for jar in sorted(Path(home).glob("jars/*.jar")) if jar.name.partition("_")[2] not in known]
        return [shutil.copyfile(jar, folder / jar.name) for jar in fetched]


def configuration(settings: Settings) -> dict[str, str]:
    """What Spark is told, by its own names."""
    partitions = settings.spark.shuffle_partitions or 2 * cluster.cores(settings.spark.master)
    return {
        **_jars(settings),
        **_way_back(settings),
        **(_s3(settings) if _is_in_bucket(settings) else {}),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.databricks.delta.snapshotPartitions": "1",
        # As tables.KEEP_LOG says, for a table that Spark makes.
        "spark.databricks.delta.properties.defaults.enableExpiredLogCleanup": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.millstream.als.blocks": str(settings.spark.als_blocks or ""),
        # A method beyond this is never compiled by the JVM: judging by one took 1.6 times as long.
        "spark.sql.codegen.hugeMethodLimit": "8000",
        "spark.sql.shuffle.partitions": str(partitions),
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
        "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
        "spark.sql.streaming.metricsEnabled": "false",
        # Under --follow a batch gets every second free core while a training has the others.
        "spark.scheduler.mode": "FAIR",
        "spark.driver.memory": settings.spark.driver_memory,
        "spark.executor.memory": cluster.executor_memory(settings),
        "spark.driver.extraJavaOptions": _java_options(settings),
        "spark.executor.extraJavaOptions": "-Duser.timezone=UTC",
        # One BLAS thread a task: the tasks are what runs side by side.
        "spark.executorEnv.OPENBLAS_NUM_THREADS": "1",
        "spark.executorEnv.OMP_NUM_THREADS": "1",
        # The workers import this package, from wherever the program was started.
        "spark.executorEnv.PYTHONPATH": cluster.path(settings),
        # Beside what Spark hides by itself, how a broker is logged in to.
        "spark.redaction.regex": "(?i)secret|password|token|access[.]?key|jaas|keystore[.]key",
        # To find out how well each column of a batch packs takes a quarter of the time that keeping it takes.
        "spark.sql.inMemoryColumnarStorage.compressed": "false",
        # A stream that runs for weeks would keep a thousand plans in memory.
        "spark.sql.ui.retainedExecutions": "50",
        "spark.ui.retainedJobs": "200",
        "spark.ui.retainedStages": "200",
        "spark.ui.enabled": str(settings.spark.ui).lower(),
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": str(Path(tempfile.gettempdir()) / "millstream-warehouse"),
    }


def _is_in_bucket(settings: Settings) -> bool:
    """Whether Spark reads and writes one; results get there without it."""
    return settings.place(settings.data_dir) is not None


def _s3(settings: Settings) -> dict[str, str]:
    """How Spark reads and writes a bucket; by default S3A finds credentials as AWS's own tools do."""
    own = {
        "spark.hadoop.fs.s3a.endpoint": settings.s3.endpoint,
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": str(settings.s3.endpoint.startswith("https")).lower(),
        # S3A asks Amazon which region a bucket is in, unless it is told; other services take any.
        "spark.hadoop.fs.s3a.endpoint.region": os.environ.get("AWS_REGION") or "us-east-1",
        "spark.executorEnv.AWS_ENDPOINT_URL_S3": settings.s3.endpoint,
    }
    place = places.far(settings.spark.master, settings.place(settings.data_dir))
    return {
        "spark.hadoop.fs.s3a.aws.credentials.provider": _CREDENTIALS,
        **(own if settings.s3.endpoint else {}),
        **({places.FAR: f"{place}/scratch"} if place else {}),
    }


def _java_options(settings: Settings) -> str:
    return f"-Duser.timezone=UTC -XX:+UseParallelGC {settings.spark.java_options}"


def _with_archive(settings: Settings) -> dict[str, str]:
    """The same with what an earlier start has kept of Java's classes."""
    if not settings.spark.class_archive:
        return {}
    options = _java_options(settings)
    kept = class_archive.option(Path(os.environ["JAVA_HOME"]), Path(pyspark.__file__).parent / "jars", options)
    return {"spark.driver.extraJavaOptions": f"{options} {kept}"}


def _without_jars_in_python(spark: SparkSession) -> None:
    """Spark offers the packages' jars to Python as modules, and each Python task then reads their directories anew.

    There is no Python in them. Without them a task takes 0.1 s, and not 0.4.
    """
    includes = spark.sparkContext._python_includes
    includes[:] = [name for name in includes if not name.endswith(".jar")]
    sys.path[:] = [path for path in sys.path if not path.endswith(".jar")]


def _jars(settings: Settings) -> dict[str, str]:
    """The jars beside Spark's own: from a folder, or fetched."""
    folder = settings.spark.jars
    if folder is None:
        return {"spark.jars.packages": ",".join(packages(settings))}
    jars = sorted(folder.absolute().glob("*.jar"))
    if not jars:
        raise NoSparkError(f"MILLSTREAM_SPARK__JARS={folder}: expected a folder with jars")
    return {"spark.jars": ",".join(map(str, jars))}


def _way_back(settings: Settings) -> dict[str, str]:
    """Where executors reach this program."""
    if settings.spark.driver_host:
        return {"spark.driver.host": settings.spark.driver_host, "spark.driver.bindAddress": "0.0.0.0"}
    address = _own_address(settings.spark.master)
    return {"spark.driver.host": address} if address else {}


def _own_address(master: str) -> str | None:
    """Loopback on one machine, else the address on the way to the master; None: Spark asks for this machine's name.

    A name is a poor guide: it need not resolve at all, and a container's resolves elsewhere only by luck.
    """
    if master.startswith("local"):
        return "127.0.0.1"
    if not master.startswith("spark://"):
        return None
    host, _, port = master.removeprefix("spark://").partition(",")[0].rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: connecting a datagram socket only asks for the route.
            probe.connect((host, int(port)))
        except (OSError, ValueError):
            return None
        return str(probe.getsockname()[0])


def _executors(spark: SparkSession) -> int:
    """How many there are now, beside this program."""
    return int(spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size()) - 1


def _joined(spark: SparkSession, settings: Settings) -> None:
    """Wait for executors, and cut shuffles by their cores; raises NoSparkError when none comes: Spark would not say so.

    Those of a cluster come one by one: it is ready when no more have come for a second.
    """
    end, there = time.monotonic() + settings.spark.executors_within, 0
    if not settings.spark.executors_within or spark.conf.get("spark.dynamicAllocation.enabled", "false") == "true":
        return
    while (now := _executors(spark)) != there or not there:
        if not now and time.monotonic() > end:
            raise NoSparkError(_nobody_came(settings))
        there = now
        time.sleep(1)
    if settings.spark.shuffle_partitions is None:
        spark.conf.set("spark.sql.shuffle.partitions", str(2 * cores(spark)))


def _nobody_came(settings: Settings) -> str:
    master, memory = settings.spark.master, settings.spark.executor_memory
    return (
        f"{master} gave no executor within {settings.spark.executors_within:g} s: expected a worker with a free core "
        f"and {memory} (MILLSTREAM_SPARK__EXECUTOR_MEMORY); the whole story is in {_log_file(settings)}"
    )


def _removed(code: str) -> None:
    """The packed code, with the folder that it is alone in."""
    shutil.rmtree(Path(code).parent, ignore_errors=True)


def _started(builder: "SparkSession.Builder", log: Path, settings: Settings, code: str) -> SparkSession:
    before = log.stat().st_size
    try:
        return builder.getOrCreate()
    except Exception as error:
        if code:
            _removed(code)
        tail = log.read_bytes()[before:].decode(errors="replace")[-20_000:]
        raise NoSparkError(_why(tail, error, log, settings.spark.master)) from error


def _why(tail: str, error: Exception, log: Path, master: str) -> str:
    if "All masters are unresponsive" in tail:
        return f"no Spark master answers at {master}; the whole story is in {log}"
    # Ivy also says "not found" of what it does not need.
    missing = next((line.strip() for line in tail.splitlines() if "unresolved dependency" in line), None)
    if missing:
        return (
            f"Spark's packages could not be fetched ({missing.strip(': ')}). Is Maven Central reachable? "
            f"The coordinates are settings (MILLSTREAM_SPARK__...); the whole story is in {log}"
        )
    # What Java says stands in the second line, behind a colon.
    lines = str(error).strip().splitlines() or ["no message"]
    first = next((line[1:].strip() for line in lines[1:2] if line.startswith(":")), lines[0])
    return f"Spark did not start: {first}. Its own messages are in {log}"


def _log_file(settings: Settings) -> Path:
    folder = settings.data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / SPARK_LOG


def _scratch(settings: Settings) -> str:
    """A folder for this session alone: on one machine beside the system's temporary files, else where all see it."""
    if settings.spark.master.startswith("local"):
        return tempfile.mkdtemp(prefix="millstream-")
    # Not by the process id: in containers that share the data folder it is the same.
    return settings.told((settings.data_dir / "scratch" / uuid4().hex).absolute())


def _remove(spark: SparkSession, folder: str) -> None:
    """By Spark's own means, where it is in a bucket; what cannot be removed is left."""
    with suppress(Py4JError):
        path = spark._jvm.org.apache.hadoop.fs.Path(folder).getParent()
        path.getFileSystem(spark._jsc.hadoopConfiguration()).delete(path, True)


@contextmanager
def _signals_put_off() -> Iterator[list[int]]:
    """While it lasts, Ctrl-C and SIGTERM are only noted; a second one is not put off.

    A JVM whose start is broken off never ends: it has no one left to tell its port, and waits for calls for ever.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _frame: FrameType | None) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    try:
        for number in before:
            signal.signal(number, note)
        yield came
    finally:
        for number, handler in before.items():
            # Also over Spark's own, which calls the JVM in the middle of whatever call is under way.
            signal.signal(number, handler)


@contextmanager
def _one_blas_thread_in_java() -> Iterator[None]:
    """A native BLAS that MLlib finds is told by the JVM's environment, for all of its life; this program's stays."""
    before = os.environ.get("OPENBLAS_NUM_THREADS")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OPENBLAS_NUM_THREADS"]
        else:
            os.environ["OPENBLAS_NUM_THREADS"] = before


@contextmanager
def _stderr_to(log: Path) -> Iterator[None]:
    """While it lasts, what is started here (the JVM, for all of its life) writes its stderr to the file."""
    kept = os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
