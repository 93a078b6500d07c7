import time

from kafka_producer import pace


def seconds_of(chunks):
    begun = time.monotonic()
    found = [(time.monotonic() - begun, item) for chunk in chunks for item in chunk]
    return [item for _, item in found], [when for when, _ in found]


def test_without_a_rate_all_comes_at_once_and_in_order():
    chunks = list(pace.at_once(range(25_000)))
    assert [len(chunk) for chunk in chunks] == [10_000, 10_000, 5_000]
    assert [item for chunk in chunks for item in chunk] == list(range(25_000))


def test_a_rate_is_kept_over_time():
    items, times = seconds_of(pace.at_rate(range(300), rate=500))
    assert items == list(range(300))
    assert 0.55 < times[-1] < 0.9


def test_no_item_is_early_and_what_is_due_together_goes_together():
    due = [0.0, 0.0, 0.3, 0.3, 0.5]
    chunks = pace.in_time(zip(due, "abcde", strict=True))
    items, times = seconds_of(chunks)
    assert items == list("abcde")
    assert all(when >= at for when, at in zip(times, due, strict=True))
    assert times[-1] < 1.0


def test_what_is_late_is_not_waited_for():
    items, times = seconds_of(pace.in_time((-1.0, item) for item in range(20_000)))
    assert len(items) == 20_000
    assert times[-1] < 0.5
