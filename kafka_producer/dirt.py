"""What a real producer adds: good events come in, lines go out, a few of them sent twice and a few broken.

A line sent twice keeps its event_id. A broken line is a neighbour's copy with one fault, under an id of its own, and
its mark is the reason for which it will be rejected (the design's section 3).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from kafka_producer.shop import random_stream
from kafka_producer.simulate import Event, Simulation, encode

SENT_TWICE = 0.002
BROKEN = 0.001
RETRIED_AFTER = 200  # lines, at most
GOOD, DUPLICATE = "", "duplicate"

Fault = Callable[[Event], str]


class Line(NamedTuple):
    """A line of output; its mark is GOOD, DUPLICATE, or the reason for which it will be rejected.

    `user` is whose event it is, or was before it broke.
    """

    text: str
    mark: str
    user: str


@dataclass(frozen=True)
class Dirt:
    """Where it falls. `again`: place of an event -> place after which it is sent again; `broken`: place -> fault."""

    again: dict[int, int]
    broken: dict[int, int]


@dataclass(frozen=True)
class Summary:
    """How many lines a simulation gives, by kind; `broken` by reason."""

    events: int
    duplicates: int
    broken: dict[str, int]

    @property
    def lines(self) -> int:
        """Good, sent twice and broken ones."""
        return self.events + self.duplicates + sum(self.broken.values())

    def __str__(self) -> str:
        reasons = ", ".join(f"{reason} {count}" for reason, count in self.broken.items())
        broken = f"{sum(self.broken.values()):,} broken lines" + (f" ({reasons})" if reasons else "")
        return f"{self.events:,} events, {self.duplicates:,} of them sent twice, {broken}"


def changed(**fields: object) -> Fault:
    """The fault of having other values in some fields."""
    return lambda event: encode(event | fields)


def without(field: str) -> Fault:
    """The fault of missing a field."""
    return lambda event: encode({name: value for name, value in event.items() if name != field})


def cut_off(event: Event) -> str:
    """The fault of a line that ends in the middle."""
    text = encode(event)
    return text[: len(text) // 2]


def said_twice(event: Event) -> str:
    """The fault of two objects on one line."""
    return encode(event) * 2


def too_large_a_number(event: Event) -> str:
    """A quantity that is JSON and no number a computer holds."""
    return encode(event | {"quantity": "1e400"}).replace('"1e400"', "1e400")


FAULTS: tuple[tuple[str, Fault], ...] = (
    ("not_json", cut_off),
    ("not_json", lambda _: "WARN producer: connection reset by peer, retrying"),
    ("not_json", said_twice),
    ("missing_user", without("user")),
    ("bad_user", lambda event: encode(event | {"user": {"id": event["user"]}})),
    ("bad_user", changed(user="U" * 300)),
    ("missing_product", without("product")),
    ("bad_product", lambda event: encode(event | {"product": [event["product"]]})),
    ("bad_event_type", changed(event_type="teleport")),
    ("bad_quantity", changed(quantity="three")),
    ("bad_quantity", too_large_a_number),
    ("bad_quantity", changed(quantity=5e12)),
    ("bad_rating", changed(rating="great")),
    ("bad_price", changed(price="on request")),
    ("bad_timestamp", changed(timestamp="3000-01-01T00:00:00Z")),
    ("bad_timestamp", changed(timestamp="yesterday")),
)


def dirt(simulation: Simulation) -> Dirt:
    """Which events are sent twice and where lines break; every fault comes before any comes again."""
    random = random_stream(simulation.seed, "dirt")
    events = simulation.events
    twice = random.choice(events, round(SENT_TWICE * events), replace=False)
    later = (twice + random.integers(1, RETRIED_AFTER, len(twice))).clip(max=events - 1)
    broken = random.choice(events, round(BROKEN * events), replace=False).tolist()
    order = random.permutation(len(FAULTS)).tolist()
    return Dirt(
        again=dict(zip(twice.tolist(), later.tolist(), strict=True)),
        broken={place: order[number % len(order)] for number, place in enumerate(broken)},
    )


def summary(simulation: Simulation) -> Summary:
    """What `with_dirt` will give for a simulation, known beforehand."""
    planned = dirt(simulation)
    reasons = Counter(FAULTS[fault][0] for fault in planned.broken.values())
    return Summary(simulation.events, len(planned.again), dict(sorted(reasons.items())))


def with_dirt(events: Iterable[Event], simulation: Simulation) -> Iterator[Line]:
    """The lines of a simulation's good events, with what is sent twice and what is broken in between."""
    planned = dirt(simulation)
    to_come = defaultdict[int, list[Line]](list)
    for place, event in enumerate(events):
        line = Line(encode(event), GOOD, str(event["user"]))
        yield line
        if place in planned.again:
            to_come[planned.again[place]].append(line._replace(mark=DUPLICATE))
        if place in to_come:
            yield from to_come.pop(place)
        if place in planned.broken:
            yield broken(event | {"event_id": f"{simulation.key}-B{place:07d}"}, planned.broken[place])


def broken(event: Event, fault: int) -> Line:
    """An event with one of the FAULTS."""
    reason, applied = FAULTS[fault]
    return Line(applied(event), reason, str(event["user"]))
