"""Simulated browsing: in goes a Browsing (sizes, seed, days), out come its rows as CSV, and who is in which group.

Pure, and the same bytes for the same browsing. What a visit was about is said twice, as a category and as a tag, and so
is where it came from; either may be missing, as in what a network records.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from kafka_producer.groups import REFERRERS, SURFERS, TAGS
from kafka_producer.shop import Floats, Ints, long_tail, pick, random_stream
from kafka_producer.simulate import Simulation
from spark_app.layouts import BROWSING

EDITION = 1  # to be raised when a browsing comes to give other bytes
VISITS_A_USER = 60
COLUMNS = (*BROWSING.required, "timestamp")
TOPICS, APPLICATIONS = tuple(TAGS), tuple(sorted({name for group in SURFERS for name in group.applications}))
FAVOURITES = 0.85  # of what a group does is its own
DOMAINS = 6  # of each topic
OTHER_TAG = 0.02
DIRECT = 0.2  # of the visits came from nowhere
MISSING = {
    "category_name": 0.06, "domain_tags": 0.06, "application_name": 0.03, "volume": 0.04, "duration": 0.04,
    "referer_category": 0.05, "referer_domain": 0.05,
}  # fmt: skip


@dataclass(frozen=True)
class Browsing(Simulation):
    """So many visits (`events`) of users in so many groups. A ValueError names what cannot be."""

    edition = f"browsing {EDITION}"
    limits = Simulation.limits | {"groups": (1, len(SURFERS))}
    events: int = 31 * VISITS_A_USER
    users: int = 31
    groups: int = 4

    @property
    def name(self) -> str:
        """What its file is called: browsing-s7-e1860-u31-g4-<key>."""
        return f"browsing-s{self.seed}-e{self.events}-u{self.users}-g{self.groups}-{self.key}"

    def __str__(self) -> str:
        return f"{self.events:,} visits of {self.users:,} users in {self.groups} groups"


def members(browsing: Browsing) -> Iterator[tuple[str, str]]:
    """(user, group) of every user; no group is larger than another by more than one."""
    return ((name(user), SURFERS[group].name) for user, group in enumerate(grouped(browsing).tolist()))


def grouped(browsing: Browsing) -> Ints:
    """The place in SURFERS of each user's group."""
    return random_stream(browsing.seed, "groups").permutation(np.arange(browsing.users) % browsing.groups)


def name(user: int) -> str:
    """B001 and so on."""
    return f"B{user + 1:03d}"


def header() -> str:
    """The first line of the file."""
    return ",".join(COLUMNS)


def rows(browsing: Browsing) -> Iterator[tuple[str, str]]:
    """(user, line of CSV) of each visit, in order of time."""
    random = random_stream(browsing.seed, "browsing")
    user = who(random, browsing)
    time = np.sort(random.integers(browsing.length, size=browsing.events))
    told = visits(random, grouped(browsing)[user])
    for column, share in MISSING.items():
        told[column][random.random(browsing.events) < share] = ""
    for place, (one, at) in enumerate(zip(user.tolist(), time.tolist(), strict=True)):
        cells = {column: values[place] for column, values in told.items()}
        cells |= {"user_id": name(one), "timestamp": browsing.timestamp(at)}
        yield name(one), ",".join(cells[column] for column in COLUMNS)


def who(random: Generator, browsing: Browsing) -> Ints:
    """The user of each visit; everybody comes once before anybody is drawn by activity."""
    everybody = random.permutation(browsing.users)[: browsing.events]
    group = grouped(browsing)
    weights = np.array([one.visits for one in SURFERS])[group] * random.lognormal(0, 0.25, len(group))
    return random.permutation(np.concatenate([everybody, pick(random, weights, browsing.events - len(everybody))]))


def visits(random: Generator, group: Ints) -> dict[str, np.ndarray]:
    """The cells of visits by users of some groups, by column, none missing yet but the referrers of direct ones."""
    topic = chosen(random, group, [one.topics for one in SURFERS], TOPICS)
    number = 1 + pick(random, long_tail(DOMAINS, steepness=1.0), len(group))
    tagged = np.where(random.random(len(group)) < OTHER_TAG, random.integers(len(TOPICS), size=len(group)), topic)
    referrer = chosen(random, group, [one.referrers for one in SURFERS], tuple(REFERRERS))
    direct = random.random(len(group)) < DIRECT
    application = chosen(random, group, [one.applications for one in SURFERS], APPLICATIONS)
    return {
        "category_name": words(TOPICS, topic),
        "application_name": words(APPLICATIONS, application),
        "domain_tags": words(tuple(TAGS.values()), tagged),
        "domain": np.array([f"{TOPICS[a].lower()}{b}.example" for a, b in zip(topic, number, strict=True)], object),
        "volume": sizes(random, "volume", group),
        "duration": sizes(random, "duration", group),
        "server_ip": np.array([f"192.0.2.{DOMAINS * a + b}" for a, b in zip(topic, number, strict=True)], object),
        "referer_category": np.where(direct, "", words(tuple(REFERRERS), referrer)),
        "referer_domain": np.where(direct, "", words(tuple(REFERRERS.values()), referrer)),
    }


def chosen(random: Generator, group: Ints, favourites: list[tuple[str, ...]], values: tuple[str, ...]) -> Ints:
    """A place among the values for each: mostly one of its group's favourites, otherwise any."""
    places = np.array([[values.index(word) for word in words] for words in favourites])
    own = places[group, random.integers(places.shape[1], size=len(group))]
    return np.where(random.random(len(group)) < FAVOURITES, own, random.integers(len(values), size=len(group)))


def sizes(random: Generator, what: str, group: Ints) -> np.ndarray:
    """Whole numbers around that of each one's group, as texts."""
    middle: Floats = np.array([getattr(one, what) for one in SURFERS])[group]
    return np.round(middle * random.lognormal(0, 0.5, len(group))).astype(np.int64).astype(str).astype(object)


def words(values: tuple[str, ...], places: Ints) -> np.ndarray:
    """The value at each place."""
    return np.array(values, dtype=object)[places]
