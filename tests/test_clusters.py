"""Segments of users: planted groups are found, users without groups are said to have none, and numbers stay."""

import json

import numpy as np
import pytest

from spark_app.frames import samples
from spark_app.grouping import comparing
from spark_app.segments import agglomerative, clusters
from tests.grouped import noise, planted, segments, wide


def rand(found: dict[str, int], group: np.ndarray) -> float:
    labels = np.array([found[f"u{at:04d}"] for at in range(len(group))])
    return comparing.adjusted_rand(comparing.contingency(labels, group))


def test_planted_groups_are_found_by_both_methods_and_said_to_be_there(spark):
    values, group = planted(120, 5, 3)
    found = clusters.of(wide(spark, values), k=None, seed=7, before=None)
    assert rand(segments(found.assigned, "kmeans"), group) >= 0.9
    assert rand(segments(found.assigned, "agglomerative"), group) >= 0.9
    assert found.said["k"] == 3 and found.said["structure"]["found"] and found.said["agreement"] >= 0.9
    assert sum(found.said["methods"]["kmeans"]["sizes"].values()) == found.said["users"] == 120
    assert sum(found.said["dendrogram"]["leaves"]) == 120
    json.dumps(found.said, allow_nan=False)


def test_numbers_stay_with_their_users_and_a_new_group_gets_a_new_one(spark):
    values, group = planted(90, 3, 3)
    first = clusters.of(wide(spark, values), k=3, seed=7, before=None).assigned.cache()
    # The same users in another place, and a third of the first group gone to a place of its own.
    moved = 100 - values
    moved[np.flatnonzero(group == 0)[:10]] += 40
    again = clusters.of(wide(spark, moved), k=4, seed=7, before=first.select("user", "method", "segment")).assigned
    before, now = segments(first, "kmeans"), segments(again, "kmeans")
    assert sum(before[user] == now[user] for user in now) == 80
    assert {now[f"u{at:04d}"] for at in np.flatnonzero(group == 0)[:10]} == {4}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.ones((1, 2)), "1 user: too few to form groups"),
        (np.array([[1.0, 2], [3, 1]]), "2 users: too few to form groups"),
        (np.ones((6, 2)), "6 users, all alike in what is known of them: one group"),
        (np.empty((0, 2)), "0 users: too few to form groups"),
    ],
)
def test_too_few_users_or_users_who_are_all_alike_end_in_words(spark, values, words):
    found = clusters.of(wide(spark, values), k=3, seed=7, before=None)
    assert found.said["structure"] == {"found": False, "words": words}
    assert found.said["methods"]["kmeans"]["silhouette"] is None
    assert set(segments(found.assigned, "kmeans").values()) <= {1}
    json.dumps(found.said, allow_nan=False)


def test_fewer_places_than_groups_that_were_asked_for_give_as_many_groups_as_places(spark):
    values = np.repeat([[0.0, 0], [0, 9], [9, 0]], 4, axis=0)
    found = clusters.of(wide(spark, values), k=5, seed=7, before=None)
    assert found.said["chosen_by"] == "5 were asked for; 3 is as many as there can be"
    assert found.said["methods"]["kmeans"]["sizes"] == found.said["methods"]["agglomerative"]["sizes"]


@pytest.mark.parametrize("users", [210, 400], ids=["hardly more than the sample", "twice the sample"])
def test_users_beyond_the_sample_are_placed_by_executors_as_those_within(spark, monkeypatch, users):
    values, group = planted(users, 4, 4)
    monkeypatch.setattr(samples, "SIZE", 200)
    monkeypatch.setattr(agglomerative, "DIRECTLY", 100)
    monkeypatch.setattr(agglomerative, "MICRO_CLUSTERS", 40)
    found = clusters.of(wide(spark, values), k=4, seed=7, before=None)
    assert rand(segments(found.assigned, "kmeans"), group) >= 0.9
    assert rand(segments(found.assigned, "agglomerative"), group) >= 0.9
    assert found.said["methods"]["agglomerative"]["micro_clusters"] <= 40
    assert sum(found.said["dendrogram"]["leaves"]) == found.said["users"] == found.points.count() == users


def test_the_distance_is_that_from_the_middle_of_the_segments_users(spark):
    found = clusters.of(wide(spark, noise(40, 3, seed=1)), k=2, seed=7, before=None)
    points = {row["user"]: np.array(row["point"]) for row in found.points.collect()}
    for row in (row for row in found.assigned.collect() if row["user"] in {"u0003", "u0017"}):
        inside = [user for user, number in segments(found.assigned, row["method"]).items() if number == row["segment"]]
        middle = np.mean([points[user] for user in inside], axis=0)
        assert row["distance"] == pytest.approx(np.linalg.norm(points[row["user"]] - middle))
        assert [row["x"], row["y"]] == list(points[row["user"]][:2])


@pytest.mark.parametrize("asked", [{"linkage": "centroid"}, {"most": 0}, {"k": 0}])
def test_a_linkage_that_cannot_be_cut_and_no_groups_are_refused(spark, asked):
    with pytest.raises(ValueError, match="expected"):
        clusters.of(wide(spark, np.ones((3, 1))), **{"k": 2, "seed": 7, "before": None} | asked)
