"""What goes wrong with a broker, on a real one: it is waited for or said in words; nothing is lost, nothing doubled."""

import json
import random
from datetime import UTC, datetime

import pytest
from cases import CASES, NOW
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import NewPartitions
from test_following import Followed, followed, numbered, produce, taken, wait_for
from test_ledger import part

from kafka_producer import broker as broker_
from kafka_producer import send
from kafka_producer.send import Message
from spark_app import following, ingestion
from spark_app.ingestion import IntakeError
from spark_app.intake import checks
from spark_app.schemas import EVENT_WEIGHTS
from spark_app.storage import checkpoints, ledger, tables

pytestmark = [pytest.mark.chaos, pytest.mark.kafka]


@pytest.fixture
def cost(settings, report):
    """Reports a fault with what is missing and what is there twice, and asserts that it is nothing."""

    def told(fault, runs, expected):
        held = taken(settings)
        lost, doubled = len(set(expected) - set(held)), len(held) - len(set(held))
        counts = ledger.counts(settings)
        report(fault, runs, lost, doubled)
        assert counts.read == counts.accepted + counts.duplicates + sum(counts.rejected.values())
        assert (lost, doubled, held) == (0, 0, sorted(expected))
        assert not ledger.is_cut_short(settings)

    return told


@pytest.mark.slow
def test_a_broker_that_dies_and_comes_back_costs_nothing_and_is_two_lines(spark, settings, own_broker, cost):
    process = broker_.start(own_broker)
    produce(own_broker.kafka, 0, 300)
    with Followed(spark, followed(settings, own_broker.kafka)) as stream:
        for first in (300, 600):
            wait_for(lambda taken=first: stream.intake.read == taken, 120)
            process.kill()
            process.wait()
            wait_for(lambda: len(stream.told) % 2)
            process = broker_.start(own_broker)
            produce(own_broker.kafka, first, 300)
        wait_for(lambda: stream.intake.accepted == 900, 120)
    assert stream.error is None
    assert ["answers again" in line for line in stream.told] == [False, True] * 2
    cost("broker killed and started again", 2, numbered(900))


def test_a_topic_that_is_missing_then_empty_is_waited_for(spark, settings, kafka, cost):
    with Followed(spark, followed(settings, kafka)) as stream:
        wait_for(lambda: stream.told)
        produce(kafka, 0, 0)
        produce(kafka, 0, 20)
        wait_for(lambda: stream.intake.accepted == 20)
    assert "has no topic" in stream.told[0] and len(stream.told) == 2
    cost("topic missing", 1, numbered(20))


def test_an_empty_topic_is_no_error(spark, settings, kafka):
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    admin.create_topics({kafka.topic: {"num_partitions": 2, "replication_factor": 1}})
    admin.close()
    settings = followed(settings, kafka)
    assert following.take_topic(spark, settings).read == 0
    produce(kafka, 0, 5)
    assert following.take_topic(spark, settings).accepted == 5


def test_after_a_lost_checkpoint_it_goes_on_where_the_ledger_ends(spark, settings, kafka, cost):
    settings = followed(settings, kafka)
    produce(kafka, 0, 50)
    assert following.take_topic(spark, settings).accepted == 50
    for left in (settings.data_dir / "checkpoints").iterdir():
        left.rename(settings.data_dir / "lost")
    produce(kafka, 50, 10)
    assert following.take_topic(spark, settings).read == 10
    cost("the whole checkpoint of a topic lost", 1, numbered(60))


def test_each_event_sent_one_to_three_times_counts_once(spark, settings, kafka, cost):
    settings, chance = followed(settings, kafka), random.Random(5)
    times = 0
    for first in range(0, 60, 10):
        for _ in range(chance.randint(1, 3)):
            produce(kafka, first, 10)
            times += 1
    intake = following.take_topic(spark, settings)
    assert (intake.read, intake.accepted, intake.duplicates) == (times * 10, 60, times * 10 - 60)
    produce(kafka, 0, 5)
    assert following.take_topic(spark, settings).duplicates == 5
    cost("producer sends each event one to three times", times, numbered(60))


def test_partitions_that_are_added_are_read_from_their_beginning(spark, settings, kafka, cost):
    produce(kafka, 0, 40)
    before = len(ingestion.topic_.offsets(kafka))
    with Followed(spark, followed(settings, kafka)) as stream:
        wait_for(lambda: stream.intake.accepted == 40)
        admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
        admin.create_partitions({kafka.topic: NewPartitions(total_count=before + 3)})
        admin.close()
        wait_for(lambda: len(ingestion.topic_.offsets(kafka)) == before + 3)
        produce(kafka, 40, 200)
        wait_for(lambda: stream.intake.accepted == 240, 120)
    assert len(ledger.next_positions(settings, kafka.source)) > before
    cost("partitions added while it follows", 1, numbered(240))


def test_offsets_that_expired_before_they_were_taken_stop_it_in_words(spark, settings, kafka):
    settings = followed(settings, kafka)
    produce(kafka, 0, 100)
    place = next(name for name, (_, end) in ingestion.topic_.offsets(kafka).items() if end > 3)
    ledger.account(settings, [part(2, str(place), source=f"kafka:{kafka.topic}")], {}, None)
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    admin.delete_records({TopicPartition(kafka.topic, place): 3})
    admin.close()
    with pytest.raises(
        IntakeError, match=r"offsets 2 to 2 of partition .* 1 records are gone.*FAIL_ON_DATA_LOSS=false"
    ):
        following.take_topic(spark, settings)


def test_a_topic_made_anew_under_its_old_name_stops_it_in_words(spark, settings, kafka):
    settings = followed(settings, kafka)
    produce(kafka, 0, 10)
    ledger.account(settings, [part(5000, "0", source=f"kafka:{kafka.topic}")], {}, None)
    with pytest.raises(IntakeError, match=r"made anew under its old name.*MILLSTREAM_KAFKA__TOPIC"):
        following.take_topic(spark, settings)


def test_a_checkpoint_of_another_topic_is_refused_in_words(spark, settings, kafka):
    settings = followed(settings, kafka)
    produce(kafka, 0, 10)
    following.take_topic(spark, settings)
    (home,) = (settings.data_dir / "checkpoints").iterdir()
    other = settings.model_copy(update={"kafka": kafka.model_copy(update={"topic": f"{kafka.topic}-b"})})
    produce(other.kafka, 10, 10)
    home.rename(checkpoints.folder(other, other.kafka.source))
    with pytest.raises(checkpoints.CheckpointError, match=rf"holds offsets of topic '{kafka.topic}'.*doctor --repair"):
        following.take_topic(spark, other)
    checkpoints.repair(home.parent, [other.kafka.source])
    assert following.take_topic(spark, other).accepted == 10
    assert taken(settings) == numbered(20)


def is_ahead(value: bytes) -> bool:
    """Whether the verdict on a record is another one on another day."""
    days = (datetime.fromisoformat(NOW), datetime.now(UTC))
    one, other = (checks.judge(value, event_types=EVENT_WEIGHTS, now=day, received_at=day) for day in days)
    return type(one) is not type(other)


def test_every_kind_of_bad_record_has_its_reason_and_its_good_neighbours_live(spark, settings, kafka, report):
    """All cases as messages, an event with an id between any two.

    Left out are those with ids of their own, of which some are the same, and those ahead of the clock of the cases.
    """
    settings = followed(settings, kafka, max_rejected_share=1.0)
    cases = [case for case in CASES if b"event_id" not in case[1] and not is_ahead(case[1])]
    good = [{"user": "ann", "product": "lamp", "event_id": name} for name in numbered(len(cases))]
    with send.opened(kafka) as outbox:
        for (_, value, _), neighbour in zip(cases, good, strict=True):
            outbox.send([Message(b"x", value), Message(b"x", json.dumps(neighbour).encode())])
    intake = following.take_topic(spark, settings)
    reasons = [reason for *_, reason in cases if reason]
    assert intake.read == 2 * len(cases)
    assert intake.rejected == {reason: reasons.count(reason) for reason in set(reasons)}
    assert intake.accepted == 2 * len(cases) - len(reasons)
    held = [name for name in taken(settings) if not name.startswith("kafka:")]
    report("malformed records among good ones", len(reasons), len(set(numbered(len(cases))) - set(held)), 0)
    assert held == numbered(len(cases))
    rejected = tables.scan(settings, tables.QUARANTINE, ["value"])["value"].to_pylist()
    assert sorted(rejected) == sorted(value for _, value, reason in cases if reason)
