"""Simulated sales: in goes a Simulation (sizes, seed, time range), out come its good events and the truth behind them.

Pure, and the same bytes for the same simulation. A session is one user, one taste, one stretch of minutes; it turns
to a few products, and each of these gives one to three events. Products not on sale yet are never chosen, goods that
are used up again and again, other goods hardly twice; some purchases are sent back.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import ClassVar, NamedTuple

import numpy as np
import orjson
from numpy.random import Generator

from kafka_producer import shop
from kafka_producer.shop import Catalogue, Flags, Floats, Ints, Shop, Shoppers, pick

Event = dict[str, object]

EDITION = 1  # to be raised when a simulation comes to give other bytes: it is part of every id and file name
LIMITS = {"events": (1, 10**8), "users": (1, 10**7), "products": (1, 10**6), "seed": (0, 2**63), "days": (1, 3650)}
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)

TYPES = ("view", "cart", "purchase")
VIEW, CART, PURCHASE = range(3)
# What is done with one product in a session, and how often: together 25 % views, 10 % carts, 65 % purchases.
HABITS = np.array([[PURCHASE, -1, -1], [VIEW, PURCHASE, -1], [VIEW, CART, PURCHASE], [VIEW, -1, -1], [VIEW, CART, -1]])
HABIT_SHARES = np.array([0.692, 0.025, 0.083, 0.160, 0.040])
LONGEST_SESSION = 12
REDRAWN = 6
BOUGHT_AGAIN = 0.4
DISCOUNTS, DISCOUNT_SHARES = np.array([1.0, 0.9, 0.8]), np.array([0.86, 0.09, 0.05])
RETURNED = 0.013  # of all events: 2 % of purchases
RETURNED_AFTER = 8.0  # days, the mean
DESCRIBED = 0.03  # share of events with product_data, and with customer_data, besides the first of each
IN_STOCK = 0.95

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
BY_WEEKDAY = np.array([0.90, 0.85, 0.90, 1.00, 1.15, 1.45, 1.30])
BY_HOUR = np.array([3, 2, 1, 1, 1, 2, 4, 7, 9, 10, 11, 13, 14, 12, 10, 10, 11, 13, 16, 19, 20, 17, 11, 6])
THURSDAY = 3  # 1970-01-01 was one
GROWTH = 0.3
BLOCK = 20_000


@dataclass(frozen=True)
class Simulation:
    """How much is simulated, and of which days; `until` has a time zone. A ValueError names what cannot be.

    `edition` stands for how the bytes are made, and `limits` for what each number may be.
    """

    edition: ClassVar[str] = str(EDITION)
    limits: ClassVar[dict[str, tuple[int, int]]] = LIMITS

    events: int = 100_000
    users: int = 2_000
    products: int = 500
    seed: int = 7
    days: int = 120
    until: datetime = datetime(2026, 10, 31, tzinfo=UTC)

    def __post_init__(self) -> None:
        for name, (low, high) in self.limits.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {low} to {high:,}")
        if self.until - EARLIEST < timedelta(days=self.days):
            raise ValueError(f"until is {self.until:%Y-%m-%d}, expected {self.days} days after 1990-01-01 or later")

    @cached_property
    def key(self) -> str:
        """Eight characters that tell simulations apart; event and session ids begin with them."""
        return blake2b(f"{self.edition} {self!r}".encode(), digest_size=4).hexdigest()

    @property
    def name(self) -> str:
        """What its files are called: sales-s7-e100000-u2000-p500-<key>."""
        return f"sales-s{self.seed}-e{self.events}-u{self.users}-p{self.products}-{self.key}"

    @property
    def length(self) -> int:
        """Milliseconds from its beginning to `until`."""
        return self.days * DAY

    @property
    def beginning(self) -> int:
        """Epoch milliseconds."""
        return round(self.until.timestamp() * 1000) - self.length

    def timestamp(self, time: int) -> str:
        """ISO-8601 of so many milliseconds since the beginning."""
        hour, in_hour = divmod(self._origin + time, HOUR)
        minute, in_minute = divmod(in_hour, MINUTE)
        return f"{hour_of(hour)}{minute:02d}:{in_minute / 1000:06.3f}Z"

    @cached_property
    def _origin(self) -> int:
        """The beginning in whole epoch milliseconds."""
        return (self.until - EPOCH) // timedelta(milliseconds=1) - self.length


@lru_cache(maxsize=1)
def hour_of(hour: int) -> str:
    """ISO-8601 up to the minutes, of so many hours since 1970; events come in order, so it seldom changes."""
    return f"{EPOCH + timedelta(hours=hour):%Y-%m-%dT%H:}"


class Sale(NamedTuple):
    """One good event: places in the shop and in TYPES, `time` in milliseconds since the beginning."""

    time: int
    user: int
    product: int
    kind: int
    quantity: int
    price: float
    session: int


@dataclass(frozen=True)
class Timeline:
    """Good events, one place an event in the columns of Sale; a return's quantity is below 0."""

    time: Ints
    user: Ints
    product: Ints
    kind: Ints
    quantity: Ints
    price: Floats
    session: Ints

    def sales(self) -> Iterator[Sale]:
        """Its rows, in order."""
        columns = vars(self).values()
        for first in range(0, len(self.time), BLOCK):
            yield from map(Sale._make, zip(*(c[first : first + BLOCK].tolist() for c in columns), strict=True))


@dataclass(frozen=True)
class Sessions:
    """Visits in order of user and time; `start` in milliseconds since the beginning."""

    user: Ints
    start: Ints
    taste: Ints


@dataclass(frozen=True)
class Choices:
    """A place for each product that a session turns to, and the `steps` events that its habit gives."""

    session: Ints
    habit: Ints
    steps: Ints


@dataclass(frozen=True)
class Truth:
    """What a recommender is to find out. The rows of both arrays sum to 1."""

    users: tuple[str, ...]
    products: tuple[str, ...]
    tastes: tuple[str, ...]
    user_tastes: Floats
    taste_products: Floats

    def preferences(self) -> Floats:
        """(users, products): the chance of each product at a user's next choice, were nothing owned or unlaunched."""
        return self.user_tastes @ self.taste_products


def truth(simulation: Simulation) -> Truth:
    """The hidden tastes of a simulation's users and products."""
    store = open_shop(simulation)
    return Truth(
        users=store.shoppers.ids,
        products=store.catalogue.ids,
        tastes=store.tastes.names,
        user_tastes=store.shoppers.tastes,
        taste_products=store.tastes.products,
    )


def good_events(simulation: Simulation) -> Iterator[Event]:
    """A simulation's events in order of time, as many as it asks for, each with an id of its own."""
    store = open_shop(simulation)
    random = shop.random_stream(simulation.seed, "descriptions")
    known_products, known_users = set[int](), set[int]()
    for number, sale in enumerate(timeline(simulation, store).sales()):
        event = told(simulation, store, sale, number)
        if sale.product not in known_products or random.random() < DESCRIBED:
            event["product_data"] = store.catalogue.data(sale.product, in_stock=random.random() < IN_STOCK)
            known_products.add(sale.product)
        if sale.user not in known_users or random.random() < DESCRIBED:
            event["customer_data"] = store.shoppers.data(sale.user)
            known_users.add(sale.user)
        yield event


def encode(event: Event) -> str:
    """An event as one line of JSON."""
    return orjson.dumps(event).decode()


def open_shop(simulation: Simulation) -> Shop:
    """The shop in which a simulation happens."""
    return shop.opened(users=simulation.users, products=simulation.products, seed=simulation.seed)


def told(simulation: Simulation, store: Shop, sale: Sale, number: int) -> Event:
    """A sale as an event of the design's section 3; a view has no quantity."""
    event: Event = {
        "event_id": f"{simulation.key}-{number:07d}",
        "user": store.shoppers.ids[sale.user],
        "product": store.catalogue.ids[sale.product],
        "event_type": TYPES[sale.kind],
        "timestamp": simulation.timestamp(sale.time),
        "session_id": f"{simulation.key}-S{sale.session:06d}",
        "price": sale.price,
    }
    if sale.kind != VIEW:
        event |= {"quantity": sale.quantity, "total_price": round(sale.price * sale.quantity, 2)}
    return event


def timeline(simulation: Simulation, store: Shop) -> Timeline:
    """All good events in order of time."""
    random = shop.random_stream(simulation.seed, "sales")
    returns = round(RETURNED * simulation.events)
    chosen = choices(random, simulation.events - returns)
    visits = sessions(random, simulation, store.shoppers, count=int(chosen.session[-1]) + 1)
    products = chosen_products(random, simulation, store, visits, chosen)
    happened = spread_out(random, store.catalogue, visits, chosen, products)
    both = joined(happened, sent_back(random, simulation, happened, count=returns))
    return rows(both, np.argsort(both.time, kind="stable"))


def choices(random: Generator, events: int) -> Choices:
    """Sessions of 1 to LONGEST_SESSION choices, each with its habit, cut where they make up so many events."""
    habit = pick(random, HABIT_SHARES, events)
    steps = (HABITS >= 0).sum(axis=1)[habit]
    count = int(np.searchsorted(np.cumsum(steps), events)) + 1
    steps[count - 1] -= steps[:count].sum() - events
    sizes = np.minimum(random.geometric(0.4, count), LONGEST_SESSION)
    session = np.repeat(np.arange(count), sizes)[:count]
    return Choices(session, habit[:count], steps[:count])


def sessions(random: Generator, simulation: Simulation, people: Shoppers, *, count: int) -> Sessions:
    """Who comes when, and with which taste; everybody comes once before anybody is drawn by activity."""
    everybody = random.permutation(simulation.users)[:count]
    user = np.concatenate([everybody, pick(random, people.activity, count - len(everybody))])
    start = starts(random, simulation, joined=people.joined[user])
    edges = np.cumsum(people.tastes[user], axis=1)
    taste = (edges < random.random((count, 1)) * edges[:, -1:]).sum(axis=1)
    order = np.lexsort((start, user))
    return Sessions(user[order], start[order], taste[order])


def starts(random: Generator, simulation: Simulation, *, joined: Floats) -> Ints:
    """A start for each session, after its user has joined, in the rhythm of week and day; none in the last hour."""
    hours = np.arange(simulation.days * 24)
    clock = simulation.beginning // HOUR + hours
    busy = BY_WEEKDAY[(clock // 24 + THURSDAY) % 7] * BY_HOUR[clock % 24] * (1 + GROWTH * hours / len(hours))
    passed = np.concatenate([[0], np.cumsum(busy[:-1])]) / busy[:-1].sum()
    earliest = np.interp(joined * len(hours), hours, passed)
    start: Floats = np.interp(random.uniform(earliest, 1), passed, hours) * HOUR
    return start.astype(np.int64)


def chosen_products(random: Generator, simulation: Simulation, store: Shop, visits: Sessions, chosen: Choices) -> Ints:
    """A product for each choice: of the session's taste, on sale by then, and new to the user unless it is used up."""
    sold, taste, user = store.catalogue, visits.taste[chosen.session], visits.user[chosen.session]
    on_sale = sold.launched * simulation.length
    start = visits.start[chosen.session]
    product = drawn(random, store.tastes.products, taste)
    for _ in range(REDRAWN):
        wrong = (on_sale[product] > start) | has_already(user, product)
        product[wrong] = drawn(random, store.tastes.products, taste[wrong])
    too_early = on_sale[product] > start
    product[too_early] = drawn(random, store.tastes.products * (on_sale == 0), taste[too_early])
    return bought_again(random, sold, user, product)


def drawn(random: Generator, taste_products: Floats, taste: Ints) -> Ints:
    """A product for each of some tastes."""
    product = np.empty_like(taste)
    for place, shares in enumerate(taste_products):
        mine = taste == place
        product[mine] = pick(random, shares, int(mine.sum()))
    return product


def has_already(user: Ints, product: Ints) -> Flags:
    """Whether the same user has the same product at an earlier place."""
    _, first = np.unique(user * (product.max(initial=0) + 1) + product, return_index=True)
    again = np.ones(len(user), dtype=bool)
    again[first] = False
    return again


def bought_again(random: Generator, sold: Catalogue, user: Ints, product: Ints) -> Ints:
    """Products (in order of user and time) of which some repeat an earlier one of the user, if it is used up by now."""
    place = np.arange(len(user))
    first = np.searchsorted(user, user)
    earlier = product[first + (random.random(len(user)) * (place - first)).astype(np.int64)]
    again = (random.random(len(user)) < BOUGHT_AGAIN) & (place > first) & sold.used_up[earlier]
    return np.where(again, earlier, product)


def spread_out(random: Generator, sold: Catalogue, visits: Sessions, chosen: Choices, product: Ints) -> Timeline:
    """Each choice's events, 5 to 60 seconds apart within their session."""
    choice = np.repeat(np.arange(len(product)), chosen.steps)
    session = chosen.session[choice]
    step = np.arange(len(choice)) - np.repeat(np.cumsum(chosen.steps) - chosen.steps, chosen.steps)
    passed = np.cumsum(random.integers(5_000, 60_000, len(choice)))
    since_first = passed - passed[np.searchsorted(session, session)]
    quantity = random.geometric(np.where(sold.used_up[product], 0.5, 0.85))
    price = np.round(sold.price[product] * DISCOUNTS[pick(random, DISCOUNT_SHARES, len(product))], 2)
    return Timeline(
        time=visits.start[session] + since_first,
        user=visits.user[session],
        product=product[choice],
        kind=HABITS[chosen.habit[choice], step],
        quantity=quantity[choice],
        price=price[choice],
        session=session,
    )


def sent_back(random: Generator, simulation: Simulation, happened: Timeline, *, count: int) -> Timeline:
    """Returns of so many purchases, each of a part or all of one, some days later and before the end."""
    bought = rows(happened, random.choice(np.flatnonzero(happened.kind == PURCHASE), count, replace=False))
    after = np.minimum(
        random.exponential(RETURNED_AFTER * DAY, count),
        random.uniform(0.1, 1, count) * (simulation.length - bought.time),
    )
    return replace(
        bought,
        time=bought.time + after.astype(np.int64),
        quantity=-random.integers(1, bought.quantity, endpoint=True),
        session=happened.session.max() + 1 + np.arange(count),
    )


def rows(timeline: Timeline, places: Ints) -> Timeline:
    """The events at some places, in that order."""
    return Timeline(**{name: column[places] for name, column in vars(timeline).items()})


def joined(first: Timeline, second: Timeline) -> Timeline:
    """The events of both, one after the other."""
    return Timeline(**{name: np.concatenate([column, vars(second)[name]]) for name, column in vars(first).items()})
