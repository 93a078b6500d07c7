import time
from threading import Thread

import pytest

from spark_app.serving.together import Together


def added_at_once(together, items):
    """Each by a thread of its own; gives the errors by item."""
    errors = {}

    def add(item):
        try:
            together.add(item)
        except ValueError as error:
            errors[item] = str(error)

    threads = [Thread(target=add, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_those_that_come_while_one_is_at_work_are_done_together():
    done = []

    def work(items):
        time.sleep(0.05)
        done.append(items)

    assert added_at_once(Together(work), range(50)) == {}
    assert sorted(item for items in done for item in items) == list(range(50))
    assert len(done) < 10


def test_nobody_returns_before_the_work_is_done():
    done = []
    together = Together(done.extend)
    for item in range(100):
        together.add(item)
        assert done == list(range(item + 1))


def test_an_error_reaches_all_that_were_with_it_and_none_after():
    def work(items):
        time.sleep(0.02)
        if "bad" in items:
            raise ValueError("spoilt")

    together = Together(work)
    errors = added_at_once(together, ["bad", *range(20)])
    assert errors["bad"] == "spoilt"
    together.add("good")
    with pytest.raises(ValueError, match="spoilt"):
        together.add("bad")
