import re

import pytest

from spark_app.running import preflight
from spark_app.running.preflight import GIGABYTE, Cost, Room, Size, TooLargeError

SHOP = Size(users=138_000, products=27_000, interactions=10_000_000)
WIDE = Room(free=16 * GIGABYTE, whole=24 * GIGABYTE, heap=8 * GIGABYTE)


@pytest.mark.parametrize("engine", ["mllib", "implicit"])
def test_more_of_anything_costs_more_and_more_cores_less_time(engine):
    before = preflight.cost(SHOP, engine, 64, 10, 2)
    for size, factors in ((SHOP._replace(users=10**6), 64), (SHOP._replace(interactions=10**8), 64), (SHOP, 128)):
        after = preflight.cost(size, engine, factors, 10, 2)
        assert after.seconds > before.seconds and after.memory > before.memory
    assert preflight.cost(SHOP, engine, 64, 20, 2).seconds > before.seconds > preflight.cost(SHOP, engine, 64, 10, 8)[0]


def test_the_library_is_taken_where_it_leaves_room_for_java():
    needed = preflight.memory(SHOP, "implicit", 64)
    assert preflight.engine(SHOP, 64, WIDE._replace(free=2.1 * needed)) == "implicit"
    assert preflight.engine(SHOP, 64, WIDE._replace(free=1.9 * needed)) == "mllib"


def test_what_fits_is_let_through():
    for engine in ("mllib", "implicit"):
        preflight.ensure_fits(SHOP, engine, 64, WIDE)


def test_a_heap_that_is_too_small_is_refused_with_one_that_is_not():
    with pytest.raises(
        TooLargeError, match=r"^10,000,000 interactions .* by the engine mllib, and Java's heap"
    ) as said:
        preflight.ensure_fits(SHOP, "mllib", 64, WIDE._replace(heap=GIGABYTE // 4))
    asked = re.search(r"MILLSTREAM_SPARK__DRIVER_MEMORY=(\d+)g", str(said.value))
    preflight.ensure_fits(SHOP, "mllib", 64, WIDE._replace(heap=int(asked[1]) * GIGABYTE))


def test_what_no_machine_of_this_size_holds_is_sent_to_a_cluster_and_the_factors_that_fit_are_named():
    huge = Size(100_000_000, 10_000_000, 100_000_000)
    with pytest.raises(TooLargeError, match="MILLSTREAM_SPARK__MASTER to a cluster"):
        preflight.ensure_fits(huge, "mllib", 64, WIDE)
    tight = WIDE._replace(heap=preflight.memory(SHOP, "mllib", 32))
    with pytest.raises(TooLargeError, match="or MILLSTREAM_ALS__FACTORS=32 or fewer"):
        preflight.ensure_fits(SHOP, "mllib", 64, tight)


def test_the_library_without_memory_names_the_other_engine():
    with pytest.raises(TooLargeError, match="set MILLSTREAM_ENGINE=mllib"):
        preflight.ensure_fits(SHOP, "implicit", 64, WIDE._replace(free=GIGABYTE // 4))


def test_a_driver_without_room_for_what_it_keeps_is_told_so_before_anything_is_fitted():
    preflight.ensure_room_here(SHOP, 64, WIDE, likened=True)
    huge = Size(100_000_000, 10_000_000, 5_000_000_000)
    with pytest.raises(TooLargeError, match=r"about 93\.2 GB where this program runs.*more memory for the driver"):
        preflight.ensure_room_here(huge, 64, WIDE, likened=False)


def test_a_cluster_without_room_for_a_fit_is_told_to_have_more_executors():
    with pytest.raises(TooLargeError, match="set MILLSTREAM_SPARK__EXECUTOR_MEMORY to more, or add executors"):
        preflight.ensure_fits(SHOP, "mllib", 64, WIDE._replace(heap=GIGABYTE // 4, elsewhere=True))


def test_likening_that_has_no_room_is_told_what_has():
    with pytest.raises(TooLargeError, match="MILLSTREAM_ALGORITHM=als"):
        preflight.ensure_room_here(SHOP._replace(interactions=2_000_000_000), 64, WIDE, likened=True)


def test_the_room_is_within_the_limits_of_a_container(monkeypatch, tmp_path):
    files = {"_LIMIT": "4000000\n", "_USED": "1500000\n", "_STAT": "file 1\ninactive_file 500000\n"}
    for name, text in (files | {"_MEMINFO": "MemFree: 5 kB\nMemAvailable:  9000 kB\n"}).items():
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(preflight, name, tmp_path / name)
    assert preflight.room(5.0) == Room(free=3_000_000, whole=4_000_000, heap=5.0)
    (tmp_path / "_LIMIT").write_text("max\n")
    assert preflight.room(5.0).free == 9000 * 1024


def test_words_and_numbers_of_a_cost():
    assert str(Cost(12.4, 0.42 * GIGABYTE)) == "about 12 s and 0.4 GB"
    assert str(SHOP) == "10,000,000 interactions of 138,000 users and 27,000 products"
