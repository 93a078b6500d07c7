"""Where messages go: a topic, with progress, an end in good order and a count of what was acknowledged."""

import time
from collections.abc import Iterable, Iterator, Sequence

import typer

from kafka_producer import pace, send
from kafka_producer.dirt import Line, with_dirt
from kafka_producer.progress import Seen, counted, say
from kafka_producer.replay import Replayed
from kafka_producer.send import Message, Outbox
from kafka_producer.simulate import Simulation, good_events
from spark_app.blocks import Kafka

INTERRUPTED = 130

Chunks = Iterable[Sequence[Message]]


def to_topic(chunks: Chunks, kafka: Kafka, *, name: str, total: int | None = None) -> None:
    """Send all of it and say how much the broker has acknowledged; Ctrl-C ends it with what was sent by then.

    Raises topic.TopicError or send.DeliveryError.
    """
    with counted(name, total) as seen, send.opened(kafka, say) as outbox:
        begun = time.monotonic()
        stopped = not _sent(chunks, outbox, seen)
        outbox.flush()
        seconds = time.monotonic() - begun
    say(
        f"{'stopped: ' if stopped else ''}{outbox.acknowledged:,} messages sent to {kafka.topic} at "
        f"{kafka.bootstrap_servers}, all acknowledged: {seconds:.1f} s, {outbox.acknowledged / seconds:,.0f} a second"
    )
    if stopped:
        raise typer.Exit(INTERRUPTED)


def simulated(simulation: Simulation, rate: float | None = None) -> Iterator[list[Message]]:
    """A simulation's lines as messages, keyed by user."""
    return messages(with_dirt(good_events(simulation), simulation), rate)


def messages(lines: Iterable[Line], rate: float | None = None) -> Iterator[list[Message]]:
    """Lines as messages, keyed by user."""
    coming = (Message(line.user.encode(), line.text.encode()) for line in lines)
    return pace.at_rate(coming, rate) if rate else pace.at_once(coming)


def as_message(event: Replayed) -> Message:
    """Keyed by user, where there is one."""
    return Message(None if event.user is None else event.user.encode(errors="replace"), event.value)


def _sent(chunks: Chunks, outbox: Outbox, seen: Seen) -> bool:
    """Hand all over; False when Ctrl-C came in between."""
    try:
        for chunk in chunks:
            outbox.send(chunk)
            seen(outbox.acknowledged)
    except KeyboardInterrupt:
        return False
    return True
