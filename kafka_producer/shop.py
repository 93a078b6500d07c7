"""A seeded shop: in go sizes and a seed, out come its catalogue, its shoppers and what they like.

Popularity and activity have long tails. A taste favours a few categories, brands and products; every shopper has
two or three tastes, so that what they buy can be told from what they bought. Each part draws from a random stream
of its own: more users leave the catalogue as it was.
"""

from dataclasses import dataclass
from itertools import product
from math import ceil

import numpy as np
import numpy.typing as npt

from kafka_producer.words import BRANDS, CATEGORIES, CITIES, FIRST_NAMES, LAST_NAMES

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

TASTES = 8
FAVOURITES = np.array([1.0, 0.6, 0.4])  # weights of a taste's favourite categories; any other weighs as below
ELSEWHERE = 0.01
LIKED_BRANDS = 0.3  # share of the brands that a taste likes; any other weighs as below
OTHER_BRAND = 0.05
MAINSTREAM = 0.05  # share of choices that follow popularity whatever the taste
LATE_PRODUCTS = 0.25
LATE_USERS = 0.35


@dataclass(frozen=True)
class Catalogue:
    """Products, one place a product in each array. `launched` is 0..1 of the time range, 0 = sold from the start."""

    ids: tuple[str, ...]
    names: tuple[str, ...]
    category: Ints
    brand: Ints
    price: Floats
    popularity: Floats
    launched: Floats

    @property
    def used_up(self) -> Flags:
        """Whether a product is one that people buy again and again."""
        return np.array([category.used_up for category in CATEGORIES])[self.category]

    def data(self, place: int, *, in_stock: bool) -> dict[str, object]:
        """An event's product_data."""
        return {
            "id": self.ids[place],
            "name": self.names[place],
            "category": CATEGORIES[self.category[place]].name,
            "brand": BRANDS[self.brand[place]],
            "price": float(self.price[place]),
            "in_stock": in_stock,
        }


@dataclass(frozen=True)
class Tastes:
    """What draws people: `products` is (tastes, products), the chances in a session of that taste; rows sum to 1."""

    names: tuple[str, ...]
    products: Floats


@dataclass(frozen=True)
class Shoppers:
    """Users, one place a user. `tastes` is (users, tastes), rows sum to 1; `joined` is 0..1 of the time range."""

    ids: tuple[str, ...]
    names: tuple[str, ...]
    city: Ints
    age: Ints
    activity: Floats
    joined: Floats
    tastes: Floats

    def data(self, place: int) -> dict[str, object]:
        """An event's customer_data."""
        return {
            "id": self.ids[place],
            "name": self.names[place],
            "email": f"{self.ids[place].lower()}@example.com",
            "location": CITIES[self.city[place]],
            "age": int(self.age[place]),
        }


@dataclass(frozen=True)
class Shop:
    """All that stands before the first event."""

    catalogue: Catalogue
    shoppers: Shoppers
    tastes: Tastes


def opened(*, users: int, products: int, seed: int) -> Shop:
    """The shop of a seed, with so many users and products."""
    sold = catalogue(products, seed=seed)
    return Shop(sold, shoppers(users, seed=seed), tastes(sold, seed=seed))


def random_stream(seed: int, purpose: str) -> np.random.Generator:
    """The random numbers for one purpose."""
    return np.random.default_rng([seed, *purpose.encode()])


def catalogue(products: int, *, seed: int) -> Catalogue:
    """So many products on the shelves of words.py."""
    random = random_stream(seed, "catalogue")
    category = pick(random, np.array([shelf.share for shelf in CATEGORIES]), products)
    return Catalogue(
        ids=tuple(f"P{number:04d}" for number in range(1, products + 1)),
        names=product_names(random, category),
        category=category,
        brand=brands(random, category),
        price=prices(random, category),
        popularity=random.permutation(long_tail(products, steepness=0.7)),
        launched=late(random, products, LATE_PRODUCTS),
    )


def shoppers(users: int, *, seed: int) -> Shoppers:
    """So many users, each with two or three tastes."""
    random = random_stream(seed, "shoppers")
    first, last = random.integers(len(FIRST_NAMES), size=users), random.integers(len(LAST_NAMES), size=users)
    return Shoppers(
        ids=tuple(f"U{number:05d}" for number in range(1, users + 1)),
        names=tuple(f"{FIRST_NAMES[a]} {LAST_NAMES[b]}" for a, b in zip(first, last, strict=True)),
        city=pick(random, long_tail(len(CITIES), steepness=0.7), users),
        age=18 + np.floor(random.beta(2, 3.5, users) * 68).astype(np.int64),
        activity=normalised(random.lognormal(0, 0.8, users)),
        joined=late(random, users, LATE_USERS),
        tastes=mixed_tastes(random, users),
    )


def tastes(sold: Catalogue, *, seed: int) -> Tastes:
    """Eight tastes over a catalogue, each named after its three favourite categories."""
    random = random_stream(seed, "tastes")
    rounds = [random.permutation(len(CATEGORIES)) for _ in range(ceil(TASTES * len(FAVOURITES) / len(CATEGORIES)))]
    favourites = np.concatenate(rounds)[: TASTES * len(FAVOURITES)].reshape(TASTES, -1)
    by_category = np.full((TASTES, len(CATEGORIES)), ELSEWHERE)
    np.put_along_axis(by_category, favourites, FAVOURITES[None, :], axis=1)
    by_brand = np.where(random.random((TASTES, len(BRANDS))) < LIKED_BRANDS, 1, OTHER_BRAND)
    by_product = random.lognormal(0, 0.8, (TASTES, len(sold.ids)))
    drawn = normalised(by_category[:, sold.category] * by_brand[:, sold.brand] * by_product * sold.popularity)
    names = tuple(" + ".join(CATEGORIES[place].name for place in row) for row in favourites)
    return Tastes(names, (1 - MAINSTREAM) * drawn + MAINSTREAM * sold.popularity)


def product_names(random: np.random.Generator, category: Ints) -> tuple[str, ...]:
    """A name such as "Oak Reading Lamp" for each product, unlike any other's."""
    names = [""] * len(category)
    for place, shelf in enumerate(CATEGORIES):
        combined = [" ".join(words) for words in product(*shelf.names)]
        order = random.permutation(len(combined))
        for count, of_shelf in enumerate(np.flatnonzero(category == place)):
            again, index = divmod(count, len(combined))
            names[of_shelf] = combined[order[index]] + (f" No. {again + 1}" if again else "")
    return tuple(names)


def brands(random: np.random.Generator, category: Ints) -> Ints:
    """A brand for each product; a brand has one or two categories, and some brands of a category sell most of it."""
    numbers = np.arange(len(BRANDS))
    second = np.where(random.random(len(BRANDS)) < 0.4, random.integers(len(CATEGORIES), size=len(BRANDS)), -1)
    chosen = np.empty_like(category)
    for place in range(len(CATEGORIES)):
        made_by = numbers[(numbers % len(CATEGORIES) == place) | (second == place)]
        mine = category == place
        chosen[mine] = made_by[pick(random, long_tail(len(made_by), steepness=0.8), int(mine.sum()))]
    return chosen


def prices(random: np.random.Generator, category: Ints) -> Floats:
    """List prices around each category's median, all ending in .49 or .99."""
    median = np.array([shelf.price for shelf in CATEGORIES])[category]
    halves = np.round(median * random.lognormal(0, 0.45, len(category)) * 2)
    return np.round(np.maximum(halves, 2) / 2 - 0.01, 2)


def mixed_tastes(random: np.random.Generator, users: int) -> Floats:
    """(users, tastes): each user's two or three tastes with their shares; some tastes are commoner than others."""
    commonness = np.log(long_tail(TASTES, steepness=0.5))
    mine = np.argsort(-(commonness + random.gumbel(size=(users, TASTES))), axis=1)[:, :3]
    shares = random.exponential(size=mine.shape) + 0.2
    shares[random.random(users) < 0.5, 2] = 0
    mixed = np.zeros((users, TASTES))
    np.put_along_axis(mixed, mine, shares, axis=1)
    return normalised(mixed)


def late(random: np.random.Generator, count: int, share: float) -> Floats:
    """When each of `count` first appears, 0..1: most at 0, a share of them spread over the first 85 % of the time."""
    start = np.where(random.random(count) < share, random.uniform(0.05, 0.85, count), 0)
    start[0] = 0
    return start


def long_tail(count: int, *, steepness: float) -> Floats:
    """Zipf-Mandelbrot shares of `count` ranks, largest first; they sum to 1."""
    return normalised(np.power(np.arange(3.0, count + 3), -steepness))


def normalised(weights: Floats) -> Floats:
    """Weights scaled so that each row sums to 1."""
    totals: Floats = weights.sum(axis=-1, keepdims=True)
    return weights / totals


def pick(random: np.random.Generator, shares: Floats, count: int) -> Ints:
    """So many places, each drawn by its share."""
    edges = np.cumsum(shares)
    place: Ints = np.searchsorted(edges, random.random(count) * edges[-1], side="right")
    return place.clip(max=len(shares) - 1)
