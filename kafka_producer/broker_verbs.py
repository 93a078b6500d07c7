"""The verbs of the broker: start it, stop it, or run it until Ctrl-C."""

import typer

from kafka_producer import broker as broker_
from kafka_producer.broker import Broker, BrokerError
from kafka_producer.demo import launch
from kafka_producer.progress import say
from spark_app.settings import PREFIX, load

NEXT = """\
In another terminal:
  make run SOURCE=kafka                                   simulated sales through this broker, once
  python -m kafka_producer simulate --to kafka --rate 50  fifty events a second
  python -m spark_app run --source kafka                  take in what is there
Ctrl-C ends it; what it holds is kept."""

app = typer.Typer(help="A Kafka broker of one's own on this machine, without Docker.")


@app.command(epilog="Example: python -m kafka_producer broker start")
def start() -> None:
    """Start it in the background and wait until it answers; nothing happens when it runs already."""
    launch(_own())


@app.command(epilog="Example: python -m kafka_producer broker stop")
def stop() -> None:
    """End it in good order. What it holds is kept."""
    own = _own()
    say(f"the broker is stopped; {own.home} keeps its messages" if broker_.stop(own) else "no broker runs here")


@app.command(epilog="Example: python -m kafka_producer broker run")
def run() -> None:
    """Run it until Ctrl-C; the same as `make kafka`."""
    own = _own()
    process = launch(own)
    if process is None:
        return
    say(NEXT)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        code = 0
    finally:
        broker_.stop(own)
    if code:
        raise BrokerError(f"the broker ended (code {code}), see {own.log}; started again it has all that it had")
    say(f"the broker is stopped; {own.home} keeps its messages")


def _own() -> Broker:
    settings = load()
    protocol = settings.kafka.security.protocol
    if protocol != "PLAINTEXT":
        raise BrokerError(f"{PREFIX}KAFKA__SECURITY__PROTOCOL={protocol}: a broker of one's own speaks PLAINTEXT")
    return Broker(settings.data_dir / "kafka", settings.kafka)
