"""Simulated activity: repeatable, valid, and of groups that differ as planted."""

import csv
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

import numpy as np
import pytest

from kafka_producer.activity import EDITION, PICTURED, Activity, events, members, posts
from kafka_producer.groups import SHOPPERS
from kafka_producer.simulate import encode
from spark_app import schemas
from spark_app.intake import checks

SMALL = Activity(posts=100)
PICTURES = Activity(posts=100, pictured=True)
DAY_AHEAD = SMALL.until + timedelta(days=1)


@pytest.fixture(scope="module")
def happened():
    return list(events(SMALL))


@pytest.fixture(scope="module")
def groups():
    return dict(members(SMALL))


def by_group(happened, groups, of):
    found = defaultdict(list)
    for event in happened:
        found[groups[event["user"]]].append(of(event))
    return {name: np.mean(values) for name, values in found.items()}


def plain(text):
    """Its words, without hashtags, names and addresses."""
    return [word.rstrip(".") for word in text.lower().split() if word[0].isalpha() and "://" not in word]


def text(activity):
    return "\n".join(map(encode, events(activity)))


def test_the_bytes_change_only_with_the_edition():
    digest = blake2b(text(SMALL).encode(), digest_size=8).hexdigest()
    assert (EDITION, digest) == (2, "6a262f84cfa35819")


def test_another_seed_gives_other_events_and_ids():
    one, other = Activity(seed=1), Activity(seed=2)
    assert one.name != other.name
    assert not {event["event_id"] for event in events(one)} & {event["event_id"] for event in events(other)}


def test_posts_come_on_top_of_the_events(happened):
    kinds = Counter(event["event_type"] for event in happened)
    assert (kinds["post"], kinds.total()) == (100, 3_100)


def test_every_event_is_valid_and_has_an_id_of_its_own(happened):
    judged = [
        checks.judge(encode(event).encode(), event_types=schemas.EVENT_WEIGHTS, now=DAY_AHEAD, received_at=DAY_AHEAD)
        for event in happened
    ]
    assert {type(one) for one in judged} == {checks.Accepted}
    assert len({event["event_id"] for event in happened}) == len(happened)


def test_events_are_in_order_of_time_and_within_the_days(happened):
    times = [datetime.fromisoformat(event["timestamp"]) for event in happened]
    assert times == sorted(times)
    assert SMALL.until - timedelta(days=SMALL.days) <= times[0]
    assert times[-1] < SMALL.until


def test_everybody_is_in_a_group_and_no_group_is_larger_than_another_by_two(happened, groups):
    assert {event["user"] for event in happened} == set(groups)
    assert sorted(Counter(groups.values()).values()) == [12, 12, 13, 13]


def test_groups_turn_to_categories_of_their_own(happened, groups):
    category = {e["product"]: e["product_data"]["category"] for e in happened if "product_data" in e}
    favourites = {group.name: group.categories for group in SHOPPERS}
    shopped = [event for event in happened if "product" in event]
    own = by_group(shopped, groups, lambda e: category[e["product"]] in favourites[groups[e["user"]]])
    assert all(share > 0.8 for share in own.values())


def test_groups_differ_in_types_hours_quantities_and_recency(happened, groups):
    shopped = [event for event in happened if "product" in event]
    views = by_group(shopped, groups, lambda e: e["event_type"] == "view")
    assert views["evening browsers"] > 0.7 > 0.2 > views["wholesalers"]
    hours = by_group(shopped, groups, lambda e: datetime.fromisoformat(e["timestamp"]).hour)
    assert hours["evening browsers"] > hours["weekend families"] > hours["wholesalers"]
    units = by_group(shopped, groups, lambda e: e.get("quantity", 1))
    assert units["wholesalers"] > 10 > units["weekend families"]
    newest = defaultdict(lambda: datetime(1970, 1, 1, tzinfo=UTC))
    for event in shopped:
        group, at = groups[event["user"]], datetime.fromisoformat(event["timestamp"])
        newest[group] = max(newest[group], at)
    assert newest["one-time visitors"] < newest["weekend families"] - timedelta(days=20)


def test_a_return_follows_the_purchase_that_it_undoes():
    left = Counter()
    back = 0
    for event in events(Activity(groups=8, users=80, events=5_000)):
        if event["event_type"] == "purchase":
            left[event["user"], event["product"]] += event["quantity"]
            back += event["quantity"] < 0
            assert left[event["user"], event["product"]] >= 0
    assert back > 20


def test_posts_have_the_words_of_their_group(happened, groups):
    own = {group.name: set(group.words.split()) for group in SHOPPERS}
    posted = [event for event in happened if event["event_type"] == "post"]
    said = {name: [] for name in set(groups.values())}
    for post in posted:
        said[groups[post["user"]]] += plain(post["text"])
    assert all("product" not in post and "image" not in post for post in posted)
    for name, words in said.items():
        assert np.mean([word in own[name] for word in words]) > 0.4
        assert not any(word in own[other] for word in words for other in own if other != name)


def test_some_posts_have_a_hashtag_a_name_or_an_address(happened):
    texts = [event["text"] for event in happened if event["event_type"] == "post"]
    assert [sum(mark in text for text in texts) > 2 for mark in ("#", "@", "https://")] == [True] * 3


def test_a_post_with_a_picture_says_in_it_what_its_group_says(groups):
    own = {group.name: set(group.words.split()) for group in SHOPPERS}
    pictured = [(event, said) for event, said in posts(PICTURES) if said.pictured]
    assert len(pictured) / PICTURES.posts == pytest.approx(PICTURED, abs=0.1)
    for event, said in pictured:
        words = own[groups[event["user"]]]
        assert set(said.pictured) <= words and not words & set(plain(event["text"]))
    assert len({event["image"] for event, _ in pictured}) == len(pictured)


def test_posts_alone_are_those_among_the_events():
    among = [event for event in events(PICTURES) if event["event_type"] == "post"]
    alone = [event for event, _ in posts(PICTURES)]
    assert [event | {"customer_data": 0} for event in alone] == [event | {"customer_data": 0} for event in among]


@pytest.mark.parametrize("sizes", [{"users": 9, "events": 3}, {"days": 1}, {"products": 1}, {"groups": 1, "users": 1}])
def test_small_activities_hold_too(sizes):
    activity = Activity(**{"events": 60, "posts": 2} | sizes)
    assert len(list(events(activity))) == activity.lines


def run(*arguments):
    command = [sys.executable, "-m", "kafka_producer", "simulate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)


def test_users_and_posts_are_all_that_need_be_said(tmp_path):
    done = run("--users", 50, "--posts", 100, "--truth", tmp_path / "truth.csv")
    assert done.stdout == text(SMALL) + "\n"
    assert done.stderr == "3,000 events and 100 posts of 50 users in 4 groups\n"
    rows = list(csv.reader((tmp_path / "truth.csv").read_text().splitlines()))
    assert rows == [["user", "group"], *map(list, members(SMALL))]


def test_browsing_becomes_one_file_in_the_inbox(tmp_path):
    first, second = run("--browsing", 31, "--inbox", tmp_path), run("--browsing", 31, "--inbox", tmp_path)
    (written,) = tmp_path.iterdir()
    assert first.stdout.startswith("1,860 visits of 31 users in 4 groups\n")
    assert "nothing written" in second.stdout
    assert len(written.read_text().splitlines()) == 1_861
    assert written.suffix == ".csv"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--groups", 9), "--groups is 9, expected 1 to 8"),
        (("--posts", -1), "--posts is -1"),
        (("--users", 0, "--groups", 2), "--users is 0"),
        (("--browsing", 0), "--browsing is 0"),
        (("--browsing", 31, "--users", 50), "--users 50 does not go with --browsing 31"),
        (("--browsing", 31, "--to", "kafka"), "--browsing gives a CSV"),
        (("--truth", "x.csv"), "--truth x.csv goes with"),
        (("--pictures", "x"), "--pictures x goes with --posts N"),
        (("--groups", 2, "--posts-csv"), "--posts-csv goes with --posts N"),
        (("--browsing", 31, "--posts", 5), "--posts 5 does not go with --browsing 31"),
        (("--posts", 5, "--posts-csv", "--to", "kafka"), "--posts-csv gives a CSV"),
    ],
)
def test_what_cannot_be_is_refused_by_name(arguments, named):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr
