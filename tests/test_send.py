"""Messages through a real broker, and the bytes that kafka-python itself would have sent."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.util import encode_varint

from kafka_producer import broker as broker_
from kafka_producer import send
from kafka_producer.dirt import summary, with_dirt
from kafka_producer.send import DeliveryError, Message
from kafka_producer.simulate import Simulation, good_events
from spark_app.blocks import Kafka
from spark_app.intake import topic

on_a_broker = pytest.mark.kafka
messages = st.lists(st.builds(Message, st.none() | st.binary(max_size=40), st.binary(max_size=300)), min_size=1)


@given(messages)
def test_records_are_the_bytes_that_kafka_python_would_have_made(some):
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, batch_size=1 << 30)
    for place, message in enumerate(some):
        builder.append(place, 1_700_000_000_000, message.key, message.value, [])
    assert send.encoded(some) == bytes(builder.build()[DefaultRecordBatch.HEADER_STRUCT.size :])


@given(st.integers(0, 2**40))
def test_numbers_are_written_as_kafka_python_writes_them(number):
    written = bytearray()
    encode_varint(number, written.append)
    assert send.varint(number) == bytes(written)


@given(messages)
def test_batches_hold_all_messages_in_order_and_none_is_too_full(some):
    found = list(send.batches(some * 50))
    assert [message for batch in found for message in batch] == some * 50
    for batch in found:
        assert len(batch) == 1 or sum(len(message.value) for message in batch) <= send.BATCH_BYTES


def held(kafka):
    """Partition -> its messages as (key, value), all that the topic holds."""
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest")
    ends = {TopicPartition(kafka.topic, place): end for place, (_, end) in topic.offsets(kafka).items()}
    consumer.assign(list(ends))
    found = defaultdict(list)
    while any(consumer.position(partition) < end for partition, end in ends.items()):
        for partition, records in consumer.poll(timeout_ms=500).items():
            found[partition.partition] += [(record.key, record.value) for record in records]
    consumer.close()
    return found


def run(kafka, *arguments, **options):
    environment = os.environ | {
        "MILLSTREAM_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "MILLSTREAM_KAFKA__TOPIC": kafka.topic,
    }
    command = [sys.executable, "-m", "kafka_producer", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, text=True, stderr=subprocess.PIPE, **options)


@on_a_broker
def test_what_is_sent_is_there_once_and_in_order_for_each_user(kafka):
    sent = [Message(b"user %d" % (number % 50), b"%d" % number) for number in range(20_000)]
    with send.opened(kafka) as outbox:
        outbox.send(sent[:12_000])
        outbox.send(sent[12_000:])
        outbox.flush()
        assert (outbox.sent, outbox.acknowledged) == (20_000, 20_000)
    found = held(kafka)
    assert Counter(message for partition in found.values() for message in partition) == Counter(sent)
    for partition in found.values():
        for user in {key for key, _ in partition}:
            mine = [int(value) for key, value in partition if key == user]
            assert mine == sorted(mine)


@on_a_broker
def test_a_user_goes_where_other_clients_put_the_same_key(kafka):
    users = [b"user %d" % number for number in range(100)]
    with send.opened(kafka) as outbox:
        outbox.send([Message(user, b"ours") for user in users])
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
    for user in users:
        producer.send(kafka.topic, b"theirs", key=user)
    producer.close()
    for partition in held(kafka).values():
        assert {key for key, value in partition if value == b"ours"} == {
            key for key, value in partition if value == b"theirs"
        }


@on_a_broker
def test_messages_without_a_user_are_spread_over_the_partitions(kafka):
    for _ in range(4):
        with send.opened(kafka) as outbox:
            for number in range(8):
                outbox.send([Message(None, b"%d" % number)])
    assert sum(end for _, end in topic.offsets(kafka).values()) == 32
    assert all(end for _, end in topic.offsets(kafka).values())


@on_a_broker
def test_a_message_that_the_broker_does_not_take_is_an_error_with_the_count(kafka):
    refused = pytest.raises(DeliveryError, match=r"1 of 3 messages were not acknowledged: .*[Tt]oo ?[Ll]arge")
    with refused, send.opened(kafka) as outbox:
        outbox.send([Message(b"ann", b"one"), Message(b"ann", b"two")])
        outbox.flush()
        outbox.send([Message(b"ann", os.urandom(2_000_000))])
    assert sum(end for _, end in topic.offsets(kafka).values()) == 2


@on_a_broker
@pytest.mark.slow
def test_a_broker_killed_on_the_way_and_started_again_gets_each_message_once(own_broker):
    process = broker_.start(own_broker)
    said = []
    with send.opened(own_broker.kafka, said.append) as outbox:
        for number in range(12):
            outbox.send([Message(b"user %d" % place, b"%d %d" % (number, place)) for place in range(500)])
            if number == 4:
                process.kill()
                process.wait()
            if number == 8:
                assert broker_.start(own_broker)
    assert outbox.acknowledged == 6_000
    assert len(said) in (0, 2)
    found = Counter(value for partition in held(own_broker.kafka).values() for _, value in partition)
    assert len(found) == 6_000
    assert set(found.values()) == {1}


@on_a_broker
def test_the_command_sends_every_line_of_the_simulation_and_says_how_many(kafka):
    done = run(kafka, "simulate", "--to", "kafka", "--events", 2000)
    said = done.communicate(timeout=60)[1]
    simulation = Simulation(events=2000)
    assert done.returncode == 0, said
    assert f"{summary(simulation).lines:,} messages sent" in said and "all acknowledged" in said
    lines = Counter(line.text.encode() for line in with_dirt(good_events(simulation), simulation))
    found = held(kafka)
    assert Counter(value for partition in found.values() for _, value in partition) == lines
    for key, value in (message for partition in found.values() for message in partition[:100]):
        if value.startswith(b"{") and value.endswith(b"}}"):
            assert json.loads(value)["user"].encode() == key


@on_a_broker
def test_ctrl_c_ends_it_with_what_was_sent_and_says_how_many(kafka):
    running = run(kafka, "simulate", "--to", "kafka", "--rate", 200)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        time.sleep(0.3)
        try:
            if sum(end for _, end in topic.offsets(kafka).values()) > 100:
                break
        except topic.TopicMissingError:
            continue
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=30)[1]
    sent = sum(end for _, end in topic.offsets(kafka).values())
    assert running.returncode == 130, said
    assert f"stopped: {sent:,} messages sent" in said and "all acknowledged" in said
    assert len(said.splitlines()) == 1


def test_without_a_broker_the_command_says_so_in_one_line_within_ten_seconds():
    begun = time.monotonic()
    done = run(Kafka(bootstrap_servers="localhost:1"), "simulate", "--to", "kafka", "--events", 10)
    said = done.communicate(timeout=30)[1]
    assert done.returncode == 1
    assert said.startswith("error: no broker answers at localhost:1") and len(said.splitlines()) == 1
    assert time.monotonic() - begun < 10
