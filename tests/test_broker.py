"""A broker of one's own: started, stopped, killed, in the way of others; what it acknowledged stays."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from kafka_producer import broker as broker_
from kafka_producer import demo, send
from kafka_producer.broker import Broker, BrokerError
from kafka_producer.dirt import summary
from kafka_producer.send import Message
from kafka_producer.simulate import Simulation
from spark_app.blocks import Kafka
from spark_app.intake import topic
from spark_app.running.java import NoJavaError

on_a_broker = pytest.mark.kafka


def ends(kafka):
    return sum(end for _, end in topic.offsets(kafka).values())


def verb(broker, *words, **environment):
    """A command whose data folder is that of this broker."""
    settings = {
        "MILLSTREAM_DATA_DIR": str(broker.home.parent),
        "MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS": broker.kafka.bootstrap_servers,
    }
    command = [sys.executable, "-m", "kafka_producer", "broker", *words]
    return subprocess.Popen(command, env=os.environ | settings | environment, text=True, stderr=subprocess.PIPE)


def ended(process):
    """(exit code, what it said)"""
    said = process.communicate(timeout=60)[1]
    return process.returncode, said


@on_a_broker
@pytest.mark.slow
def test_a_broker_that_was_killed_has_all_that_it_had(own_broker):
    assert not broker_.is_running(own_broker)
    process = broker_.start(own_broker)
    with send.opened(own_broker.kafka) as outbox:
        outbox.send([Message(b"ann", b"{}")] * 10)
    process.kill()
    process.wait()
    assert not broker_.is_running(own_broker)
    broker_.start(own_broker)
    assert ends(own_broker.kafka) == 10
    assert broker_.stop(own_broker)
    assert not broker_.is_running(own_broker)


@on_a_broker
def test_a_broker_that_runs_is_not_started_again(broker):
    assert broker_.start(broker) is None
    assert broker_.is_running(broker)


@on_a_broker
def test_a_broker_that_does_not_run_is_not_stopped(own_broker):
    assert not broker_.stop(own_broker)
    own_broker.home.mkdir()
    # Left behind by a machine that lost its power; the number may be anybody's by now.
    (own_broker.home / "pid").write_text(str(os.getpid()))
    assert not broker_.stop(own_broker)


@on_a_broker
def test_the_verbs_start_run_and_stop_it(own_broker):
    running = verb(own_broker, "run")
    assert running.stderr.readline().startswith(f"Kafka listens on {own_broker.address}; its folder is ")
    again, said = ended(verb(own_broker, "start"))
    assert (again, said.startswith("Kafka listens already on")) == (0, True)
    running.send_signal(signal.SIGINT)
    said = running.stderr.read()
    assert running.wait(timeout=60) == 0
    assert "make run SOURCE=kafka" in said and "the broker is stopped" in said
    assert ended(verb(own_broker, "stop")) == (0, "no broker runs here\n")
    assert not broker_.is_running(own_broker)


@pytest.mark.parametrize(
    ("environment", "code", "named"),
    [
        ({"MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS": "shop.example.com:9092"}, 1, "shop.example.com:9092: expected one"),
        ({"MILLSTREAM_KAFKA__SECURITY__PROTOCOL": "SSL"}, 1, "PROTOCOL=SSL: a broker of one's own speaks PLAINTEXT"),
        ({"MILLSTREAM_KAFKA__SECURITY__PROTOCOL": "TLS"}, 2, "PROTOCOL=TLS: input should be"),
    ],
)
def test_what_cannot_be_started_is_one_line(tmp_path, environment, code, named):
    ended_with, said = ended(verb(Broker(tmp_path / "kafka", Kafka()), "start", **environment))
    assert (ended_with, len(said.splitlines())) == (code, 1)
    assert named in said


@on_a_broker
def test_a_port_that_is_taken_is_named(own_broker):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"localhost:{taken.getsockname()[1]}"
        with pytest.raises(BrokerError, match=f"port {taken.getsockname()[1]} is held by another program"):
            broker_.start(replace(own_broker, kafka=Kafka(bootstrap_servers=address)))


def test_jars_that_cannot_be_fetched_are_one_line_and_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(broker_, "CACHE", tmp_path)
    monkeypatch.setattr(broker_, "JARS", tmp_path / "kafka-0")
    monkeypatch.setattr(broker_, "ARTEFACT", ("org.example.nobody", "nothing", "0"))
    with pytest.raises(BrokerError, match=r"org.example.nobody:nothing:0.* could not be fetched from Maven") as failure:
        broker_.jars()
    assert "\n" not in str(failure.value)
    assert list(tmp_path.iterdir()) == []


@on_a_broker
def test_without_a_java_it_says_what_to_install(own_broker, monkeypatch):
    def nothing():
        raise NoJavaError("Java 17 or 21 is needed")

    monkeypatch.setattr(broker_.java, "home", nothing)
    with pytest.raises(NoJavaError, match="Java 17 or 21"):
        broker_.start(own_broker)
    monkeypatch.undo()
    assert not broker_.is_running(own_broker)


@on_a_broker
def test_the_demo_sends_its_sales_once(settings, kafka, capsys):
    settings = settings.model_copy(update={"kafka": kafka})
    simulation = Simulation(events=500)
    for _ in range(2):
        demo.produce(settings, simulation)
    assert ends(kafka) == summary(simulation).lines
    assert "nothing produced" in capsys.readouterr().err


@on_a_broker
def test_a_broker_that_was_there_before_is_left_running(broker):
    with demo.reachable(broker):
        pass
    assert broker_.is_running(broker)


@on_a_broker
def test_a_broker_started_for_a_while_is_stopped_also_on_failure(own_broker):
    with pytest.raises(ZeroDivisionError), demo.reachable(own_broker):
        assert topic.is_reachable(own_broker.kafka)
        _ = 1 / 0
    assert not broker_.is_running(own_broker)
