"""`make run SOURCE=kafka`: a broker, simulated sales in its topic, and the pipeline that reads them.

The broker is the one that `make kafka` runs, in the same folder. It is stopped at the end only if it was started here.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kafka_producer import broker as broker_
from kafka_producer import dirt
from kafka_producer.broker import Broker
from kafka_producer.delivery import simulated, to_topic
from kafka_producer.progress import say
from kafka_producer.simulate import Simulation
from spark_app.intake import topic
from spark_app.settings import PREFIX, Settings


def run(settings: Settings, simulation: Simulation) -> int:
    """All of it; gives the exit code of the pipeline. Raises BrokerError, TopicError or DeliveryError."""
    with reachable(Broker(settings.data_dir / "kafka", settings.kafka)):
        produce(settings, simulation)
        data = str(settings.data_dir / "demo")
        pipeline = [sys.executable, "-m", "spark_app", "run", "--source", "kafka"]
        return _ended(subprocess.Popen(pipeline, env=os.environ | {f"{PREFIX}DATA_DIR": data}))


def produce(settings: Settings, simulation: Simulation) -> None:
    """Send a simulation unless the topic holds as many messages already."""
    lines, held = dirt.summary(simulation).lines, held_messages(settings)
    if held >= lines:
        say(f"the topic {settings.kafka.topic} holds {held:,} messages: nothing produced")
        return
    to_topic(simulated(simulation), settings.kafka, name="simulate", total=lines)


def held_messages(settings: Settings) -> int:
    """How many the topic holds, 0 where there is none yet."""
    try:
        return sum(end - earliest for earliest, end in topic.offsets(settings.kafka).values())
    except topic.TopicMissingError:
        return 0


@contextmanager
def reachable(broker: Broker) -> Iterator[None]:
    """A broker that answers: one that is there, whoever runs it, else one of our own for as long as this lasts."""
    started = None if topic.is_reachable(broker.kafka, timeout=2) else launch(broker)
    try:
        yield
    finally:
        if started:
            broker_.stop(broker)
            say(f"the broker is stopped; {broker.home} keeps its messages")


def launch(broker: Broker) -> subprocess.Popen[bytes] | None:
    """Start a broker and say where; None when it runs already."""
    address = broker.address
    if not broker_.has_jars():
        say(f"fetching Kafka {broker_.VERSION} from Maven (43 MB, once)")
    process = broker_.start(broker)
    state = "listens" if process else "listens already"
    say(f"Kafka {state} on {address}; its folder is {broker.home}")
    return process


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for a program that ends in good order by itself, also after Ctrl-C."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()
        raise
    except SystemExit:
        process.terminate()
        process.wait()
        raise
