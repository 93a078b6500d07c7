"""What segments are called: kinds a shop knows, what sets them apart, and never the same twice."""

import string

import pytest

from spark_app.segments import kinds, labels
from spark_app.segments.profiles import Profile, Trait
from spark_app.segments.tops import Top


def profile(segment=1, method="kmeans", **traits):
    """From (mean, overall mean, apart) by column; `category_Books` stands for category:Books."""
    told = [
        Trait(name.replace("_of_", ":"), mean, overall, mean / overall if overall > 0 else None, apart)
        for name, (mean, overall, apart) in traits.items()
    ]
    return Profile(method, segment, 10, 0.1, tuple(told))


def top(key, *, users=50, lift=2.0, kind="category", segment=1, rank=1):
    return Top("kmeans", segment, kind, rank, key, key, users, users / 100, lift)


def said(*profiles, rows=()):
    return [one.label for one in labels.of(profiles, rows)]


@pytest.mark.parametrize(
    ("label", "traits"),
    [
        ("wholesale buyers, many orders", {
            "orders": (20, 4, 2), "money": (20_000, 1_900, 3), "basket": (900, 300, 1.5),
        }),
        ("regulars who spend much", {"orders": (12, 4, 1.2), "money": (4_000, 1_900, 1.1), "basket": (330, 300, 0.1)}),
        ("one order long ago", {"orders": (1.1, 4, -1), "recency_days": (240, 90, 1.2)}),
        ("one order lately", {"orders": (1.2, 4, -1), "recency_days": (20, 90, -0.9)}),
        ("customers of long ago", {"orders": (3, 4, -0.3), "recency_days": (200, 90, 0.9)}),
        ("one or two orders long ago", {"orders": (1.7, 4, -1.5), "recency_days": (160, 90, 1.1)}),
        ("new customers", {"orders": (1.5, 4, -1), "recency_days": (34, 90, -0.7), "tenure_days": (48, 220, -3)}),
        ("returns and hardly an order", {"orders": (0.3, 4, -2), "returns": (0.9, 0, 9), "money": (-9, 90, -9)}),
        ("lookers who never bought", {"orders": (0, 2, -2), "sessions": (3, 3, 0)}),
        ("buyers who send much back", {"orders": (3, 3, 0), "returns": (0.4, 0.02, 4)}),
        ("visitors, fond of Sports", {"visits": (10, 10, 0), "category_of_Sports": (0.6, 0.2, 2)}),
        ("shoppers, fond of Books, in the evening", {
            "orders": (3, 3, 0), "category_of_Books": (0.5, 0.2, 1), "part_of_evening": (0.7, 0.3, 1.5),
        }),
        ("visitors, fond of Sports and News", {
            "visits": (10, 10, 0), "category_of_Sports": (0.6, 0.2, 2), "category_of_News": (0.3, 0.1, 1),
        }),
        ("shoppers, not seen lately", {"orders": (3, 3, 0), "recency_days": (14, 5, 1)}),
        ("shoppers, like most others", {"orders": (3, 3, 0.1)}),
    ],
)  # fmt: skip
def test_a_shop_owner_knows_whom_a_label_means(label, traits):
    assert said(profile(**traits)) == [label]


def test_where_two_would_be_called_the_same_what_is_next_most_telling_is_added():
    one = profile(1, orders=(1, 4, -1), recency_days=(240, 90, 1), basket=(100, 300, -0.5), money=(90, 300, -0.4))
    other = profile(2, orders=(1, 4, -1), recency_days=(250, 90, 1), basket=(500, 300, 0.6), money=(90, 300, 0.1))
    third = profile(3, orders=(9, 4, 1), recency_days=(9, 90, -1))
    assert said(one, other, third) == [
        "one order long ago, cheap orders", "one order long ago, dear orders", "regulars, seen lately",
    ]  # fmt: skip


def test_segments_that_cannot_be_told_apart_have_their_numbers():
    assert said(profile(1), profile(2)) == ["users, like most others, segment 1", "users, like most others, segment 2"]


def test_those_who_come_in_one_season_are_called_by_it_but_not_those_who_come_often():
    rows = [top("December", users=60, lift=2.0, kind="month"), top("March", users=40, lift=0.8, kind="month", rank=2)]
    away = {"orders": (1.7, 4, -1.5), "recency_days": (160, 90, 1.1)}
    assert said(profile(**away), rows=rows) == ["one or two orders long ago, mostly in December"]
    assert said(profile(orders=(9, 4, 1)), rows=rows) == ["regulars"]


def test_of_a_theme_only_the_most_telling_is_said():
    wide = profile(visits=(9, 3, 1), domains=(5, 2, 2), categories=(4, 2, 1.5))
    assert said(wide) == ["visitors, many domains, many visits"]


def test_nothing_is_said_where_the_mean_speaks_against_most_users():
    """A few others have a fortune: most of these have more than others do, and less on average."""
    assert said(profile(orders=(9, 4, 1), money=(1_600, 1_900, 1.2))) == ["regulars"]


def test_another_method_may_say_the_same():
    assert len(set(said(profile(1), profile(1, "agglomerative")))) == 1


def test_users_known_by_factors_are_called_by_what_they_take_to():
    rows = [top("Books"), top("Lamps", users=40, rank=2), top("All", users=90, lift=1.0, rank=3)]
    rows += [top("Toys", segment=2), top("All", users=90, lift=1.0, segment=2, rank=2)]
    found = said(profile(1, factor_1=(0.1, 0, 3)), profile(2, factor_1=(-0.1, 0, -3)), rows=rows)
    assert found == ["users, fond of Books and Lamps", "users, fond of Toys"]


def test_a_share_is_told_only_where_it_is_much_and_of_a_named_value():
    rare = {"brand_of_Acme": (0.02, 0.001, 2.0), "brand_of_(other)": (0.9, 0.5, 2.0), "part_of_night": (0.4, 0.1, 1.0)}
    assert said(profile(**rare)) == ["users, at night"]


@pytest.mark.parametrize("kind", kinds.KINDS, ids=lambda kind: kind.words)
def test_advice_speaks_of_what_its_conditions_ask_alone(kind):
    names = {name for _, name, _, _ in string.Formatter().parse(kind.advice) if name}
    assert names <= kind.columns | {"lift"}
    assert "lift" not in names or "money" in kind.columns
