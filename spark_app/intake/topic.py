"""What a broker says of a topic, without Spark: settings in, offsets out, or an error in words within seconds.

Also what is sent to it, a few messages at a time. The one file of spark_app that imports a Kafka client.
"""

import logging
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import OffsetSpec

from spark_app.blocks import Kafka
from spark_app.intake import connection
from spark_app.running.errors import SaidError

TIMEOUT = 5.0
_LOGGER = "kafka"
_REFUSED = (kafka_errors.AuthorizationError, kafka_errors.SaslAuthenticationFailedError)


class TopicError(SaidError, RuntimeError):
    """The topic cannot be used; the message says why."""


class BrokerAwayError(TopicError):
    """Nothing answers where the broker should be, or nothing that speaks as the settings say."""


class LoginRefusedError(TopicError):
    """The broker does not take the user or the password."""


class NotAllowedError(TopicError):
    """The user may not do this with the topic."""


class TopicMissingError(TopicError):
    """The broker has no such topic."""


def offsets(kafka: Kafka, timeout: float = TIMEOUT) -> dict[int, tuple[int, int]]:
    """Partition -> (earliest offset, end offset: that of the next message); raises a TopicError."""
    with _asking(kafka, timeout) as admin:
        (said,) = admin.describe_topics([kafka.topic])
        _raise_for(said["error_code"], kafka)
        partitions = [TopicPartition(kafka.topic, one["partition_index"]) for one in said["partitions"]]
        earliest = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
        end = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    return {one.partition: (earliest[one].offset, end[one].offset) for one in sorted(partitions)}


def is_reachable(kafka: Kafka, timeout: float = TIMEOUT) -> bool:
    """Whether a broker answers and lets us in; LoginRefusedError when it answers and does not."""
    try:
        with _asking(kafka, timeout):
            return True
    except BrokerAwayError:
        return False


def connect(kafka: Kafka, timeout: float = TIMEOUT) -> None:
    """Open a connection to the first broker that takes it, and close it; BrokerAwayError when none does. Cheap."""
    for address in kafka.bootstrap_servers.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout).close()
            return
        except (OSError, ValueError):
            continue
    raise BrokerAwayError(f"no broker answers at {kafka.bootstrap_servers}")


class Sender:
    """Writes to a topic, which the broker makes if it may; safe in many threads, of which one at a time has its turn.

    It connects when there is something to send, and anew after an error, so that the broker may come later or go.
    """

    def __init__(self, kafka: Kafka, timeout: float = TIMEOUT) -> None:
        self._kafka, self._timeout = kafka, timeout
        self._turn = threading.Lock()
        self._producer: KafkaProducer | None = None

    def send(self, messages: Iterable[tuple[bytes, bytes]]) -> None:
        """(key, value) of each; returns when every replica in sync has them all, those of one key in order.

        A TopicError within about `timeout` seconds, twice that while connecting; some may have been taken all the same.
        """
        with self._turn, in_words(self._kafka):
            try:
                self._producer = self._producer or self._connected()
                sent = [self._producer.send(self._kafka.topic, key=key, value=value) for key, value in messages]
                for one in sent:
                    one.get(2 * self._timeout)
            except BaseException:
                self._part()
                raise

    def close(self) -> None:
        """Close the connection; `send` would open it again."""
        with self._turn:
            self._part()

    def _connected(self) -> KafkaProducer:
        milliseconds = round(self._timeout * 1000)
        return KafkaProducer(
            **connection.for_python(self._kafka),
            acks="all",
            enable_idempotence=True,
            bootstrap_timeout_ms=milliseconds,
            max_block_ms=milliseconds,
            request_timeout_ms=milliseconds,
            delivery_timeout_ms=milliseconds,
            reconnect_backoff_max_ms=1000,
            metrics_enabled=False,
        )

    def _part(self) -> None:
        producer, self._producer = self._producer, None
        if producer:
            # What it could not deliver has been reported.
            with suppress(kafka_errors.KafkaError):
                producer.close(timeout=1)


@contextmanager
def in_words(kafka: Kafka) -> Iterator[None]:
    """While it lasts, errors of the Kafka client come out as a TopicError, and its log is kept off the screen."""
    story = _Story()
    logger = logging.getLogger(_LOGGER)
    before = logger.propagate
    logger.addHandler(story)
    logger.propagate = False
    try:
        yield
    except kafka_errors.KafkaError as error:
        raise named(error, kafka, story.last) from error
    except ssl.SSLError as error:
        raise TopicError(f"the certificates for {kafka.bootstrap_servers} cannot be used: {error}") from error
    finally:
        logger.removeHandler(story)
        logger.propagate = before


def named(error: Exception, kafka: Kafka, cause: Exception | None = None) -> TopicError:
    """What the client raised, and what it logged before, as one of the errors above."""
    where, who = kafka.bootstrap_servers, kafka.security.user
    if isinstance(cause, _REFUSED) and not isinstance(error, _REFUSED):
        error = cause
    if isinstance(error, kafka_errors.SaslAuthenticationFailedError):
        return LoginRefusedError(f"{where} refuses the user {who!r} or the password (MILLSTREAM_KAFKA__SECURITY__...)")
    if isinstance(error, kafka_errors.AuthorizationError):
        return NotAllowedError(f"{where} does not let {who or 'us'} use the topic {kafka.topic!r}")
    if isinstance(error, (kafka_errors.UnknownTopicOrPartitionError, kafka_errors.InvalidTopicError)):
        return TopicMissingError(f"{where} has no topic {kafka.topic!r}")
    why = f" ({cause})" if cause else ""
    if isinstance(error, (kafka_errors.KafkaTimeoutError, kafka_errors.KafkaConnectionError)):
        hint = f"; it may refuse the user {who!r} or the password" if cause and who else ""
        return BrokerAwayError(f"no broker answers at {where}{why}{hint}")
    return TopicError(f"{where}, topic {kafka.topic!r}: {error}{why}")


class _Story(logging.Handler):
    """Keeps the last error that the client logs, a refusal before all: what it raises only says that it gave up."""

    last: Exception | None = None

    def emit(self, record: logging.LogRecord) -> None:
        for found in record.args if isinstance(record.args, tuple) else ():
            if not isinstance(found, Exception) or isinstance(found, kafka_errors.KafkaTimeoutError):
                continue
            if not isinstance(self.last, _REFUSED):
                self.last = found


@contextmanager
def _asking(kafka: Kafka, timeout: float) -> Iterator[KafkaAdminClient]:
    milliseconds = round(timeout * 1000)
    arguments = connection.for_python(kafka)
    with in_words(kafka):
        admin = KafkaAdminClient(**arguments, bootstrap_timeout_ms=milliseconds, request_timeout_ms=milliseconds)
        try:
            yield admin
        finally:
            admin.close()


def _raise_for(code: int, kafka: Kafka) -> None:
    if code:
        raise named(kafka_errors.for_code(code)(), kafka)
