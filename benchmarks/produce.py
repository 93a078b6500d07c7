"""Simulated sales into a broker of one's own: kafka-python's `send` beside ours, the same messages, ratios first.

    python -m benchmarks.produce [--events 300000 --rounds 3]

Both are idempotent, keyed by user, compressed with lz4, and timed until the broker has acknowledged everything. Last,
the whole of `simulate --to kafka` in one process: simulating, encoding and sending.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

from kafka import KafkaProducer

sys.path.insert(0, str(Path(__file__).parent.parent))

from kafka_producer import broker as broker_
from kafka_producer import send
from kafka_producer.broker import Broker
from kafka_producer.delivery import simulated
from kafka_producer.send import Message
from kafka_producer.simulate import Simulation
from spark_app.blocks import Kafka


def main() -> None:
    """Start a broker, time both on it, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=39092)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(Path(folder), Kafka(bootstrap_servers=f"localhost:{asked.port}"))
        broker_.start(broker)
        try:
            compare(broker.kafka, Simulation(events=asked.events), asked.rounds)
        finally:
            broker_.stop(broker)


def compare(kafka: Kafka, simulation: Simulation, rounds: int) -> None:
    """Messages a second of each, median of some rounds."""
    chunks = list(simulated(simulation))
    count = sum(map(len, chunks))
    ways: dict[str, Callable[[], None]] = {
        "kafka-python's send": lambda: one_by_one(kafka, chunks),
        "ours": lambda: in_batches(kafka, chunks),
        "ours, simulating too": lambda: in_batches(kafka, simulated(simulation)),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            begun = time.perf_counter()
            way()
            rates[name].append(count / (time.perf_counter() - begun))
    theirs = median(rates["kafka-python's send"])
    print(f"{count:,} messages, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    for name, found in rates.items():
        print(f"{median(found) / theirs:5.1f} x  {median(found):>9,.0f} a second  {name}")


def one_by_one(kafka: Kafka, chunks: list[list[Message]]) -> None:
    """As anyone would write it, with large batches."""
    producer = KafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers,
        compression_type=send.COMPRESSION,
        batch_size=send.BATCH_BYTES,
        linger_ms=50,
        metrics_enabled=False,
    )
    for chunk in chunks:
        for key, value in chunk:
            producer.send(kafka.topic, value, key=key)
    producer.flush()
    producer.close()


def in_batches(kafka: Kafka, chunks: Iterable[list[Message]]) -> None:
    """As `simulate --to kafka` does."""
    with send.opened(kafka) as outbox:
        for chunk in chunks:
            outbox.send(chunk)


if __name__ == "__main__":
    main()
