"""What is known beyond a generation: each event once, whatever the order in which it is told."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_app.serving.fresh import Counts, Details, Event, Fresh


def event(event_id="e1", user="ann", product="lamp", at=0, **more):
    fields = dict.fromkeys(Event._fields) | {"event_type": "purchase", "quantity": 1.0}
    return Event(**fields | {"event_id": event_id, "user": user, "product": product, "occurred_at": at} | more)


def ids(fresh, user="ann"):
    return [one.event_id for one in fresh.of(user)]


def test_a_user_without_events_has_none():
    fresh = Fresh()
    assert fresh.of("ann") == () and fresh.users() == []
    assert fresh.counts() == Counts(0, 0, 0, 0)


def test_events_of_a_user_are_in_order_of_time_then_id():
    fresh = Fresh()
    fresh.posted([event("b", at=2), event("c", at=1)])
    fresh.ingested(0, [event("a", at=2), event("d", at=0), event("x", user="bob")])
    assert ids(fresh) == ["d", "c", "a", "b"]
    assert sorted(fresh.users()) == ["ann", "bob"]


def test_what_was_given_to_a_reader_stays_as_it_was():
    fresh = Fresh()
    fresh.posted([event("a")])
    before = fresh.of("ann")
    fresh.ingested(0, [event("a"), event("b")])
    fresh.rebase(0)
    assert [one.event_id for one in before] == ["a"]


def test_a_posted_event_that_the_table_got_is_held_once_as_the_table_has_it():
    fresh = Fresh()
    fresh.posted([event("a", at=5)])
    assert fresh.counts().waiting == 1
    fresh.ingested(3, [event("a", at=6)])
    assert [one.occurred_at for one in fresh.of("ann")] == [6]
    assert fresh.counts() == Counts(1, 1, 0, 0)


def test_what_the_table_has_under_an_id_counts_also_for_another_user():
    fresh = Fresh()
    fresh.posted([event("a", user="ann")])
    fresh.ingested(0, [event("a", user="bob")])
    assert (ids(fresh, "ann"), ids(fresh, "bob"), fresh.users()) == ([], ["a"], ["bob"])
    assert len(fresh.users_of("lamp")) == 1


def test_the_first_of_one_id_wins():
    fresh = Fresh()
    fresh.posted([event("a", at=1), event("a", at=2)])
    fresh.posted([event("a", at=3)])
    fresh.ingested(0, [event("b", at=1), event("b", at=2)])
    fresh.ingested(1, [event("b", at=3)])
    fresh.posted([event("b", at=4)])
    assert [(one.event_id, one.occurred_at) for one in fresh.of("ann")] == [("a", 1), ("b", 1)]


def test_a_new_generation_takes_what_it_was_trained_on_and_leaves_the_rest():
    fresh = Fresh()
    fresh.posted([event("seen"), event("waits")])
    fresh.ingested(1, [event("old"), event("seen")])
    fresh.ingested(2, [event("new")])
    fresh.rebase(1)
    assert ids(fresh) == ["new", "waits"]
    assert fresh.counts() == Counts(2, 1, 1, 0)


def test_a_generation_may_be_ahead_of_what_was_read():
    fresh = Fresh()
    fresh.posted([event("a"), event("b")])
    fresh.rebase(5)
    assert ids(fresh) == ["a", "b"]
    fresh.ingested(5, [event("a"), event("c")])
    fresh.ingested(6, [event("b")])
    assert ids(fresh) == ["b"]


def test_an_event_that_a_generation_has_is_not_held_when_it_is_posted_again():
    fresh = Fresh()
    fresh.ingested(1, [event("a")])
    fresh.rebase(1)
    fresh.ingested(0, [event("b")])
    fresh.posted([event("a"), event("b"), event("c")])
    assert ids(fresh) == ["c"]
    assert fresh.knows("a") and fresh.knows("b") and not fresh.knows("d")


def test_after_a_rollback_what_is_told_again_is_held_again():
    fresh = Fresh()
    told = [(1, event("a")), (2, event("b"))]
    for version, one in told:
        fresh.ingested(version, [one])
    fresh.rebase(2)
    assert fresh.users() == []
    fresh.rebase(1)
    for version, one in told:
        fresh.ingested(version, [one])
    assert ids(fresh) == ["b"]


def test_the_first_version_of_an_event_counts():
    fresh = Fresh()
    fresh.ingested(3, [event("a")])
    fresh.ingested(2, [event("a")])
    fresh.ingested(4, [event("a")])
    fresh.rebase(2)
    assert ids(fresh) == []


def test_a_double_of_an_older_event_is_withdrawn_and_its_id_stays_known():
    fresh = Fresh()
    fresh.posted([event("double"), event("waits")])
    fresh.ingested(1, [event("read")])
    fresh.withdraw(["double", "read", "nobody"])
    fresh.posted([event("double")])
    assert ids(fresh) == ["read", "waits"]


def test_beyond_the_cap_the_first_that_came_go_and_are_counted():
    fresh = Fresh(cap=3)
    fresh.posted([event("a", at=9), event("b")])
    fresh.ingested(1, [event("c"), event("a", at=9)])
    fresh.ingested(2, [event("d"), event("e", user="bob")])
    assert (ids(fresh), ids(fresh, "bob")) == (["c", "d"], ["e"])
    assert fresh.counts() == Counts(3, 2, 0, 2)
    fresh.rebase(1)
    assert fresh.counts() == Counts(2, 2, 0, 2)


def test_much_more_than_the_cap_leaves_no_more_than_the_cap():
    fresh = Fresh(cap=100)
    for number in range(50):
        fresh.ingested(number, [event(f"{number}-{place}", user=f"u{place % 7}") for place in range(37)])
    events, users, waiting, dropped = fresh.counts()
    assert events == 100 and events + dropped == 50 * 37 and (users, waiting) == (7, 0)
    assert sum(len(fresh.of(user)) for user in fresh.users()) == events
    assert len(fresh._let_go._young) + len(fresh._let_go._old) < 200
    assert not fresh.knows("0-0")


def test_the_newest_word_on_each_field_of_a_product_stands():
    fresh = Fresh()
    fresh.posted([event("a", at=1, name="Lamp", price=10.0, in_stock=True)])
    fresh.ingested(0, [event("b", at=3, price=8.0), event("c", at=2, price=9.0, brand="Lux", category="Light")])
    assert fresh.details("lamp") == Details("Lamp", "Light", "Lux", 8.0, True)
    fresh.posted([event("d", at=4, in_stock=False)])
    assert fresh.details("lamp").in_stock is False
    assert fresh.details("chair") == Details()


def test_of_what_was_said_at_one_time_the_last_in_order_stands():
    fresh = Fresh()
    fresh.posted([event("a", name="B"), event("b", name="A")])
    assert fresh.details("lamp").name == "B"


def test_what_only_a_generations_own_events_said_goes_with_them():
    fresh = Fresh()
    fresh.ingested(0, [event("a", at=2, price=9.0, name="Lamp")])
    fresh.ingested(1, [event("b", at=1, price=8.0)])
    fresh.rebase(0)
    assert fresh.details("lamp") == Details(price=8.0)


def test_users_of_a_product_are_counted_once():
    fresh = Fresh()
    fresh.posted([event("a"), event("b"), event("c", user="bob"), event("d", product=None, event_type="post")])
    assert sorted(fresh.users_of("lamp")) == ["ann", "bob"]
    fresh.withdraw(["a", "c"])
    assert len(fresh.users_of("lamp")) == 1
    fresh.ingested(0, [event("b")])
    fresh.rebase(0)
    assert fresh.users_of("lamp") == []
    assert ids(fresh) == ["d"]


NAMES = st.integers(0, 11)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("posted"), st.lists(NAMES, max_size=4)),
        st.tuples(st.just("ingested"), st.integers(0, 3)),
        st.tuples(st.just("rebase"), st.integers(-1, 3)),
        st.tuples(st.just("withdraw"), st.lists(NAMES, max_size=2)),
    ),
    max_size=30,
)


def one(number):
    return event(f"e{number}", user=f"u{number % 3}", product=f"p{number % 2}", at=number % 4)


@given(STEPS)
def test_in_any_order_each_event_is_held_once_and_none_is_lost(steps):
    """The table gets events 0 to 9, three at a version; 10 and 11 never come. After a rollback all is told again."""
    fresh, posted, withdrawn, read, base = Fresh(), set(), set(), set(), -1
    table = {version: range(3 * version, min(3 * version + 3, 10)) for version in range(4)}
    for step, what in steps:
        if step == "posted":
            fresh.posted(map(one, what))
            posted |= set(what) - withdrawn
        elif step == "ingested":
            fresh.ingested(what, map(one, table[what]))
            read.add(what)
        elif step == "withdraw":
            withdrawn |= {number for number in what if number >= 10}
            fresh.withdraw(f"e{number}" for number in withdrawn)
            posted -= withdrawn
        else:
            fresh.rebase(what)
            for version in sorted(read) if what < base else ():
                fresh.ingested(version, map(one, table[version]))
            base = what
        in_table = {number for version in read for number in table[version]}
        expected = {number for version in read if version > base for number in table[version]} | (posted - in_table)
        check(fresh, expected, waiting=len(posted - in_table))


def check(fresh, expected, waiting):
    held = [found for user in fresh.users() for found in fresh.of(user)]
    assert sorted(found.event_id for found in held) == sorted(f"e{number}" for number in expected)
    assert all(list(fresh.of(user)) == sorted(fresh.of(user), key=lambda e: (e.occurred_at, e.event_id))
               for user in fresh.users())  # fmt: skip
    assert fresh.counts() == Counts(len(expected), len(fresh.users()), waiting, 0)
    for product in ("p0", "p1"):
        assert set(fresh.users_of(product)) == {found.user for found in held if found.product == product}
    assert all(fresh.knows(f"e{number}") for number in expected)


def test_readers_beside_writers_see_each_event_once_and_never_lose_one():
    fresh, stop, faults = Fresh(), threading.Event(), []
    fresh.posted([event(f"stays{number}", at=number) for number in range(20)])

    def read():
        while not stop.is_set():
            names = ids(fresh)
            if len(set(names)) != len(names) or sum(name.startswith("stays") for name in names) != 20:
                faults.append(names)
            fresh.users(), fresh.details("lamp"), fresh.users_of("lamp"), fresh.counts()

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    until = time.monotonic() + 1
    version = 0
    while time.monotonic() < until:
        fresh.posted([event(f"{version}", at=version % 20)])
        fresh.ingested(version, [event(f"{version}", at=version % 20, price=float(version))])
        fresh.rebase(version - 3)
        version += 1
    stop.set()
    for reader in readers:
        reader.join()
    assert not faults and version > 100


@pytest.mark.parametrize("user", ["nobody", "ann"])
def test_asking_for_a_user_takes_less_than_two_microseconds(user):
    fresh = Fresh()
    fresh.posted([event(f"{number}", user="ann" if number % 2 else f"u{number}") for number in range(1000)])
    best = min(_seconds(lambda: fresh.of(user)) for _ in range(20))
    assert best < 2e-6


def _seconds(asked, times=1000):
    begun = time.perf_counter()
    for _ in range(times):
        asked()
    return (time.perf_counter() - begun) / times
