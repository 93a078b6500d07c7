"""Interests from the event table to the files: planted groups are found again, and what cannot be is said in words."""

import csv
import json

import interested
import numpy as np
import pytest
from builders import events
from conftest import settings_for
from test_cli import call

from kafka_producer import activity
from kafka_producer.activity import Activity
from kafka_producer.simulate import encode
from spark_app import ingestion
from spark_app.cohorts import interest_exports, interest_making
from spark_app.cohorts.interest_making import Asked, NothingPostedError
from spark_app.grouping import comparing
from spark_app.interests import model
from spark_app.storage import interest_files, shelves, tables

TALK = ("puppy kitten collar walk treats", "seeds rose compost bloom herbs", "vinyl bass concert studio speaker")


@pytest.fixture(scope="module")
def shop(spark, tmp_path_factory):
    """Shoppers of 4 groups who post, and who is in which."""
    settings = settings_for(tmp_path_factory.mktemp("posts"))
    inbox = settings.data_dir / "inbox"
    inbox.mkdir(parents=True)
    shoppers = Activity(users=60, posts=600)
    (inbox / "posts.jsonl").write_text("\n".join(map(encode, activity.events(shoppers))), encoding="utf-8")
    ingestion.take_files(spark, settings, inbox)
    return settings, dict(activity.members(shoppers))


def posted(spark, settings, users=60, seed=5):
    """Users u0, u1, ... who post of their topic by turns, in the event table; gives the topic of each."""
    random, said = np.random.default_rng(seed), {}
    facts = [(f"u{place:03d}", None, "post") for place in range(users)]
    for place in range(users):
        said[f"u{place:03d}"] = " ".join(random.permutation(TALK[place % len(TALK)].split() * 2))
    told = spark.createDataFrame([*said.items()], "user STRING, text STRING")
    rows = events(spark, *facts, ("u000", "lamp"), ("u003", "lamp"), ("u001", "rose"))
    rows = rows.drop("text").join(told, "user").select(*rows.columns)
    rows.write.format("delta").save(str(tables.path(settings, tables.EVENTS)))
    return {user: int(user[1:]) % len(TALK) for user in said}


def kept(settings):
    """The rows of users.parquet, by user."""
    folder = interest_files.latest(settings)
    return {row["user"]: row for row in shelves.table(folder, interest_files.USERS).to_pylist()}


def agreement(found, truth):
    pairs = ([found[user] or 0 for user in truth], [truth[user] for user in truth])
    return comparing.adjusted_rand(comparing.contingency(*(np.unique(one, return_inverse=True)[1] for one in pairs)))


@pytest.mark.slow
def test_groups_are_found_described_and_kept_with_the_numbers_they_had(spark, settings):
    """The numbers before are such as no sizes would give; a group that is new gets one that was never given."""
    topics = posted(spark, settings)
    before = {0: 7, 1: 4}
    known = [user for user, topic in topics.items() if topic in before]
    rows = [{"user": user, "nearest": before[topics[user]], "group": before[topics[user]]} for user in known]
    interested.keep(settings, [row | {"confidence": 1.0, "x": 0.0, "y": 0.0, "posts": 1} for row in rows], given=9)
    folder = interest_making.make(spark, settings, Asked(k=3))
    users, summary = kept(settings), folder.summary
    assert {topics[user]: row["group"] for user, row in users.items()} == {0: 7, 1: 4, 2: 10}
    assert agreement({user: row["group"] for user, row in users.items()}, topics) == 1.0
    assert {*summary["groups"]} == {"4", "7", "10"} and summary["given"] == 10
    pets = summary["groups"]["7"]
    assert (pets["size"], pets["share"]) == (20, 1 / 3)
    assert {word for word, _ in pets["keywords"]} == {*TALK[0].split()}
    assert [one["product"] for one in pets["products"]] == ["lamp"] and pets["strategy"]["words"]
    assert pets["times"]["posts"] == {"weekday": "Thursday", "hour": "0 h"}
    loaded = model.load(interest_files.model(folder))
    assert [one.group for one in loaded.assign(["Puppy or kitten?", "qwertz"])] == [7, None]
    assert shelves.table(folder, interest_files.TOPS)["product"].to_pylist() == ["rose", "lamp"]


@pytest.mark.slow
def test_planted_groups_are_found_again_by_the_verb(shop, tmp_path):
    settings, truth = shop
    home = {"MILLSTREAM_DATA_DIR": str(settings.data_dir), "MILLSTREAM_RESULTS_DIR": str(settings.results_dir)}
    done = call(tmp_path, "interests", "--json", **home)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["structure"]["found"] and said["k"] == 4 and "groups" in done.stderr
    assert agreement({user: row["group"] for user, row in kept(settings).items()}, truth) >= 0.9
    with (settings.results_dir / interest_exports.TABLE).open(newline="") as file:
        assert len([*csv.DictReader(file)]) == said["users"]
    assert (settings.results_dir / "interests.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize("texts", [["lamp"], ["", ""], ["the same"] * 5])
def test_few_and_equal_and_empty_posts_end_in_words_with_all_files(spark, settings, texts):
    facts = [(f"u{place}", None, "post") for place in range(len(texts))]
    events(spark, *facts, text=texts[0]).write.format("delta").save(str(tables.path(settings, tables.EVENTS)))
    said = interest_making.make(spark, settings, Asked()).summary
    assert not said["structure"]["found"] and said["structure"]["words"] and said["users"] == len(texts)
    assert interest_exports.write(spark, settings)["interests.csv"] == len(texts)


def test_without_posts_nothing_is_kept(spark, settings):
    sold = events(spark, ("ann", "lamp"))
    sold.write.format("delta").save(str(tables.path(settings, tables.EVENTS)))
    with pytest.raises(NothingPostedError, match="no event is a post"):
        interest_making.make(spark, settings, Asked())
    assert interest_files.latest(settings) is None


def test_before_the_first_event_the_verb_says_what_comes_first(tmp_path):
    done = call(tmp_path, "interests", MILLSTREAM_DATA_DIR=str(tmp_path / "data"))
    assert done.returncode == 3 and "no posts yet" in done.stdout
    wrong = call(tmp_path, "interests", "--encoder", "mood")
    assert wrong.returncode == 2 and "mood" in wrong.stderr
