"""Messages in, acknowledgements out: the one file here that imports kafka.

kafka-python's own `send` takes 18 us a message, most of it for a future and three objects that nobody looks at. Here
it is given whole batches: their records are encoded in one go, and all else (idempotence, retries, order, compression,
the connection) is its own. For that a few lines use what it keeps to itself; its version is pinned, and test_send.py
holds them.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import NamedTuple

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaTimeoutError
from kafka.partitioner.default import murmur2
from kafka.producer.future import FutureProduceResult
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder

from spark_app.blocks import Kafka
from spark_app.intake import connection, topic

CONNECTS_WITHIN = 5.0  # seconds
QUIET_FOR = 5.0
DELIVERS_WITHIN = 120.0
COMPRESSION = "lz4"
BATCH_BYTES = 400_000  # before compression; a broker takes 1 MB if it is not told otherwise
WAITING_BATCHES = 64
_FORMAT = 2

Say = Callable[[str], None]


class Message(NamedTuple):
    """A message; those with the same key stay in order."""

    key: bytes | None
    value: bytes


class DeliveryError(RuntimeError):
    """Not all that was sent has been acknowledged; the message says how much, and why."""


class Outbox:
    """A topic that is written to. `acknowledged` counts what the broker is known to hold."""

    def __init__(self, producer: KafkaProducer, kafka: Kafka, say: Say) -> None:
        self.sent = 0
        self._say = say
        self.acknowledged = 0
        self._producer = producer
        self._kafka = kafka
        places = sorted(producer.partitions_for(kafka.topic))
        self._partitions = [TopicPartition(kafka.topic, place) for place in places]
        self._waiting: deque[tuple[FutureProduceResult, int]] = deque()
        # Users come again: the hash of a key takes longer than all else that is done with its message.
        self._place_of: Callable[[bytes], int] = lru_cache(maxsize=1 << 18)(self._hashed)

    def send(self, messages: Sequence[Message]) -> None:
        """Hand messages over, in their order, and go on before they are acknowledged; DeliveryError when one failed.

        Waits when too much is on its way.
        """
        by_place = defaultdict[int, list[Message]](list)
        for message in messages:
            place = self.sent % len(self._partitions) if message.key is None else self._place_of(message.key)
            by_place[place].append(message)
        for place, mine in by_place.items():
            for batch in batches(mine):
                self._hand_over(self._partitions[place], batch)
        self._settle(WAITING_BATCHES)

    def flush(self) -> None:
        """Wait until all is acknowledged; DeliveryError when something is not."""
        self._settle(0)

    def _hashed(self, key: bytes) -> int:
        """The partition that Kafka's own clients choose for a key."""
        return int(murmur2(key) & 0x7FFFFFFF) % len(self._partitions)

    def _hand_over(self, partition: TopicPartition, messages: Sequence[Message]) -> None:
        """What KafkaProducer.send does when a batch is full."""
        accumulator = self._producer._accumulator
        batch = ProducerBatch(partition, filled(messages, accumulator.config["compression_attrs"]))
        with accumulator._tp_lock(partition):
            accumulator._batches[partition].append(batch)
            accumulator._incomplete.add(batch)
        self._producer._sender.wakeup()
        self._waiting.append((batch.produce_future, len(messages)))
        self.sent += len(messages)

    def _settle(self, most: int) -> None:
        """Count what has been answered, and wait until no more than `most` batches are on their way."""
        while self._waiting and (len(self._waiting) > most or self._waiting[0][0].is_done):
            answer, count = self._waiting.popleft()
            if not self._answered(answer):
                raise self._failure("no answer came")
            _, _, error_of = answer.value
            if error_of is not None:
                raise self._failure(str(topic.named(error_of(0), self._kafka)))
            self.acknowledged += count

    def _answered(self, answer: FutureProduceResult) -> bool:
        """Wait for the broker, and say so when it takes long; kafka-python itself gives up in the end."""
        if answer.wait(QUIET_FOR):
            return bool(answer.is_done)
        where = self._kafka.bootstrap_servers
        self._say(f"{where} has not answered for {QUIET_FOR:.0f} s: waiting up to {DELIVERS_WITHIN:.0f} s")
        came = bool(answer.wait(DELIVERS_WITHIN + QUIET_FOR) and answer.is_done)
        if came and answer.value[2] is None:
            self._say(f"{where} answers again")
        return came

    def _failure(self, why: str) -> DeliveryError:
        """Count also what was acknowledged behind the one that failed, and expect nothing more."""
        self.acknowledged += sum(count for answer, count in self._waiting if answer.is_done and not answer.value[2])
        self._waiting.clear()
        lost = self.sent - self.acknowledged
        return DeliveryError(f"{lost:,} of {self.sent:,} messages were not acknowledged: {why}")


@contextmanager
def opened(kafka: Kafka, say: Say = lambda _: None) -> Iterator[Outbox]:
    """A topic to write to; made by the broker if it may. At the end all is flushed, also after Ctrl-C.

    `say` is told when the broker goes away and when it is back. Raises a topic.TopicError within seconds when it cannot
    be reached, DeliveryError when something got lost.
    """
    with topic.in_words(kafka):
        producer = _connected(kafka)
        try:
            outbox = Outbox(producer, kafka, say)
            try:
                yield outbox
            finally:
                outbox.flush()
        finally:
            # What it could not send by now has been reported.
            with suppress(KafkaTimeoutError):
                producer.close(timeout=1)


def batches(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Messages of one partition, cut where a batch is full."""
    first, size = 0, 0
    for place, (key, value) in enumerate(messages):
        bytes_of = len(value) + len(key or b"") + 16
        if size and size + bytes_of > BATCH_BYTES:
            yield messages[first:place]
            first, size = place, 0
        size += bytes_of
    yield messages[first:]


def filled(messages: Sequence[Message], compression: int) -> MemoryRecordsBuilder:
    """A builder that holds these records and takes no more."""
    now = int(time.time() * 1000)
    records = MemoryRecordsBuilder(_FORMAT, compression, batch_size=1)
    builder = records._builder
    builder._buffer += encoded(messages)
    builder._num_records, builder._last_offset = len(messages), len(messages) - 1
    builder._first_timestamp = builder._max_timestamp = now
    records._next_offset = len(messages)
    return records


def encoded(messages: Sequence[Message]) -> bytes:
    """Records of format 2, all of one time, without headers.

    https://kafka.apache.org/documentation/#record: length, attributes, time delta, offset delta, key, value, headers.
    """
    parts: list[bytes] = []
    for place, (key, value) in enumerate(messages):
        named = b"\1" if key is None else varint(len(key)) + key
        head = b"\0\0" + varint(place) + named + varint(len(value))
        parts += (varint(len(head) + len(value) + 1), head, value, b"\0")
    return b"".join(parts)


@lru_cache(maxsize=1 << 16)
def varint(number: int) -> bytes:
    """A number from 0 up, zigzag and seven bits a byte, the lowest first."""
    left, found = number << 1, bytearray()
    while left > 0x7F:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    found.append(left)
    return bytes(found)


def _connected(kafka: Kafka) -> KafkaProducer:
    milliseconds = round(CONNECTS_WITHIN * 1000)
    return KafkaProducer(
        **connection.for_python(kafka),
        enable_idempotence=True,
        compression_type=COMPRESSION,
        bootstrap_timeout_ms=milliseconds,
        max_block_ms=milliseconds,
        reconnect_backoff_max_ms=2000,
        delivery_timeout_ms=round(DELIVERS_WITHIN * 1000),
        metrics_enabled=False,
    )
