"""Who is alike: hand-computed distances, planted groups found as communities, the approximate way beside the exact."""

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from spark_app import schemas
from spark_app.frames import communities as communities_
from spark_app.frames import near
from spark_app.segments import alike


def points(spark: SparkSession, at: dict[str, tuple[float, ...]]) -> DataFrame:
    return spark.createDataFrame([(user, list(map(float, point))) for user, point in at.items()], schemas.POINT)


def rows(similar: DataFrame) -> list[tuple]:
    return [tuple(row) for row in similar.orderBy("user", (-similar.score), "similar_user").collect()]


def lists(similar: DataFrame) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for user, other, _ in rows(similar):
        found.setdefault(user, []).append(other)
    return found


def groups(count: int, size: int, *, seed: int = 7) -> dict[str, tuple[float, ...]]:
    """`count` groups of users "<group>-<number>" around points far from each other."""
    random = np.random.default_rng(seed)
    centres = 20 * np.eye(count, 6)
    return {
        f"{group}-{number:03}": tuple(centres[group] + random.normal(size=6))
        for number in range(size)
        for group in range(count)
    }


@pytest.mark.slow
def test_the_score_is_one_by_one_and_the_distance(spark):
    similar = alike.users(points(spark, {"ann": (0, 0), "bob": (3, 4), "cem": (0, 1)}), 1, 7)
    assert rows(similar) == [("ann", "cem", 0.5), ("bob", "cem", pytest.approx(1 / (1 + 18**0.5))), ("cem", "ann", 0.5)]
    assert similar.columns == schemas.names(schemas.USER_SIMILARITY)


@pytest.mark.slow
def test_all_alike_are_listed_in_the_order_of_their_ids_by_executors_too(spark, monkeypatch):
    monkeypatch.setattr(near, "SMALL", 0)
    similar = alike.users(points(spark, dict.fromkeys("dbca", (1, 1))), 2, 7)
    assert lists(similar) == {"a": ["b", "c"], "b": ["a", "c"], "c": ["a", "b"], "d": ["a", "b"]}
    assert {score for _, _, score in rows(similar)} == {1.0}


@pytest.mark.parametrize("users", [0, 1, 2])
def test_where_there_are_few_users_lists_are_short(spark, users):
    similar = alike.users(points(spark, {name: (1, 2) for name in "ab"[:users]}), 10, 7)
    assert rows(similar) == ([("a", "b", 1.0), ("b", "a", 1.0)] if users == 2 else [])


def test_of_users_without_similar_ones_there_is_no_network(spark):
    nobody = spark.createDataFrame([], schemas.USER_SIMILARITY)
    said = {"users": 1, "edges": 0, "communities": 0, "largest": 0, "exact": True}
    assert alike.said(nobody, alike.communities(nobody), 1) == said


def test_near_ones_are_told_apart_though_both_are_far_from_the_middle():
    known = np.array([[10_000.0, 0], [10_000.0, 0.002], [10_000.0, 0.001], [0, 0]])
    places, distances = alike.nearest(known[:1], known, np.array([0]), 4)
    assert places.tolist() == [[2, 1, 3, -1]]
    assert distances[0].tolist() == pytest.approx([0.001, 0.002, 10_000, np.inf])


@pytest.mark.slow
def test_planted_groups_are_communities_numbered_from_the_largest(spark):
    """The first of three groups has some users more."""
    at = groups(3, 30) | {f"0-{number}": at for number, at in enumerate(groups(1, 10, seed=8).values(), start=100)}
    found = {row["user"]: row for row in alike.communities(alike.users(points(spark, at), 10, 7)).collect()}
    assert set(found) == set(at)
    of_group = [{found[user]["community"] for user in at if user.startswith(f"{group}-")} for group in range(3)]
    assert of_group[0] == {0}
    assert len(set.union(*of_group)) == 3
    assert min(row["degree"] for row in found.values()) >= 10


def test_the_degree_counts_whom_one_is_connected_with_in_either_direction(spark):
    """ann lists bob, bob lists ann, cem and dan list bob."""
    pairs = [("ann", "bob", 0.5), ("bob", "ann", 0.5), ("cem", "bob", 0.4), ("dan", "bob", 0.3)]
    found = alike.communities(spark.createDataFrame(pairs, schemas.USER_SIMILARITY))
    assert {row["user"]: row["degree"] for row in found.collect()} == {"ann": 1, "bob": 3, "cem": 1, "dan": 1}


def test_communities_of_a_large_network_are_found_where_the_program_runs(spark, monkeypatch):
    """Two triangles of users, each of whom lists both others."""
    monkeypatch.setattr(communities_, "IN_GRAPHX", 0)
    pairs = [(one, other, 0.5) for users in ("abc", "xyz") for one in users for other in users if one != other]
    similar = spark.createDataFrame(pairs, schemas.USER_SIMILARITY)
    network = alike.communities(similar)
    assert sorted(map(tuple, network.collect())) == [
        ("a", 0, 2), ("b", 0, 2), ("c", 0, 2), ("x", 1, 2), ("y", 1, 2), ("z", 1, 2),
    ]  # fmt: skip
    said = {"users": 6, "edges": 12, "communities": 2, "largest": 3, "exact": True}
    assert alike.said(similar, network, 6) == said


@pytest.mark.slow
def test_above_the_limit_nearly_the_same_users_are_found(spark, monkeypatch):
    at = points(spark, groups(4, 150)).persist()
    exact = lists(alike.users(at, 10, 7))
    for name, value in {"EXACT": 100, "CELL": 30, "CELL_LIMIT": 100}.items():
        monkeypatch.setattr(alike, name, value)
    found = lists(alike.users(at, 10, 7))
    shared = [len(set(found[user]) & set(exact[user])) / 10 for user in exact]
    assert np.mean(shared) > 0.8
    assert lists(alike.users(at.repartition(3), 10, 7)) == found


def test_above_the_limit_users_who_are_all_alike_are_compared_in_pieces(spark, monkeypatch):
    for name, value in {"EXACT": 10, "CELL": 10, "CELL_LIMIT": 10}.items():
        monkeypatch.setattr(alike, name, value)
    similar = alike.users(points(spark, {f"{number:02}": (1, 1) for number in range(40)}), 2, 7)
    assert {score for _, _, score in rows(similar)} == {1.0}
    assert not [row for row in rows(similar) if row[0] == row[1]]
