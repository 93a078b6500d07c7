"""What a user browsed, as numbers, worked out by hand; what says the same is merged, and what is missing filled in."""

import pytest
from builders import events

from spark_app.segments import browsing

# (user, domain, category, tag, application, volume), and how often: category and tag say the same.
SEEN = [
    ("ann", "a.example", "news", "press", "browser", "10", 6),
    ("ann", "b.example", None, "press", "browser", "30", 2),
    ("bob", "c.example", "video", "stream", "player", "5", 6),
    ("bob", "c.example", "video", None, "browser", "-1", 1),
    ("cem", "c.example", "video", "stream", "player", "some", 1),
]
NAMES = ("category_name", "domain_tags", "application_name", "volume")


@pytest.fixture(scope="module")
def found(spark):
    """The visits of SEEN, and one of Bob of which nothing is said but its domain, and a view in a shop."""
    rows = [
        events(spark, *[(user, domain, "view")] * often, properties=dict(zip(NAMES, said, strict=True)))
        for user, domain, *said, often in SEEN
    ]
    bare = events(spark, ("bob", "a.example", "view"), ("dan", "lamp", "view"))
    whole = bare
    for part in rows:
        whole = whole.unionByName(part)
    return browsing.wide(whole)


@pytest.fixture(scope="module")
def told(found):
    names = [column.name for column in found.columns]
    return {row["user"]: dict(zip(names, row["values"], strict=True)) for row in found.table.collect()}


def test_a_bare_view_of_a_known_domain_is_a_visit_and_that_of_a_product_is_none(told):
    assert {user: row["visits"] for user, row in told.items()} == {"ann": 8, "bob": 8, "cem": 1}
    assert told["bob"]["domains"] == 2


def test_category_and_tag_say_the_same_and_the_application_does_not(found):
    assert found.correlations.merged == [("category_name", "domain_tags", pytest.approx(1))]
    assert found.correlations.matrix[0][2] < 0.9
    assert not any(column.name.startswith("tag:") for column in found.columns)


def test_a_missing_category_is_the_one_that_goes_with_the_tag(told):
    assert (told["ann"]["category:news"], told["ann"]["category:video"]) == (1, 0)


def test_shares_are_of_the_visits_where_it_is_known(told):
    assert (told["bob"]["category:video"], told["bob"]["application:player"]) == (1, pytest.approx(6 / 7))


def test_a_volume_that_is_not_known_is_the_mean_of_the_users_others_or_of_all(told):
    """Ann 6 x 10 + 2 x 30; Bob's six of 5 stand for his eight; Cem's one is (120 + 30) / 14."""
    volumes = {user: (row["volume"], row["volume_mean"]) for user, row in told.items()}
    assert volumes == {"ann": (120, 15), "bob": (40, 5), "cem": (pytest.approx(150 / 14), pytest.approx(150 / 14))}


def test_what_is_usual_is_learnt_either_way_and_ties_go_by_name(spark):
    rows = [("news", "press", 2), ("news", "daily", 2), ("video", "press", 1), (None, "press", 9)]
    counted = spark.createDataFrame(rows, "category STRING, tag STRING, count BIGINT")
    assert dict(browsing.usual(counted, "category", "tag").collect()) == {"press": "news", "daily": "news"}
    assert dict(browsing.usual(counted, "tag", "category").collect()) == {"news": "daily", "video": "press"}


def test_nobody_browsed_in_a_shop(spark):
    assert browsing.wide(events(spark, ("dan", "lamp", "view"))).table.collect() == []
