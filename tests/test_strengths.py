"""Strengths of one user without Spark: the same sums as for all users with it, also when later events are taken in."""

import random
from datetime import UTC

import pytest
from builders import events

from spark_app import interactions
from spark_app.numbers import strengths
from spark_app.numbers.strengths import Deed, Pair, Terms
from spark_app.schemas import EVENT_WEIGHTS

DAY = 86_400_000_000


def pair(*deeds: tuple) -> Pair:
    """From (kind, quantity=1, day=0, rating=None)."""
    found = Pair()
    found.add(Deed(kind, *_rest(*rest)) for kind, *rest in deeds)
    return found


def _rest(quantity: float = 1.0, day: float = 0.0, rating: float | None = None) -> tuple:
    return quantity, int(day * DAY), rating


def strength(*deeds: tuple, **terms: object) -> float | None:
    return strengths.of({0: pair(*deeds)}, Terms(EVENT_WEIGHTS, **terms))[0]


def test_a_lone_purchase_has_strength_one():
    assert strength(("purchase",)) == 1.0


def test_what_is_sent_back_shows_no_interest():
    assert strength(("purchase", 3), ("purchase", -3, 1)) is None
    assert strength(("purchase", 0.1), ("purchase", 0.2), ("purchase", -0.3)) is None


def test_a_dislike_takes_the_product_away():
    assert strength(("purchase", 2), ("dislike",)) is None


def test_an_interaction_of_one_half_life_counts_half():
    assert strength(("purchase", 1, 10), half_life_days=5.0, now=15 * DAY) == pytest.approx(0.5)
    assert strength(("purchase", 1, 10), half_life_days=5.0, now=0) == 1.0


def test_a_rating_counts_from_the_users_mean_up():
    pairs = {0: pair(("rate", 1, 0, 5.0)), 1: pair(("rate", 1, 0, 1.0)), 2: pair(("rate", 1, 0, 3.0))}
    found = strengths.of(pairs, Terms(EVENT_WEIGHTS))
    assert (found[0], found[1], found[2]) == (pytest.approx(0.6), None, pytest.approx(0.6))


def test_the_event_type_is_told_by_the_column():
    name = f"{strengths.NET}{b'add to cart'.hex()}"
    assert strengths.kind_of(name) == "add to cart"


@pytest.mark.slow
@pytest.mark.parametrize("half_life", [None, 6.0])
@pytest.mark.parametrize("way", ["binary", "log"])
def test_later_events_make_the_strength_that_spark_makes_of_all(spark, way, half_life):
    draw = random.Random(9)
    kinds = ["purchase", "purchase", "view", "cart", "remove_from_cart", "rate", "dislike", "post"]
    rows = []
    for number in range(500):
        kind = draw.choice(kinds)
        rows.append(("ann", f"p{draw.randrange(60)}", kind, draw.choice([1, 2, -1, 0.1]), float(number // 50)))
    seen = events(spark, *rows)
    rated = spark.createDataFrame(
        [row.asDict() | {"rating": float(draw.randint(1, 5)) if row.event_type == "rate" else None}
         for row in seen.collect()], seen.schema
    )  # fmt: skip
    asked = {"strength": way, "half_life_days": half_life}
    expected = {row.product: row.strength for row in interactions.from_events(rated, EVENT_WEIGHTS, **asked).collect()}
    # The first part as Spark nets it, the second as it comes.
    first, second = rated.filter("position < 350"), rated.filter("position >= 350").orderBy("position").collect()
    pairs: dict[str, Pair] = {}
    for row in interactions.from_events(first, EVENT_WEIGHTS, nets=True, **asked).collect():
        pairs[row.product] = _netted(row.asDict())
    for row in second:
        at = int(row.occurred_at.astimezone(UTC).timestamp() * 1e6)
        pairs.setdefault(row.product, Pair()).add([Deed(row.event_type, row.quantity, at, row.rating)])
    newest = max(at for one in pairs.values() for at in one.newest.values())
    found = strengths.of(pairs, Terms(EVENT_WEIGHTS, way, half_life, newest))
    assert {name: value for name, value in found.items() if value is not None} == pytest.approx(
        {name: value for name, value in expected.items() if value is not None}
    )
    assert {name for name, value in found.items() if value is None} == {
        name for name, value in expected.items() if value is None
    }
    assert {name: one.last_rating for name, one in pairs.items() if one.rated} == {
        row.product: row.rating for row in interactions.ratings(rated).collect()
    }


def _netted(row: dict) -> Pair:
    found = Pair(events=row["event_count"], last_at=int(row["last_event_at"].astimezone(UTC).timestamp() * 1e6))
    for name, value in row.items():
        if value is None:
            continue
        if name.startswith(strengths.NET):
            found.nets[strengths.kind_of(name)] = value
        elif name.startswith(strengths.NEWEST):
            found.newest[strengths.kind_of(name)] = int(value.astimezone(UTC).timestamp() * 1e6)
    if row.get("rated"):
        found.rated, found.ratings = row["rated"], row["rating"] * row["rated"]
        found.last_rating = row["last_rating"]
        found.rated_at = int(row["rated_at"].astimezone(UTC).timestamp() * 1e6)
    return found
