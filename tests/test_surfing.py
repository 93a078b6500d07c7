"""Simulated browsing: rows of the browsing layout, repeatable, with what is missing, of groups that differ."""

import csv
from collections import Counter, defaultdict
from datetime import timedelta
from hashlib import blake2b

import numpy as np
import pytest

from kafka_producer.groups import SURFERS, TAGS
from kafka_producer.simulate import encode
from kafka_producer.surfing import COLUMNS, EDITION, MISSING, Browsing, header, members, rows
from spark_app import layouts, schemas
from spark_app.intake import checks
from spark_app.segments.correlations import cramers_v

SMALL = Browsing()
DAY_AHEAD = SMALL.until + timedelta(days=1)


@pytest.fixture(scope="module")
def visits():
    return list(csv.DictReader([header(), *(line for _, line in rows(SMALL))]))


@pytest.fixture(scope="module")
def groups():
    return dict(members(SMALL))


def v_of(visits, one, other):
    counts = Counter((row[one], row[other]) for row in visits if row[one] and row[other])
    first, second = (sorted({pair[place] for pair in counts}) for place in (0, 1))
    return cramers_v([[counts[a, b] for b in second] for a in first])


def test_the_bytes_change_only_with_the_edition():
    text = "\n".join(line for _, line in rows(SMALL))
    assert (EDITION, blake2b(text.encode(), digest_size=8).hexdigest()) == (1, "063f8f3a718df0af")


def test_the_header_is_that_of_the_browsing_layout():
    assert layouts.recognise(header(), {}) is layouts.BROWSING


def test_every_row_is_a_valid_event(visits):
    for row in visits:
        event = layouts.event(layouts.BROWSING, COLUMNS, [row[name] for name in COLUMNS])
        judged = checks.judge(
            encode(event).encode(), event_types=schemas.EVENT_WEIGHTS, now=DAY_AHEAD, received_at=DAY_AHEAD
        )
        assert isinstance(judged, checks.Accepted)


def test_31_users_of_four_groups_browse(visits, groups):
    assert {row["user_id"] for row in visits} == set(groups)
    assert sorted(Counter(groups.values()).values()) == [7, 8, 8, 8]


def test_groups_have_topics_volumes_and_durations_of_their_own(visits, groups):
    topic, volume, duration = defaultdict(list), defaultdict(list), defaultdict(list)
    favourites = {group.name: group.topics for group in SURFERS}
    for row in visits:
        name = groups[row["user_id"]]
        if row["category_name"]:
            topic[name].append(row["category_name"] in favourites[name])
        volume[name] += [float(row["volume"])] if row["volume"] else []
        duration[name] += [float(row["duration"])] if row["duration"] else []
    assert all(np.mean(own) > 0.8 for own in topic.values())
    assert np.median(volume["viewers"]) > 10 * np.median(volume["talkers"])
    assert np.median(duration["viewers"]) > 3 * np.median(duration["buyers"])


def test_a_tag_says_what_the_category_says_and_the_application_does_not(visits):
    assert v_of(visits, "category_name", "domain_tags") > 0.9
    assert v_of(visits, "referer_category", "referer_domain") > 0.9
    assert v_of(visits, "category_name", "application_name") < 0.6


def test_some_of_it_is_missing_and_the_other_column_mostly_knows(visits):
    missing = {name: np.mean([row[name] == "" for row in visits]) for name in MISSING}
    assert missing["category_name"] == pytest.approx(MISSING["category_name"], abs=0.02)
    lacking = [row for row in visits if not row["category_name"] and row["domain_tags"]]
    tags = {tag: topic for topic, tag in TAGS.items()}
    right = [row["domain"].startswith(tags[row["domain_tags"]].lower()) for row in lacking]
    assert len(lacking) > 50
    assert np.mean(right) > 0.9
