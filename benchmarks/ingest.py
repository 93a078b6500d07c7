"""Taking in: events a second from files and from Kafka, beside what Spark alone does with the same lines, in one run.

    python -m benchmarks.ingest [--events 1000000 --rounds 2]
    python -m benchmarks.ingest --latency [--rate 2000 --seconds 60]

Peers: `from_json` of the same lines into Spark's noop sink, which judges nothing and keeps nothing; and a bare append
of the accepted events, held in memory, to a Delta table. Ours validates, looks for doubles, keeps events, quarantine
and ledger. Each is warmed up first. Memory is that of Python and the JVM together, seen ten times a second.

With --latency, a producer sends at a steady rate to a topic that is followed; an event counts as visible when the
ledger has it.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).parent.parent))

from kafka_producer import broker as broker_
from kafka_producer.broker import Broker
from kafka_producer.delivery import simulated, to_topic
from kafka_producer.dirt import summary, with_dirt
from kafka_producer.files import deliver, part_names
from kafka_producer.simulate import Simulation, good_events
from spark_app import following, ingestion, schemas, session, store
from spark_app.blocks import Kafka
from spark_app.ingestion import Intake
from spark_app.settings import Settings
from spark_app.storage import ledger, tables

FILES = 10


def main() -> None:
    """Start a broker and a session, measure, print."""
    asked = arguments()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        broker = Broker(home / "kafka", Kafka(bootstrap_servers=f"localhost:{asked.port}"))
        broker_.start(broker)
        try:
            settings = Settings(_env_file=None, data_dir=home / "data", source="kafka", kafka=broker.kafka)
            spark = session.start(settings, app="benchmark-ingest")
            try:
                warm_up(spark, settings)
                if asked.latency:
                    latency(spark, settings, asked)
                else:
                    throughput(spark, settings, asked)
            finally:
                session.stop(spark)
        finally:
            broker_.stop(broker)
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--port", type=int, default=39092)
    parser.add_argument("--latency", action="store_true")
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=60)
    return parser.parse_args()


def throughput(spark: SparkSession, settings: Settings, asked: argparse.Namespace) -> None:
    """Records a second of each way, median of some rounds, and the ratios; the memory of the burst from Kafka."""
    simulation = Simulation(events=asked.events)
    files = simulated_files(simulation, settings.data_dir / "burst")
    topic = settings.kafka.model_copy(update={"topic": "burst"})
    produce(simulation, topic)
    count = summary(simulation).lines
    take_files(spark, of(settings, "accepted"), files)
    accepted = store.read(spark, of(settings, "accepted"), tables.EVENTS).persist()
    accepted.count()
    homes = (of(settings, f"round-{number}") for number in range(10 * asked.rounds))
    ways: dict[str, Callable[[], object]] = {
        "from_json into noop": lambda: parsed(spark, files).write.format("noop").mode("overwrite").save(),
        "bare Delta append": lambda: accepted.write.format("delta").save(str(next(homes).data_dir)),
        "ours, from files": lambda: take_files(spark, next(homes), files),
        "ours, from Kafka": lambda: take_topic(spark, next(homes), topic),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(asked.rounds):
        for name, way in ways.items():
            with memory() as seen:
                begun = time.perf_counter()
                way()
                seconds[name].append(time.perf_counter() - begun)
            thirds = [int(max(part)) >> 20 for part in np.array_split(seen, 3)]
            print(f"  {name}: {seconds[name][-1]:.1f} s, memory at most {thirds} MiB by thirds of it")
    rates = {name: count / median(taken) for name, taken in seconds.items()}
    for name, rate in rates.items():
        beside = ", ".join(f"{rate / rates[peer]:.2f} of {peer}" for peer in list(rates)[:2] if peer != name)
        print(f"{name:<22}{rate:>10,.0f} records/s   {beside}")


def latency(spark: SparkSession, settings: Settings, asked: argparse.Namespace) -> None:
    """From the time that a message has in Kafka until the ledger has it: p50 and p95; and an empty trigger."""
    topic = settings.kafka.model_copy(update={"topic": "steady"})
    own = of(settings, "steady").model_copy(update={"kafka": topic})
    produce(Simulation(events=1000), topic)
    stop, intake = threading.Event(), Intake()
    inlet = ingestion.topic(spark, own, intake)
    follower = threading.Thread(
        target=following.ingest, args=(spark, own, [inlet], stop, print, lambda: None), daemon=True
    )
    follower.start()
    wait(follower, lambda: bool(intake.read))
    events = asked.rate * asked.seconds
    command = [sys.executable, "-m", "kafka_producer", "simulate", "--to", "kafka", "--seed", "8"]
    numbers = ["--events", str(events), "--rate", str(asked.rate)]
    environment = {"MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS": topic.bootstrap_servers, "MILLSTREAM_KAFKA__TOPIC": "steady"}
    subprocess.run(
        [*command, *numbers], check=True, capture_output=True, env=os.environ | environment,
        cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    wait(follower, lambda: ledger.counts(own).read >= 1003 + events)
    (query,) = spark.streams.active
    time.sleep(25)
    empty = [one["durationMs"]["triggerExecution"] for one in query.recentProgress if not one["numInputRows"]]
    full = [one["durationMs"]["triggerExecution"] for one in query.recentProgress if one["numInputRows"]]
    stop.set()
    follower.join()
    waits = visible_after(own)
    p50, p95 = np.quantile(waits, [0.5, 0.95])
    print(f"{len(waits):,} events at {asked.rate:,}/s: visible after {p50:.2f} s (p50), {p95:.2f} s (p95)")
    print(f"a batch takes {median(full) / 1000:.2f} s (median of {len(full)}), an empty trigger {median(empty)} ms")


def wait(follower: threading.Thread, done: Callable[[], bool]) -> None:
    """Until it is done; SystemExit when the follower has stopped before."""
    while not done():
        if not follower.is_alive():
            sys.exit("the follower stopped")
        time.sleep(0.1)


def visible_after(settings: Settings) -> np.ndarray:
    """Seconds of each event; those of the first batch, which began the stream, left out."""
    rows = tables.scan(settings, tables.BATCHES, ["partition", "from", "to", "taken_at"]).to_pandas()
    events = tables.scan(settings, tables.EVENTS, ["partition", "position", "received_at"]).to_pandas()
    first = rows["taken_at"].min()
    waits = []
    for row in rows[rows["taken_at"] > first].itertuples():
        of_it = (events["partition"] == row.partition) & events["position"].between(row[2], row.to - 1)
        waits.append((row.taken_at - events["received_at"][of_it]).dt.total_seconds().to_numpy())
    return np.concatenate(waits)


def warm_up(spark: SparkSession, settings: Settings) -> None:
    """Let the JVM meet each way once or twice."""
    simulation = Simulation(events=60_000, seed=3)
    files = simulated_files(simulation, settings.data_dir / "warm")
    topic = settings.kafka.model_copy(update={"topic": "warm"})
    produce(simulation, topic)
    for number in range(3):
        own = of(settings, f"warm-{number}")
        take_files(spark, own, files)
        events = store.read(spark, own, tables.EVENTS)
        events.write.format("delta").save(str(own.data_dir / "copy"))
        parsed(spark, files).write.format("noop").mode("overwrite").save()
        take_topic(spark, of(settings, f"warm-kafka-{number}"), topic)


def of(settings: Settings, name: str) -> Settings:
    """The same settings with a data folder of their own."""
    return settings.model_copy(update={"data_dir": settings.data_dir / name})


def take_files(spark: SparkSession, settings: Settings, files: Path) -> None:
    """All of a folder, to the end."""
    ingestion.take_files(spark, settings, files)


def take_topic(spark: SparkSession, settings: Settings, topic: Kafka) -> None:
    """All of a topic, to the end."""
    following.take_topic(spark, settings.model_copy(update={"kafka": topic}))


def parsed(spark: SparkSession, files: Path) -> DataFrame:
    """The lines of the files as events, without a rule."""
    read = spark.read.text(str(files))
    kinds = schemas.EVENT.replace("occurred_at", "timestamp")
    return read.select(F.from_json("value", kinds).alias("event")).select("event.*")


def simulated_files(simulation: Simulation, folder: Path) -> Path:
    """The lines of a simulation as files."""
    lines = (line.text for line in with_dirt(good_events(simulation), simulation))
    names = part_names(simulation.name, parts=FILES)
    deliver(lines, count=summary(simulation).lines, names=names, inbox=folder)
    return folder


def produce(simulation: Simulation, topic: Kafka) -> None:
    """The lines of a simulation as messages."""
    to_topic(simulated(simulation), topic, name="produce", total=summary(simulation).lines)


@contextmanager
def memory() -> Iterator[list[int]]:
    """Bytes of this process and all below it, while it lasts."""
    seen: list[int] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.1):
            seen.append(sum(map(resident, family(os.getpid()))))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        stop.set()
        watcher.join()


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    try:
        said = [(task / "children").read_text().split() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []
    return [pid, *(member for children in said for child in children for member in family(int(child)))]


def resident(pid: int) -> int:
    """Bytes of a process that are in memory."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


if __name__ == "__main__":
    main()
