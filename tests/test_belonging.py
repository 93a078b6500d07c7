"""Cold users get what is popular in their segment, in the published lists and by the API, and metrics are cut by it."""

import numpy as np
import pandas as pd
import pytest
import segmented
from builders import START, events, generation
from conftest import settings_for
from pyspark.sql import functions as F

from spark_app import decisive, evaluation, generations, interactions
from spark_app.cohorts import belonging
from spark_app.cohorts.belonging import Belonging
from spark_app.evaluation import Metrics, Rmse
from spark_app.fitting import judging, making, training
from spark_app.fitting.judging import Judgement
from spark_app.fitting.training import Index, Learned
from spark_app.mapped.segment_maps import NOWHERE
from spark_app.models import popular, segmental
from spark_app.serving import lists, people, reasons
from spark_app.serving.lists import Filters
from spark_app.serving.model import Served
from spark_app.serving.segmented import Segmented
from spark_app.shop_rules import Rules
from spark_app.tuning import choice

# Lamps are of the first segment, chairs of the second; most have a rug, and the mirror is hidden.
SOLD = (
    ("ann", "lamp"), ("bob", "lamp"), ("bob", "shade"), ("ann", "mirror"), ("bob", "mirror"), ("cid", "chair"),
    ("dan", "rug"), ("dot", "rug"), ("dee", "rug"), ("dan", "chair"),
)  # fmt: skip
# Of whom nothing is known but that they sent something back.
COLD = {"eve": "shade", "fay": "vase", "gus": "vase", "hal": "vase"}
BEHAVIOUR = {"ann": 1, "bob": 1, "eve": 1, "cid": 2, "fay": 2, "gus": 3}
BROWSING = {"eve": 1, "dan": 1, "hal": 1}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    asked = settings_for(tmp_path_factory.mktemp("belonging"), als={"factors": 2, "iterations": 1}, top_n=3)
    return decisive.changed(choice.plain(asked), {"engine": "implicit"})


@pytest.fixture(scope="module")
def served(spark, settings):
    segmented.of(settings, BEHAVIOUR, {user: 1 for user in BEHAVIOUR})
    segmented.of(settings, BROWSING, features="browsing")
    sent_back = [(user, product, "purchase", -1) for user, product in COLD.items()]
    made = generation(
        settings, events(spark, *SOLD, *sent_back), segments=belonging.newest(spark, settings),
        rules=Rules.from_dict({"hide": {"products": ["mirror"]}}),
    )  # fmt: skip
    return Served(made, settings)


def published(served, user):
    rows = generations.scan(served.generation, generations.RECOMMENDATIONS).sort_by("rank")
    return [(row["product"], row["score"], row["source"]) for row in rows.to_pylist() if row["user"] == user]


def now(served, person, offset=0, limit=10):
    """(product, source) of a list that is made now, of someone for whom there is no model."""
    coming = lists.made(served, person, Filters(in_stock=True), None, offset, limit)
    with pytest.raises(StopIteration) as ended:
        coming.send(None)
    found = ended.value.value
    return [(served.products[row], found.source) for row in found.rows.tolist()]


@pytest.mark.slow
def test_a_cold_user_gets_what_is_popular_in_the_segment_and_then_what_is_popular_with_all(served):
    """Three have a rug and two a chair: half of the least in the segment, 1, times 3 / 3 and 2 / 3."""
    half = pytest.approx(1 / 3)
    assert published(served, "eve") == [("lamp", 2.0, "segment"), ("rug", 0.5, "segment"), ("chair", half, "segment")]
    assert published(served, "fay") == [("chair", 1.0, "segment"), ("rug", 0.5, "segment"), ("lamp", half, "segment")]
    assert {source for _, _, source in published(served, "ann")} == {"als"}


@pytest.mark.slow
def test_where_behaviour_does_not_know_a_user_browsing_does_and_ties_go_by_id(served):
    assert [product for product, *_ in published(served, "hal")] == ["chair", "rug", "lamp"]


@pytest.mark.slow
def test_in_a_segment_where_nobody_has_anything_the_fallback_stays(served):
    assert published(served, "gus") == [("rug", 3.0, "popular"), ("chair", 2.0, "popular"), ("lamp", 2.0, "popular")]


@pytest.mark.slow
def test_the_manifest_says_which_segments_were_used(served, settings):
    said = served.manifest["segments"]
    assert said["ids"] == {folder.features: folder.id for folder in belonging.kept(settings)}
    assert said["groups"] == [["behaviour", 1], ["behaviour", 2], ["behaviour", 3], ["browsing", 1]]


@pytest.mark.slow
@pytest.mark.parametrize("user", ["eve", "fay", "gus", "hal"])
def test_the_api_goes_on_where_the_published_list_ends(served, user):
    one = people.known(served, served.user_id(user))
    made = now(served, one)
    assert made[:3] == [(product, source) for product, _, source in published(served, user)]
    assert now(served, one, offset=1, limit=2) == made[1:3]
    assert COLD[user] not in dict(made) and "mirror" not in dict(made)


@pytest.mark.slow
def test_who_came_after_the_generation_is_looked_up_in_the_newest_segments(served, settings):
    kept = Segmented(settings)
    assert served.place_in(kept.of("zoe")) == NOWHERE
    segmented.of(settings, BEHAVIOUR | {"zoe": 2, "new": 9})
    assert served.place_in(kept.of("new")) == NOWHERE
    zoe = people.known(served, -1)._replace(place=served.place_in(kept.of("zoe")))
    assert now(served, zoe, limit=2) == [("chair", "segment"), ("rug", "segment")]
    assert now(served, people.known(served, -1), limit=1) == [("rug", "popular")]


@pytest.mark.slow
def test_an_explanation_says_that_the_list_is_of_the_segment(served):
    why = reasons.of(served, people.known(served, served.user_id("eve")), served.products.find("rug"))
    assert (why.score, why.rank, why.removed_by) == (0.5, 2, "") and "segment" in why.parts[0].what


@pytest.mark.slow
def test_a_group_of_one_segment_gets_its_list_and_one_of_several_what_is_popular_with_all(served):
    eve, fay = (people.known(served, served.user_id(user)) for user in ("eve", "fay"))
    assert now(served, people.group(served, [eve, eve]))[0] == ("lamp", "segment")
    assert now(served, people.group(served, [eve, fay]))[0] == ("rug", "popular")


def test_segments_that_are_not_kept_any_more_are_told_and_left_out(settings, capsys):
    assert belonging.again(None, settings, {"ids": {"factors": "20260101T000000Z-0000"}}) is None
    assert "segments factors 20260101T000000Z-0000 are not kept any more" in capsys.readouterr().err
    assert belonging.again(None, settings, None) is None


@pytest.mark.parametrize("damage", [segmented.gone, *segmented.DAMAGES])
def test_segments_that_are_damaged_are_told_and_left_out(tmp_path, capsys, damage):
    settings = settings_for(tmp_path)
    browsing = segmented.of(settings, features="browsing")
    damage(segmented.of(settings))
    assert belonging.kept(settings) == [browsing]
    assert "`python -m spark_app segments --features behaviour`" in capsys.readouterr().err


@pytest.mark.parametrize("damage", segmented.DAMAGES)
def test_damaged_segments_of_a_manifest_are_told_and_left_out(tmp_path, capsys, damage):
    folder = segmented.of(settings := settings_for(tmp_path))
    damage(folder)
    assert belonging.again(None, settings, {"ids": {"behaviour": folder.id}}) is None
    assert "their users get what is popular with all" in capsys.readouterr().err


def test_segments_that_are_lost_while_a_generation_is_made_are_told_and_cut_nothing(tmp_path, capsys):
    folder = segmented.of(settings_for(tmp_path))
    made = Belonging([folder], [("behaviour", 1)], None)
    assert making._by_segment(made, judged({"ann": 1.0}, {"ann": 0.5}))["metrics_by_segment"]["id"] == folder.id
    segmented.gone(folder)
    assert making._by_segment(made, judged({"ann": 1.0}, {"ann": 0.5})) == {}
    assert "metrics are not cut by segment" in capsys.readouterr().err


def judged(ours, popular_):
    """A judgement of these NDCGs by user."""
    made = {judging.OURS: Metrics(pd.Series(ours)), popular.SOURCE: Metrics(pd.Series(popular_))}
    return Judgement(None, {}, {}, Rmse(None), None, made)


def test_metrics_are_cut_by_segment(tmp_path):
    folder = segmented.of(settings_for(tmp_path), {"ann": 10, "bob": 2, "cid": 10})
    users = ["ann", "bob", "cid", "dan"]
    ours = dict(zip(users, (0.5, 1.0, 0.0, 0.25), strict=True))
    assert belonging.cut(folder, judged(ours, dict.fromkeys(users, 0.125))) == {
        "features": "behaviour", "id": folder.id,
        "2": {"users_judged": 1, "ndcg_at_10": 1.0, "popular": 0.125},
        "10": {"users_judged": 2, "ndcg_at_10": 0.25, "popular": 0.125},
        "none": {"users_judged": 1, "ndcg_at_10": 0.25, "popular": 0.125},
    }  # fmt: skip


def test_where_nobody_could_be_judged_nothing_is_cut(tmp_path):
    folder = segmented.of(settings_for(tmp_path))
    assert belonging.cut(folder, judged({}, {})) == {"features": "behaviour", "id": folder.id}


def warm(liked, ids):
    """What is known of users who liked these products, where there is no model."""
    everyone = popular.fit(popular.counts(liked), ids.users, ids.products)
    return Learned(None, None, everyone, everyone, liked, liked, ids.users.crossJoin(ids.products).limit(0), None)


def test_twenty_users_with_interest_are_heard_as_a_segment_and_nineteen_are_not(spark, tmp_path):
    """Place 0 has 19 of them and one who liked nothing, place 1 has 20."""
    bought = [(f"u{number:02d}", "lamp") for number in range(39)]
    liked = spark.createDataFrame(bought, "user STRING, product STRING").withColumn("last_event_at", F.lit(START))
    places = [("idle", 0), *((user, int(number >= 19)) for number, (user, _) in enumerate(bought))]
    members = spark.createDataFrame(places, "user STRING, place INT")
    ids = Index(interactions.user_index(members), interactions.product_index(liked), small=True)
    found = training.with_segments(warm(liked, ids), members, ids, settings_for(tmp_path))
    assert [row["userId"] for row in found.segmental.users.collect()] == [1]
    assert {row["place"] for row in found.members.collect()} == {1} and found.members.count() == 20


def planted(seed=7, groups=4, each=120, products=25):
    """(warm purchases, purchases of cold users after the cut, (user, place)) of groups with tastes of their own.

    Four of five products that a user buys are of the group, the popular ones more often; one user in ten stands in
    the wrong segment, and one in four is cold.
    """
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, products + 1)
    warm, later, places = [], [], []
    for number in range(groups * each):
        user, group = f"u{number:04d}", number % groups
        of_group = np.where(rng.random(12) < 0.8, group, rng.integers(groups, size=12))
        which = rng.choice(products, 12, p=share / share.sum())
        bought = dict.fromkeys(f"p{one}{two:02d}" for one, two in zip(of_group, which, strict=True))
        (later if number % 16 < groups else warm).extend((user, product) for product in list(bought)[:6])
        places.append((user, int(rng.integers(groups)) if rng.random() < 0.1 else group))
    return warm, later, places


@pytest.mark.slow
def test_cold_users_are_served_better_by_their_segment_than_by_popularity(spark, tmp_path):
    before, later, places = planted()
    liked = spark.createDataFrame(before, "user STRING, product STRING").withColumn("last_event_at", F.lit(START))
    relevant = spark.createDataFrame(later, "user STRING, product STRING")
    members = spark.createDataFrame(places, "user STRING, place INT")
    ids = Index(
        interactions.user_index(liked.select("user").union(relevant.select("user"))),
        interactions.product_index(liked), small=True,
    )  # fmt: skip
    known = warm(liked, ids)
    with_segments = training.with_segments(known, members, ids, settings_for(tmp_path))
    users = relevant.select("user").distinct().join(ids.users, "user")
    made = {
        name: training.lists(learned, users, ids, n=10, explain=False)
        for name, learned in ((popular.SOURCE, known), (segmental.SOURCE, with_segments))
    }
    found = evaluation.judge_each(
        made, relevant, catalogue=100, popularity=popular.counts(liked), users_before=360, seed=7
    )
    assert found[segmental.SOURCE].ndcg > 1.5 * found[popular.SOURCE].ndcg
