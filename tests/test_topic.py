"""What a real broker says of a topic: in the open, and behind TLS and a login."""

import subprocess
import threading
import time
from dataclasses import replace
from threading import Thread

import pytest
from test_send import held

from kafka_producer import broker as broker_
from kafka_producer import send
from kafka_producer.send import DeliveryError, Message
from spark_app import sources
from spark_app.blocks import Kafka
from spark_app.intake import topic

pytestmark = pytest.mark.kafka

MODULES = "org.apache.kafka.common.security"
AUTHORITY = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """(certificate that is its own authority, its key, both in one file)"""
    home = tmp_path_factory.mktemp("certificates")
    certificate, key, both = home / "ca.pem", home / "key.pem", home / "both.pem"
    names = ("-addext", "subjectAltName=DNS:localhost")
    made = [*AUTHORITY, *names, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    both.write_text(key.read_text() + certificate.read_text())
    return certificate, key, both


@pytest.fixture(scope="module")
def secured(tmp_path_factory, new_broker, certificate):
    """A broker behind SASL_SSL that knows ann and, without any rights, bob by PLAIN, and cleo by SCRAM."""
    known = 'username="ann" password="wonder" user_ann="wonder" user_bob="b"'
    properties = {
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,CLIENTS:SASL_SSL",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.clients.plain.sasl.jaas.config": f"{MODULES}.plain.PlainLoginModule required {known};",
        "listener.name.clients.scram-sha-256.sasl.jaas.config": f"{MODULES}.scram.ScramLoginModule required;",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificate[2]),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificate[0]),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ann;User:cleo;User:ANONYMOUS",
    }
    users = ["SCRAM-SHA-256=[name=cleo,password=quiet]"]
    own = new_broker(tmp_path_factory.mktemp("secured"))
    login = {"protocol": "SASL_SSL", "ca_file": certificate[0], "user": "ann", "password": "wonder"}
    own = replace(own, kafka=as_user(own.kafka, **login), properties=properties, users=users)
    broker_.start(own)
    yield own.kafka
    broker_.stop(own)


def as_user(kafka, **login):
    return Kafka.model_validate(kafka.model_dump() | {"security": kafka.security.model_dump() | login})


def write(kafka, count):
    with send.opened(kafka) as outbox:
        outbox.send([Message(b"user %d" % number, b"{}") for number in range(count)])


@pytest.fixture
def sender(kafka):
    own = topic.Sender(kafka)
    yield own
    own.close()


def places(kafka):
    """Value of a message -> its partition and its place there."""
    found = {}
    for partition, messages in held(kafka).items():
        found |= {value: (partition, place) for place, (_, value) in enumerate(messages)}
    return found


def test_what_a_sender_has_sent_is_there_by_user_and_in_order(kafka, sender):
    for first in range(0, 200, 20):
        numbers = range(first, first + 20)
        sender.send([(b"user %d" % (number % 5), b"%d" % number) for number in numbers])
        assert sum(end for _, end in topic.offsets(kafka).values()) == first + 20
    found = places(kafka)
    assert len(found) == 200
    for user in range(5):
        mine = [found[b"%d" % number] for number in range(user, 200, 5)]
        assert mine == sorted(mine) and len({partition for partition, _ in mine}) == 1


def test_a_sender_has_its_answer_within_milliseconds(sender):
    sender.send([(b"ann", b"{}")])
    begun = time.monotonic()
    for _ in range(20):
        sender.send([(b"ann", b"{}")])
    assert time.monotonic() - begun < 2


def test_many_threads_may_send(kafka, sender):
    threads = [Thread(target=sender.send, args=([(b"ann", b"%d" % number)],)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(places(kafka)) == 20


def test_a_message_that_is_too_large_is_named_and_the_next_is_sent(kafka, sender):
    with pytest.raises(topic.TopicError, match=r"larger|too ?large|TooLarge"):
        sender.send([(b"ann", b"x" * 2_000_000)])
    sender.send([(b"ann", b"{}")])
    assert list(places(kafka)) == [b"{}"]


def test_a_sender_waits_for_a_broker_that_is_away_no_longer_than_it_was_told():
    away = topic.Sender(Kafka(bootstrap_servers="localhost:1"), timeout=0.5)
    begun = time.monotonic()
    with pytest.raises(topic.BrokerAwayError, match="no broker answers at localhost:1"):
        away.send([(b"ann", b"{}")])
    assert time.monotonic() - begun < 5
    away.close()


@pytest.mark.slow
def test_a_sender_lives_through_a_broker_that_goes_and_comes_back(own_broker):
    sender = topic.Sender(own_broker.kafka, timeout=2.0)
    with pytest.raises(topic.BrokerAwayError):
        sender.send([(b"ann", b"too early")])
    process = broker_.start(own_broker)
    sender.send([(b"ann", b"one")])
    process.kill()
    process.wait()
    begun = time.monotonic()
    with pytest.raises(topic.BrokerAwayError, match=f"no broker answers at {own_broker.kafka.bootstrap_servers}"):
        sender.send([(b"ann", b"lost")])
    assert time.monotonic() - begun < 10
    broker_.start(own_broker)
    sender.send([(b"ann", b"two")])
    sender.close()
    assert list(places(own_broker.kafka)) == [b"one", b"two"]
    assert not [thread.name for thread in threading.enumerate() if "producer" in thread.name]


@pytest.mark.slow
def test_a_sender_is_told_that_its_password_is_wrong(secured):
    with pytest.raises(topic.TopicError, match=r"refuses? the user") as refusal:
        topic.Sender(as_user(secured, password="canary")).send([(b"ann", b"{}")])
    assert "canary" not in str(refusal.value)


def test_offsets_count_what_each_partition_holds(kafka):
    write(kafka, 100)
    offsets = topic.offsets(kafka)
    assert list(offsets) == list(range(broker_.PARTITIONS))
    assert {earliest for earliest, _ in offsets.values()} == {0}
    assert sum(end for _, end in offsets.values()) == 100


def test_a_missing_topic_is_named_and_not_made(kafka):
    for _ in range(2):
        with pytest.raises(topic.TopicMissingError, match=f"has no topic '{kafka.topic}'"):
            topic.offsets(kafka)


def test_a_broker_that_is_away_is_named_within_seconds():
    away = Kafka(bootstrap_servers="localhost:1")
    assert not topic.is_reachable(away, timeout=0.5)
    with pytest.raises(topic.BrokerAwayError, match=f"no broker answers at {away.bootstrap_servers}"):
        topic.offsets(away, timeout=0.5)


@pytest.mark.parametrize(
    "login",
    [{}, {"mechanism": "SCRAM-SHA-256", "user": "cleo", "password": "quiet"}],
    ids=["PLAIN", "SCRAM-SHA-256"],
)
def test_what_is_sent_behind_tls_and_a_login_is_there(secured, login):
    kafka = as_user(secured, **login).model_copy(update={"topic": f"of-{login.get('user', 'ann')}"})
    write(kafka, 50)
    assert sum(end for _, end in topic.offsets(kafka).values()) == 50


def test_spark_reads_a_topic_behind_tls_and_a_login(spark, settings, secured, tmp_path):
    kafka = secured.model_copy(update={"topic": "read-by-spark"})
    write(kafka, 20)
    stream = sources.kafka(spark, settings.model_copy(update={"kafka": kafka}))
    writer = stream.writeStream.format("memory").queryName("secured").option("checkpointLocation", str(tmp_path / "c"))
    query = writer.trigger(availableNow=True).start()
    query.awaitTermination()
    read = spark.table("secured")
    assert read.count() == 20
    assert {row.source for row in read.select("source").collect()} == {"kafka:read-by-spark"}


@pytest.mark.slow
@pytest.mark.parametrize("login", [{"password": "canary"}, {"user": "nobody"}], ids=["password", "user"])
def test_a_wrong_password_is_said_without_showing_it(secured, login):
    # A broker that closes the connection may cut its own refusal short; then the error says that this may be why.
    with pytest.raises(topic.TopicError, match=r"refuses? the user") as refusal:
        topic.offsets(as_user(secured, **login), timeout=5)
    assert "canary" not in str(refusal.value)


def test_a_user_without_rights_is_told_so(secured):
    bob = as_user(secured, user="bob", password="b").model_copy(update={"topic": "not-for-bob"})
    write(secured.model_copy(update={"topic": "not-for-bob"}), 1)
    with pytest.raises(topic.TopicError, match="not-for-bob"):
        topic.offsets(bob)
    with pytest.raises((topic.TopicError, DeliveryError), match="not-for-bob"):
        write(bob, 1)


def test_an_authority_that_is_not_ours_is_named_as_the_reason(secured, tmp_path):
    other = tmp_path / "other.pem"
    subprocess.run([*AUTHORITY, "-keyout", "/dev/null", "-out", str(other)], check=True, capture_output=True)
    with pytest.raises(topic.BrokerAwayError, match="CERTIFICATE_VERIFY_FAILED"):
        topic.offsets(as_user(secured, ca_file=other), timeout=2)
