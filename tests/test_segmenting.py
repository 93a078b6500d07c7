"""Segments from the event table to the files: planted groups are found again, and what cannot be is said in words."""

import csv
import json

import numpy as np
import pyarrow as pa
import pytest
import segmented
from builders import events
from conftest import settings_for
from pyspark.sql import functions as F
from test_cli import call

from kafka_producer import activity, surfing
from kafka_producer.activity import Activity
from kafka_producer.simulate import encode
from kafka_producer.surfing import Browsing
from spark_app import generations, ingestion
from spark_app.cohorts import segment_exports, segmenting
from spark_app.cohorts.segmenting import Asked, NothingToGroupError
from spark_app.grouping import comparing
from spark_app.segmentation import METHODS
from spark_app.storage import segment_files, shelves, tables


@pytest.fixture(scope="module")
def shop(spark, tmp_path_factory):
    """Shoppers of 4 groups, and 31 who browse, of 4 groups too, in one event table; with who is in which."""
    settings = settings_for(tmp_path_factory.mktemp("groups"))
    inbox = settings.data_dir / "inbox"
    inbox.mkdir(parents=True)
    shoppers, browsers = Activity(users=50, posts=100), Browsing(users=31)
    (inbox / "sales.jsonl").write_text("\n".join(map(encode, activity.events(shoppers))), encoding="utf-8")
    lines = [surfing.header(), *(line for _, line in surfing.rows(browsers))]
    (inbox / "visits.csv").write_text("\n".join(lines), encoding="utf-8")
    ingestion.take_files(spark, settings, inbox)
    return settings, dict(activity.members(shoppers)), dict(surfing.members(browsers))


def found_again(settings, features, truth, method="kmeans"):
    """Adjusted Rand of the segments of these users with the groups that were planted."""
    folder = segment_files.latest(settings, features)
    rows = shelves.table(folder, segment_files.SEGMENTS).to_pylist()
    said = {row["user"]: row["segment"] for row in rows if row["method"] == method and row["user"] in truth}
    assert said.keys() == truth.keys()
    both = ([said[user] for user in truth], [truth[user] for user in truth])
    return comparing.adjusted_rand(comparing.contingency(*(np.unique(one, return_inverse=True)[1] for one in both)))


def store(spark, settings, *facts):
    events(spark, *facts).write.format("delta").save(str(tables.path(settings, tables.EVENTS)))


@pytest.mark.slow
def test_planted_groups_of_browsers_are_found_again(spark, shop):
    settings, _, browsers = shop
    folder = segmenting.make(spark, settings, Asked("browsing"))
    assert found_again(settings, "browsing", browsers) >= 0.9
    said = folder.summary
    assert said["users"] == 31 and said["left_out"] == 50 and said["structure"]["found"]
    merged = {(kept, dropped) for kept, dropped, _ in said["correlations"]["merged"]}
    assert ("category_name", "domain_tags") in merged and said["correlations"]["measure"] == "cramers_v"


@pytest.mark.slow
def test_planted_groups_of_shoppers_are_found_again_by_the_verb(shop, tmp_path):
    """The browsers are one more group of theirs."""
    settings, shoppers, browsers = shop
    home = {"MILLSTREAM_DATA_DIR": str(settings.data_dir), "MILLSTREAM_RESULTS_DIR": str(settings.results_dir)}
    done = call(tmp_path, "segments", "--k", "5", "--json", **home)
    assert done.returncode == 0, done.stderr
    truth = shoppers | dict.fromkeys(browsers, "browser")
    assert found_again(settings, "behaviour", truth) >= 0.9
    said = json.loads(done.stdout)
    assert "the users fall into 5 groups" in said["structure"]["words"] and "features" in done.stderr
    assert len({one["label"] for one in said["segments"]["kmeans"]}) == 5
    results = settings.results_dir
    with (results / "segments.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["features"] == "behaviour"]
    assert len(rows) == 81 * len(METHODS)
    assert json.loads((results / segment_exports.SEAL).read_text())["latest"] == "behaviour"
    for name in ("clusters", "elbow", "dendrogram", "correlations"):
        assert (results / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_how_many_groups_there_are_is_found_and_they_keep_the_numbers_that_can_be_read(spark, shop, tmp_path, capsys):
    """What was kept last is damaged; the one before has numbers that no sizes would give."""
    settings, shoppers, _ = shop
    alone = settings_for(tmp_path)
    everyone = spark.read.format("delta").load(str(tables.path(settings, tables.EVENTS)))
    of_shoppers = everyone.filter(F.col("user").isin(list(shoppers)))
    of_shoppers.write.format("delta").save(str(tables.path(alone, tables.EVENTS)))
    names = dict(zip(sorted(set(shoppers.values())), (7, 3, 9, 5), strict=True))
    numbers = {user: names[group] for user, group in shoppers.items()}
    segmented.of(alone, numbers)
    segmented.cut_part(segmented.of(alone, features="browsing"))
    segmented.cut_part(last := segmented.of(alone, dict.fromkeys(shoppers, 1)))
    folder = segmenting.make(spark, alone, Asked("behaviour"))
    assert folder.summary["k"] == 4 and found_again(alone, "behaviour", shoppers) == 1.0
    rows = shelves.table(folder, segment_files.SEGMENTS).to_pylist()
    assert {row["user"]: row["segment"] for row in rows if row["method"] == "kmeans"} == numbers
    assert f"{last.id}/segments.parquet cannot be read" in "".join(capsys.readouterr().err.split("\n"))


def test_factors_are_without_what_stands_behind_them_and_who_has_none_is_counted(spark, settings):
    """Of those whom the model learnt, bob and eve have no event any more; cid and dan came after it."""
    made = generations.new(settings)
    users = pa.table({"user": ["ann", "bob", "eve"], "userId": pa.array([0, 1, 2], pa.int32())})
    vectors = np.array([[0.6, 0.8, 5.0], [2.0, 0.0, 5.0], [0.0, 3.0, 5.0]], np.float32)
    generations.write_rows(made, generations.USERS, users)
    generations.write_factors(made, generations.USER_FACTORS, np.arange(3), vectors)
    generations.finish(made, {"reason": ""}, {"model": {"factors": 2}})
    generations.publish(settings, made)
    store(spark, settings, ("ann", "lamp"), ("cid", "rug"), ("dan", "rug"))
    stock = segmenting._stocked(spark, settings, "factors")
    assert [column.name for column in stock.wide.columns] == ["factor_1", "factor_2"]
    found = {row["user"]: row["values"] for row in stock.wide.table.collect()}
    assert found["bob"] == [1.0, 0.0] and found["ann"] == pytest.approx([0.6, 0.8]) and stock.left_out == 2


@pytest.mark.parametrize("model", [{"source": "popular", "factors": 0}, {"source": None, "factors": 0}])
def test_a_generation_without_factors_ends_in_words(spark, settings, model):
    folder = generations.new(settings)
    generations.finish(folder, {}, {"model": model})
    with pytest.raises(NothingToGroupError, match="no factors of users"):
        segmenting._factors(spark, folder)


@pytest.mark.slow
@pytest.mark.parametrize("users", [1, 2])
def test_few_users_end_in_words_with_all_files(spark, settings, users):
    store(spark, settings, *[(f"u{user}", product) for user in range(users) for product in ("lamp", "chair")])
    folder = segmenting.make(spark, settings, Asked("behaviour"))
    assert folder.summary["structure"] == {
        "found": False, "words": f"{users} user{'s' * (users > 1)}: too few to form groups"
    }  # fmt: skip
    rows = segment_exports.write(spark, settings)
    assert rows["segments.csv"] == users * len(METHODS) and rows["user_similarity.csv"] == users * (users - 1)


@pytest.mark.slow
def test_users_who_are_all_alike_end_in_words(spark, settings):
    store(spark, settings, *[(f"u{user}", "lamp") for user in range(6)])
    said = segmenting.make(spark, settings, Asked("behaviour")).summary
    assert said["structure"]["words"] == "6 users, all alike in what is known of them: one group"
    assert [one["size"] for one in said["segments"]["kmeans"]] == [6]


def test_without_what_features_are_made_of_nothing_is_kept(spark, settings):
    store(spark, settings, ("ann", "lamp"))
    with pytest.raises(NothingToGroupError, match="no event came in the browsing layout"):
        segmenting.make(spark, settings, Asked("browsing"))
    assert segment_files.intact(settings, pytest.fail) == []


def test_before_the_first_event_and_generation_the_verb_says_what_comes_first(tmp_path):
    done = call(tmp_path, "segments", MILLSTREAM_DATA_DIR=str(tmp_path / "data"))
    assert done.returncode == 3 and "no events yet" in done.stdout + done.stderr
    wrong = call(tmp_path, "segments", "--features", "mood")
    assert wrong.returncode == 2 and "mood" in wrong.stderr
