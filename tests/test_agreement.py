"""How far folding in agrees with the next training: on a real event table, between two of its versions."""

import pytest
from builders import events, generation
from conftest import settings_for

from spark_app.fitting import agreement
from spark_app.storage import tables
from spark_app.tuning import choice

pytestmark = pytest.mark.slow

BEFORE = [(f"u{user}", f"p{product:02d}") for user in range(12) for product in range(12) if (user + product) % 3 == 0]
SINCE = [(f"u{user}", f"p{(user + 6) % 12:02d}", "purchase", 1, 1) for user in range(6)]


@pytest.fixture(scope="module")
def trained(spark, tmp_path_factory):
    """(settings, the generation before, the one after): six users bought something in between."""
    settings = choice.plain(settings_for(tmp_path_factory.mktemp("agreement"), als={"factors": 4, "iterations": 5}))
    made = []
    for version, facts in enumerate((BEFORE, SINCE)):
        tables.append(settings, tables.EVENTS, events(spark, *facts).toArrow(), None)
        known = BEFORE if version == 0 else [*BEFORE, *SINCE]
        made.append(generation(settings, events(spark, *known), version=version))
    return settings, *made


def test_most_of_the_new_lists_was_found_before(trained):
    settings, before, after = trained
    assert 0.5 < agreement.of_fold_in(settings, before, after, 1) <= 1.0


def test_without_events_in_between_or_a_generation_before_there_is_nothing_to_compare(trained):
    settings, before, after = trained
    assert agreement.of_fold_in(settings, None, after, 1) is None
    assert agreement.of_fold_in(settings, before, after, 0) is None


def test_more_events_than_seconds_allow_are_not_read(trained, monkeypatch):
    settings, before, after = trained
    monkeypatch.setattr(agreement, "MOST", len(SINCE) - 1)
    assert agreement.of_fold_in(settings, before, after, 1) is None
