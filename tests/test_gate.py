"""The gate: what is clearly worse, or below popularity, is not published."""

import numpy as np
import pandas as pd
import pytest

from spark_app import gate
from spark_app.evaluation import Metrics

USERS = [f"u{number:03d}" for number in range(200)]
NOISE = np.random.default_rng(1).normal(0, 0.1, len(USERS))


def worth(mean, *, noise=0.0):
    """Metrics of lists that are worth `mean` on average, and more to some users than to others."""
    values = np.full(len(USERS), mean) + noise * NOISE
    return Metrics(pd.Series(values, index=USERS), ndcg=float(values.mean()))


def decided(candidate, popular, published=None, *, first=False):
    return gate.decide(candidate, popular, published, first=first, seed=7)


def test_what_is_clearly_worse_than_what_is_published_is_refused():
    verdict = decided(worth(0.20, noise=0.1), worth(0.1), worth(0.25))
    assert not verdict.publish and verdict.difference[1] < 0
    assert "worse than the published settings" in verdict.reason and "0.2500" in verdict.reason


def test_what_is_better_is_published():
    verdict = decided(worth(0.30, noise=0.1), worth(0.1), worth(0.25))
    assert verdict.publish and verdict.difference[0] > 0 and "better than" in verdict.reason


def test_what_is_worse_by_chance_only_is_published():
    verdict = decided(worth(0.249, noise=1.0), worth(0.1), worth(0.25))
    assert verdict.publish and verdict.difference[0] < 0 < verdict.difference[1]


def test_the_difference_is_taken_user_by_user_whatever_their_order():
    candidate, published = worth(0.30, noise=1.0), worth(0.31, noise=1.0)
    shuffled = Metrics(published.ndcg_by_user.sample(frac=1, random_state=3), ndcg=published.ndcg)
    verdict = decided(candidate, worth(0.1), shuffled)
    assert not verdict.publish and verdict.difference == pytest.approx((-0.01, -0.01))


def test_what_is_below_popularity_is_refused_also_when_it_beats_what_is_published():
    verdict = decided(worth(0.2), worth(0.21), worth(0.1))
    assert not verdict.publish and verdict.reason.startswith("below popularity")


def test_the_first_is_always_published_with_popularitys_lists_where_those_are_better():
    good, bad = decided(worth(0.2), worth(0.1), first=True), decided(worth(0.1), worth(0.2), first=True)
    assert (good.publish, good.popular) == (True, False)
    assert (bad.publish, bad.popular) == (True, True) and "popularity is better" in bad.reason


def test_the_same_settings_need_only_to_beat_popularity():
    assert decided(worth(0.2), worth(0.1)).publish
    assert not decided(worth(0.05), worth(0.1)).publish


def test_without_anyone_to_judge_it_is_published_and_says_so():
    nobody = Metrics(pd.Series(dtype="float64"), reason="nobody came back")
    verdict = decided(nobody, nobody, first=True)
    assert verdict.publish and not verdict.popular and "nobody came back" in verdict.reason


def test_overlap_is_the_mean_share_of_products_that_were_listed_before(spark):
    columns = "user STRING, product STRING, rank INT"
    ours = spark.createDataFrame([("ann", "a", 1), ("ann", "b", 2), ("bob", "c", 1), ("new", "c", 1)], columns)
    before = spark.createDataFrame([("ann", "b", 1), ("ann", "x", 2), ("bob", "c", 1), ("bob", "a", 11)], columns)
    assert gate.overlap(ours, before) == pytest.approx((0.5 + 1.0) / 2)
    assert gate.overlap(ours, before.filter("user = 'nobody'")) is None
