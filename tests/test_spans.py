"""Ranges of time: what is meant, what is held of it, and what it is compared with."""

from datetime import UTC, datetime

import pytest

from spark_app.timeline import spans
from spark_app.timeline.spans import DAY, HOUR, Stretch, WrongRangeError, asked


def at(said):
    return spans.micros(datetime.fromisoformat(said).replace(tzinfo=UTC))


TABLE = Stretch(at("2026-01-01T08:00"), at("2026-06-30T12:00:01"))


def test_the_last_seven_days_are_counted_back_from_the_newest_event_and_compared_with_the_four_weeks_before():
    found = asked(None, None, None, TABLE)
    assert found.asked == (TABLE.end - 7 * DAY, TABLE.end) and found.later == found.held == found.asked
    assert [found.asked.start - one.start for one in found.earlier] == [7 * DAY, 14 * DAY, 21 * DAY, 28 * DAY]
    assert (found.bucket, found.buckets) == (DAY, 7)


def test_a_month_is_compared_with_stretches_whole_weeks_before_it_so_that_weekdays_meet():
    found = asked("2026-05-01", "2026-05-31", None, TABLE)
    assert [(found.held.start - one.start) // DAY for one in found.earlier] == [35, 70, 105]
    assert {one.length for one in found.earlier} == {30 * DAY}


def test_a_range_that_begins_with_the_table_is_compared_by_its_halves():
    found = asked("2026-01-01", "2026-03-01", None, TABLE)
    assert found.later == (at("2026-02-01"), at("2026-03-01"))
    assert found.earlier == ((at("2026-01-04"), at("2026-02-01")),)
    assert found.held.start == at("2026-01-01")


def test_where_no_stretch_whole_weeks_back_fits_the_one_just_before_it_is_compared():
    found = asked("2026-02-02", "2026-03-04", None, TABLE)
    assert found.later == found.held == (at("2026-02-02"), at("2026-03-04"))
    assert found.earlier == ((at("2026-01-03"), at("2026-02-02")),)


def test_what_lies_beyond_the_newest_event_does_not_count_as_less():
    found = asked("2026-06-25", "2027-01-01", None, TABLE)
    assert found.held == (at("2026-06-25"), TABLE.end) and {one.length for one in found.earlier} == {found.held.length}


@pytest.mark.parametrize(("last", "bucket", "buckets"), [("71h", HOUR, 71), ("3d", DAY, 3), ("1w", DAY, 7)])
def test_buckets_are_hours_below_three_days(last, bucket, buckets):
    found = asked(None, None, last, TABLE)
    assert (found.bucket, found.buckets) == (bucket, buckets)


def test_a_time_without_a_zone_is_utc():
    assert asked("2026-05-01T02:00+02:00", "2026-05-02T00:00:00.5Z", None, TABLE).asked == asked(
        "2026-05-01", "2026-05-02T00:00:00.5", None, TABLE
    ).asked


WRONG = [
    ("2026-02-30", None, None), ("now", None, None), ("2026-05-02", "2026-05-01", None), ("2030-01-01", None, None),
    ("2026-05-01", None, "7d"), (None, None, "0d"), (None, None, "90m"), (None, None, "999999w"),
    (None, "0001-01-01T00:00+14:00", None),
    ("2026-05-01", "2026-05-01", None), ("1990-01-01", "2026-01-01", None),
]  # fmt: skip


@pytest.mark.parametrize("said", WRONG)
def test_a_range_that_cannot_be_is_refused_in_a_line(said):
    with pytest.raises(WrongRangeError) as refused:
        asked(*said, TABLE)
    assert "\n" not in str(refused.value)
