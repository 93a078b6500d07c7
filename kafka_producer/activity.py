"""Simulated activity of groups: in goes an Activity (sizes, seed, days), out come its events, and who is in which.

Pure, and the same bytes for the same activity. The shop is that of the simulated sales; each group of groups.py has
categories, event types, hours, weekdays and quantities of its own, a time since it was last seen, and words for its
posts. Some posts may say with a picture what they have to say. All events are good ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from kafka_producer import shop, simulate
from kafka_producer.groups import ADDRESS, COMMON, NAMES, SHOPPERS
from kafka_producer.shop import Catalogue, Flags, Floats, Ints, Shop, normalised, pick
from kafka_producer.simulate import DAY, HOUR, PURCHASE, THURSDAY, Event, Sale, Simulation, Timeline
from kafka_producer.words import CATEGORIES

EDITION = 2  # to be raised when an activity comes to give other bytes
EVENTS_A_USER = 60
POST = len(simulate.TYPES)
FAVOURITES = 0.85  # of what a group turns to is of its categories
PACE = (10_000, 80_000)  # milliseconds between two events of a session
AROUND = 1.2  # hours, the deviation from a group's hour
USUAL_DAYS = 120  # for which the days of a group are meant
OWN_WORDS, WORDS = 0.6, (6, 12)  # of a post
TAGGED, NAMED, LINKED = 0.15, 0.1, 0.08  # posts with a hashtag, with a name, with an address
PICTURED, IN_PICTURE, BESIDE = 0.4, (4, 7), (2, 5)  # posts with a picture; words in it, and words beside it
IN_FOLDER = 1_000  # pictures


@dataclass(frozen=True)
class Activity(Simulation):
    """Events of so many users in so many groups; `posts` come on top of `events`. A ValueError names what cannot be.

    `pictured`: some posts have a picture.
    """

    edition = f"activity {EDITION}"
    limits = Simulation.limits | {"groups": (1, len(SHOPPERS)), "posts": (0, 10**7)}
    events: int = 50 * EVENTS_A_USER
    users: int = 50
    groups: int = 4
    posts: int = 0
    pictured: bool = False

    @property
    def name(self) -> str:
        """What its files are called: activity-s7-e3000-u50-g4-<key>."""
        return f"activity-s{self.seed}-e{self.events}-u{self.users}-g{self.groups}-{self.key}"

    @property
    def lines(self) -> int:
        """Events and posts."""
        return self.events + self.posts

    def __str__(self) -> str:
        return f"{self.events:,} events and {self.posts:,} posts of {self.users:,} users in {self.groups} groups"


class Said(NamedTuple):
    """What a post says: its text, and the words in its picture; none where it has no picture."""

    text: str
    pictured: tuple[str, ...] = ()


def members(activity: Activity) -> Iterator[tuple[str, str]]:
    """(user, group) of every user; no group is larger than another by more than one."""
    ids = shop.shoppers(activity.users, seed=activity.seed).ids
    return zip(ids, (SHOPPERS[group].name for group in grouped(activity)), strict=True)


def events(activity: Activity) -> Iterator[Event]:
    """All events and posts in order of time, each with an id of its own; what is new is described once."""
    store, group = simulate.open_shop(activity), grouped(activity)
    random = shop.random_stream(activity.seed, "words")
    known_products, known_users = set[int](), set[int]()
    for number, sale in enumerate(timeline(activity, store, group).sales()):
        if sale.kind == POST:
            event = post(activity, store, sale, number, said(random, activity, SHOPPERS[group[sale.user]].words))
        else:
            event = simulate.told(activity, store, sale, number)
            if sale.product not in known_products:
                event["product_data"] = store.catalogue.data(sale.product, in_stock=True)
                known_products.add(sale.product)
        if sale.user not in known_users:
            event["customer_data"] = store.shoppers.data(sale.user)
            known_users.add(sale.user)
        yield event


def posts(activity: Activity) -> Iterator[tuple[Event, Said]]:
    """The posts alone, in the same order and with the same ids, each with what it says."""
    store, group = simulate.open_shop(activity), grouped(activity)
    random = shop.random_stream(activity.seed, "words")
    for number, sale in enumerate(timeline(activity, store, group).sales()):
        if sale.kind == POST:
            told = said(random, activity, SHOPPERS[group[sale.user]].words)
            yield post(activity, store, sale, number, told), told


def grouped(activity: Activity) -> Ints:
    """The place in SHOPPERS of each user's group."""
    random = shop.random_stream(activity.seed, "groups")
    return random.permutation(np.arange(activity.users) % activity.groups)


def post(activity: Activity, store: Shop, sale: Sale, number: int, told: Said) -> Event:
    """A post; the path of its picture is below a folder that is named after the activity."""
    event: Event = {
        "event_id": f"{activity.key}-{number:07d}",
        "user": store.shoppers.ids[sale.user],
        "event_type": "post",
        "timestamp": activity.timestamp(sale.time),
        "text": told.text,
    }
    if told.pictured:
        event["image"] = f"{activity.name}/{number // IN_FOLDER:04d}/{number:07d}.png"
    return event


def said(random: Generator, activity: Activity, own: str) -> Said:
    """A post of a group: its words in the text; or in a picture, with some that mean little beside it."""
    if activity.pictured and random.random() < PICTURED:
        words = random.choice(own.split(), int(random.integers(*IN_PICTURE)), replace=False)
        return Said(sentence(random, own, own_words=0, words=BESIDE), tuple(map(str, words)))
    return Said(" ".join([sentence(random, own), *extras(random, own)]))


def sentence(random: Generator, own: str, *, own_words: float = OWN_WORDS, words: tuple[int, int] = WORDS) -> str:
    """Some words, a share of them of a group's own."""
    count = int(random.integers(*words))
    lists = [own.split() if random.random() < own_words else COMMON.split() for _ in range(count)]
    return f"{' '.join(some[int(random.integers(len(some)))] for some in lists).capitalize()}."


def extras(random: Generator, own: str) -> Iterator[str]:
    """What posts have beside words: a hashtag of two of the group's own, somebody's name, an address."""
    if random.random() < TAGGED:
        first, second = random.choice(own.split(), 2, replace=False)
        yield f"#{first}{str(second).capitalize()}"
    if random.random() < NAMED:
        yield f"@{NAMES[int(random.integers(len(NAMES)))]}"
    if random.random() < LINKED:
        yield f"{ADDRESS}/{int(random.integers(16**6)):06x}"


def timeline(activity: Activity, store: Shop, group: Ints) -> Timeline:
    """Everything that happens, in order of time."""
    random = shop.random_stream(activity.seed, "activity")
    days = windows(random, activity, group)
    shopped = sent_back(random, shopping(random, activity, store.catalogue, group, days), group)
    both = simulate.joined(shopped, posting(random, activity, group, days))
    return simulate.rows(both, np.argsort(both.time, kind="stable"))


def windows(random: Generator, activity: Activity, group: Ints) -> Ints:
    """(2, users): the days, from the beginning, on which each user is seen first and last."""
    scale = min(1, activity.days / USUAL_DAYS)
    away = of_group("away", group) * scale * random.uniform(0.6, 1.4, len(group))
    span = of_group("span", group) * scale * random.uniform(0.7, 1, len(group))
    last = (activity.days - 1 - away).astype(np.int64).clip(min=0)
    return np.array([(last - span.astype(np.int64)).clip(min=0), last])


def shopping(random: Generator, activity: Activity, sold: Catalogue, group: Ints, days: Ints) -> Timeline:
    """Views, carts and purchases in order of user and time."""
    user = who(random, activity, group)
    session, is_last = sessions(random, user, group)
    passed = np.cumsum(random.integers(*PACE, len(user)))
    first = np.searchsorted(session, session)
    begun = starts(random, activity, group[user], days[:, user], is_last)[first]
    whose = group[user]
    product = simulate.drawn(random, chances(activity, sold), whose)
    happened = Timeline(
        time=begun + passed - passed[first],
        user=user,
        product=product,
        kind=kinds(random, whose),
        quantity=1 + random.poisson(of_group("quantity", whose) - 1),
        price=sold.price[product],
        session=session,
    )
    return simulate.rows(happened, np.lexsort((happened.time, user)))


def who(random: Generator, activity: Activity, group: Ints) -> Ints:
    """The user of each event, in order; everybody comes once before anybody is drawn by activity."""
    everybody = random.permutation(activity.users)[: activity.events]
    weights = of_group("activity", group) * random.lognormal(0, 0.25, len(group))
    return np.sort(np.concatenate([everybody, pick(random, weights, activity.events - len(everybody))]))


def sessions(random: Generator, user: Ints, group: Ints) -> tuple[Ints, Flags]:
    """Of events in order of user: the number of each one's session, and whether that is its user's last."""
    length = 1 + random.poisson(of_group("steps", group) - 1)
    place = np.arange(len(user)) - np.searchsorted(user, user)
    number = place // length[user]
    begins = np.diff(user, prepend=-1).astype(bool) | np.diff(number, prepend=-1).astype(bool)
    count = np.bincount(user, minlength=len(group))
    return np.cumsum(begins) - 1, number == (count[user] - 1) // length[user]


def starts(random: Generator, activity: Activity, whose: Ints, days: Ints, is_last: Flags) -> Ints:
    """Milliseconds since the beginning, for events of groups `whose`: within their days, the last on the last of them.

    On a weekday and around an hour of the group; at least an hour before the end.
    """
    first, last = days
    day = np.where(is_last, last, random.integers(first, last, endpoint=True))
    weekdays = np.array([group.weekdays for group in SHOPPERS], dtype=float)
    wanted = day - (activity.beginning // DAY + day + THURSDAY - simulate.drawn(random, weekdays, whose)) % 7
    day = np.where(~is_last & (wanted >= first), wanted, day)
    hour = of_group("hour", whose) + random.normal(0, AROUND, len(whose))
    of_day = ((hour * HOUR).astype(np.int64) - activity.beginning) % DAY
    start: Ints = (day * DAY + of_day).clip(max=activity.length - HOUR)
    return start


def chances(activity: Activity, sold: Catalogue) -> Floats:
    """(groups, products): how likely a group turns to each product."""
    names = np.array([category.name for category in CATEGORIES])[sold.category]
    liked = np.array([np.isin(names, group.categories) for group in SHOPPERS]) * sold.popularity
    within = np.divide(liked, liked.sum(axis=1, keepdims=True), out=np.zeros_like(liked), where=liked > 0)
    return normalised(FAVOURITES * within + (1 - FAVOURITES) * sold.popularity)[: activity.groups]


def kinds(random: Generator, whose: Ints) -> Ints:
    """What is done, by the habits of each event's group."""
    return simulate.drawn(random, np.array([group.kinds for group in SHOPPERS], dtype=float), whose)


def sent_back(random: Generator, happened: Timeline, group: Ints) -> Timeline:
    """The same with some purchases, never two in a row, turned into the return of the user's purchase before."""
    bought = np.flatnonzero(happened.kind == PURCHASE)
    whose = happened.user[bought]
    wanted = random.random(len(bought)) < of_group("returned", group[whose])
    wanted[1:] &= (whose[1:] == whose[:-1]) & ~wanted[:-1]
    wanted[:1] = False
    back, before = bought[wanted], bought[np.flatnonzero(wanted) - 1]
    columns = {name: getattr(happened, name).copy() for name in ("product", "price", "quantity")}
    for values in columns.values():
        values[back] = values[before]
    columns["quantity"][back] *= -1
    return replace(happened, **columns)


def posting(random: Generator, activity: Activity, group: Ints, days: Ints) -> Timeline:
    """Posts, on days and at hours of their users' groups."""
    user = random.integers(activity.users, size=activity.posts)
    nothing = np.zeros(activity.posts, dtype=np.int64)
    time = starts(random, activity, group[user], days[:, user], nothing.astype(bool))
    return Timeline(time, user, nothing, nothing + POST, nothing + 1, nothing.astype(float), nothing - 1)


def of_group(what: str, group: Ints) -> Floats:
    """A number of each one's group."""
    return np.array([getattr(one, what) for one in SHOPPERS], dtype=float)[group]
