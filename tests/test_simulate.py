"""The simulated shop: repeatable, alive like a real one, and dirty exactly as it says."""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime
from hashlib import blake2b

import numpy as np
import pytest

from kafka_producer.dirt import BROKEN, DUPLICATE, GOOD, SENT_TWICE, summary, with_dirt
from kafka_producer.files import deliver, part_names, sizes
from kafka_producer.simulate import EDITION, Simulation, encode, good_events, truth
from kafka_producer.words import CATEGORIES

SMALL = Simulation(events=20_000, users=1_000, products=300)


@pytest.fixture(scope="module")
def events():
    return list(good_events(SMALL))


@pytest.fixture(scope="module")
def lines(events):
    return list(with_dirt(events, SMALL))


@pytest.fixture(scope="module")
def purchases(events):
    return [event for event in events if event["event_type"] == "purchase" and event["quantity"] > 0]


@pytest.fixture(scope="module")
def shop():
    return truth(SMALL)


def text(simulation):
    return "\n".join(line.text for line in with_dirt(good_events(simulation), simulation))


def time_of(event):
    return datetime.fromisoformat(event["timestamp"])


def test_the_same_seed_gives_the_same_bytes(lines):
    assert text(SMALL) == "\n".join(line.text for line in lines)


def test_another_seed_gives_other_bytes_and_other_ids():
    one, other = Simulation(events=300, seed=1), Simulation(events=300, seed=2)
    assert text(one) != text(other)
    assert one.name != other.name
    assert not {e["event_id"] for e in good_events(one)} & {e["event_id"] for e in good_events(other)}


def test_the_bytes_change_only_with_the_edition():
    """Ids and file names promise their content: raise EDITION whenever this digest has to be changed."""
    digest = blake2b(text(Simulation(events=1_000)).encode(), digest_size=8).hexdigest()
    assert (EDITION, digest) == (1, "0945a29e5fde0152")


def test_more_events_leave_products_and_tastes_as_they_were():
    one, other = truth(Simulation(events=100)), truth(Simulation(events=200))
    assert np.array_equal(one.user_tastes, other.user_tastes)
    assert np.array_equal(one.taste_products, other.taste_products)


@pytest.mark.parametrize("count", [1, 2, 77, 1_000])
def test_there_are_as_many_good_events_as_asked_for(count):
    assert len(list(good_events(Simulation(events=count, users=9, products=5)))) == count


def test_every_good_event_has_an_id_of_its_own(events):
    assert len({event["event_id"] for event in events}) == SMALL.events


def test_events_are_in_order_of_time_and_within_the_days(events):
    times = [time_of(event) for event in events]
    assert times == sorted(times)
    assert datetime(2026, 7, 3, tzinfo=UTC) <= times[0]
    assert times[-1] < SMALL.until


def test_time_range_follows_its_settings():
    until = datetime(2020, 3, 1, 12, 30, tzinfo=UTC)
    times = [time_of(event) for event in good_events(Simulation(events=500, days=2, until=until))]
    assert datetime(2020, 2, 28, 12, 30, tzinfo=UTC) <= times[0]
    assert times[-1] < until


def test_purchases_dominate(events):
    kinds = Counter(event["event_type"] for event in events)
    shares = {kind: count / SMALL.events for kind, count in kinds.items()}
    assert shares == pytest.approx({"purchase": 0.65, "view": 0.25, "cart": 0.10}, abs=0.02)


def test_the_top_tenth_of_the_products_gets_a_third_of_the_purchases(purchases):
    counts = sorted(Counter(event["product"] for event in purchases).values(), reverse=True)
    assert sum(counts[: SMALL.products // 10]) / len(purchases) > 0.3


def test_the_busiest_tenth_of_the_users_does_a_quarter_of_it_all(events):
    counts = sorted(Counter(event["user"] for event in events).values(), reverse=True)
    assert len(counts) == SMALL.users
    assert sum(counts[: SMALL.users // 10]) / SMALL.events > 0.25


def test_saturdays_are_busier_than_tuesdays_and_evenings_than_nights(events):
    weekdays = Counter(time_of(event).weekday() for event in events)
    hours = Counter(time_of(event).hour for event in events)
    assert weekdays[5] > 1.3 * weekdays[1]
    assert hours[20] > 5 * hours[3]


def test_returns_refer_to_earlier_purchases_and_never_exceed_them(events):
    owned, returned = Counter(), 0
    for event in events:
        if event["event_type"] == "purchase":
            owned[event["user"], event["product"]] += event["quantity"]
            returned += event["quantity"] < 0
            assert owned[event["user"], event["product"]] >= 0
    assert returned / sum(event["event_type"] == "purchase" for event in events) == pytest.approx(0.02, abs=0.003)


def test_what_is_used_up_is_bought_again_and_what_lasts_is_not(events, purchases):
    used_up = {shelf.name for shelf in CATEGORIES if shelf.used_up}
    category = {e["product"]: e["product_data"]["category"] for e in events if "product_data" in e}
    times = Counter((event["user"], event["product"]) for event in purchases)
    again, pairs = Counter(), Counter()
    for (_, product), count in times.items():
        again[category[product] in used_up] += count > 1
        pairs[category[product] in used_up] += 1
    assert again[True] / pairs[True] > 0.2
    assert again[False] / pairs[False] < 0.05


def test_some_products_come_later_than_others(events):
    first = {}
    for event in events:
        first.setdefault(event["product"], time_of(event))
    late = sum((time - SMALL.until).days > -60 for time in first.values())
    assert 0.05 < late / len(first) < 0.4


def test_a_session_is_one_user_within_one_hour(events):
    sessions = defaultdict(list)
    for event in events:
        sessions[event["session_id"]].append(event)
    assert all(len({event["user"] for event in session}) == 1 for session in sessions.values())
    assert all((time_of(s[-1]) - time_of(s[0])).total_seconds() < 3600 for s in sessions.values())
    assert max(map(len, sessions.values())) > 5


def test_totals_are_price_times_quantity(events):
    counted = [event for event in events if event["event_type"] != "view"]
    assert all(event["total_price"] == round(event["price"] * event["quantity"], 2) for event in counted)


def test_every_product_and_user_is_described_when_it_first_comes(events):
    products, users = set(), set()
    for event in events:
        assert event["product"] in products or event["product_data"]["id"] == event["product"]
        assert event["user"] in users or event["customer_data"]["id"] == event["user"]
        products.add(event["product"])
        users.add(event["user"])
    assert len(products) == SMALL.products


def test_products_have_names_of_their_own_and_brands_keep_to_two_categories(events):
    told = {e["product"]: e["product_data"] for e in events if "product_data" in e}.values()
    categories = defaultdict(set)
    for data in told:
        categories[data["brand"]].add(data["category"])
    assert len({data["name"] for data in told}) == SMALL.products
    assert {data["category"] for data in told} == {shelf.name for shelf in CATEGORIES}
    assert max(map(len, categories.values())) <= 2
    assert all(data["price"] > 0 for data in told)


def test_every_user_has_two_or_three_tastes(shop):
    assert set((shop.user_tastes > 0).sum(axis=1)) == {2, 3}
    assert np.allclose(shop.user_tastes.sum(axis=1), 1)
    assert np.allclose(shop.taste_products.sum(axis=1), 1)


def test_users_buy_what_they_like_twice_as_often_as_others_do(purchases, shop):
    """The tenth of the products that a user likes best, against the same tenth in the hands of another user."""
    users = {user: place for place, user in enumerate(shop.users)}
    products = {product: place for place, product in enumerate(shop.products)}
    liked = np.argsort(np.argsort(-shop.preferences(), axis=1), axis=1) < SMALL.products // 10
    user = np.array([users[event["user"]] for event in purchases])
    product = np.array([products[event["product"]] for event in purchases])
    own, others = liked[user, product].mean(), liked[(user + 1) % SMALL.users, product].mean()
    assert own > 0.5
    assert own > 2 * others


def test_knowing_the_tastes_beats_popularity_at_what_is_bought_next(purchases, shop):
    """Hits among ten new products, before and after the cut at four fifths of the purchases."""
    users = {user: place for place, user in enumerate(shop.users)}
    products = {product: place for place, product in enumerate(shop.products)}
    pairs = [(users[event["user"]], products[event["product"]]) for event in purchases]
    bought, coming = np.zeros((2, SMALL.users, SMALL.products), dtype=bool)
    bought[tuple(np.transpose(pairs[: len(pairs) * 4 // 5]))] = True
    coming[tuple(np.transpose(pairs[len(pairs) * 4 // 5 :]))] = True

    def hits(scores):
        best = np.argsort(-np.where(bought, -1, scores), axis=1)[:, :10]
        return np.take_along_axis(coming & ~bought, best, axis=1).sum()

    assert hits(shop.preferences()) > 1.5 * hits(np.tile(bought.sum(axis=0), (SMALL.users, 1)))


def test_the_summary_counts_the_lines_by_what_they_are(lines):
    marks = Counter(line.mark for line in lines)
    counted = summary(SMALL)
    assert marks == Counter({GOOD: counted.events, DUPLICATE: counted.duplicates}) + Counter(counted.broken)
    assert counted.lines == len(lines)
    assert (counted.duplicates, sum(counted.broken.values())) == (SENT_TWICE * 20_000, BROKEN * 20_000)


def test_what_is_sent_twice_is_the_same_line_and_comes_after_it(lines):
    seen = set()
    for line in lines:
        if line.mark in {GOOD, DUPLICATE}:
            assert (line.text in seen) == (line.mark == DUPLICATE)
        seen.add(line.text)


def test_the_good_lines_are_the_good_events(events, lines):
    assert [line.text for line in lines if line.mark == GOOD] == [encode(event) for event in events]
    assert all(json.loads(line.text) == event for line, event in zip(lines[:10], events[:10], strict=True))


def is_name(value):
    return isinstance(value, str) and 1 <= len(value) <= 256


IS_GOOD = {
    "missing_user": lambda e: "user" in e,
    "bad_user": lambda e: is_name(e["user"]),
    "missing_product": lambda e: "product" in e,
    "bad_product": lambda e: is_name(e["product"]),
    "bad_event_type": lambda e: e["event_type"] in {"view", "cart", "purchase"},
    "bad_quantity": lambda e: isinstance(e.get("quantity", 1), int | float) and abs(e.get("quantity", 1)) <= 1e9,
    "bad_rating": lambda e: isinstance(e.get("rating", 1), int | float),
    "bad_price": lambda e: isinstance(e["price"], int | float),
    "bad_timestamp": lambda e: e["timestamp"].startswith("2026-"),
}


def faults(line):
    """All that is wrong with a line, told apart from how the simulation broke it."""
    try:
        event = json.loads(line)
    except ValueError:
        return ["not_json"]
    missing = [reason for reason in ("missing_user", "missing_product") if not IS_GOOD[reason](event)]
    return missing or [reason for reason, is_good in IS_GOOD.items() if not is_good(event)]


def test_a_broken_line_has_the_one_fault_that_it_claims_and_no_other_line_has_any():
    simulation = Simulation(events=40_000, users=50, products=20)
    lines = list(with_dirt(good_events(simulation), simulation))
    assert {line.mark for line in lines} == {GOOD, DUPLICATE, "not_json", *IS_GOOD}
    assert all(faults(line.text) == ([] if line.mark in {GOOD, DUPLICATE} else [line.mark]) for line in lines)


@pytest.mark.parametrize("wrong", [{"users": 0}, {"events": -1}, {"products": 0}, {"seed": -1}, {"days": 0}])
def test_what_cannot_be_simulated_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is {next(iter(wrong.values()))}, expected"):
        Simulation(**wrong)


def test_a_hundred_lines_make_three_files_of_almost_the_same_size():
    assert sizes(100, parts=3) == [34, 33, 33]
    assert part_names("sales", parts=2) == ["sales-0001-of-0002.jsonl", "sales-0002-of-0002.jsonl"]


def test_files_hold_all_lines_in_order(tmp_path):
    written = deliver(map(str, range(10)), count=10, names=["a", "b", "c"], inbox=tmp_path / "new" / "inbox")
    assert [path.read_text().split() for path in written] == [list("0123"), list("456"), list("789")]


def test_a_file_that_is_there_is_left_alone_and_a_missing_one_is_filled_in(tmp_path):
    (tmp_path / "a").write_text("taken\n")
    assert deliver("xyz", count=3, names=["a", "b", "c"], inbox=tmp_path) == [tmp_path / "b", tmp_path / "c"]
    assert [(tmp_path / name).read_text() for name in "abc"] == ["taken\n", "y\n", "z\n"]


def test_when_all_files_are_there_no_line_is_made(tmp_path):
    (tmp_path / "a").touch()
    assert deliver((1 / 0 for _ in range(3)), count=3, names=["a"], inbox=tmp_path) == []


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    def watched():
        for line in "wxyz":
            visible[line] = [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")]
            yield line

    visible = {}
    deliver(watched(), count=4, names=["a", "b"], inbox=tmp_path)
    assert visible == {"w": [], "x": [], "y": ["a"], "z": ["a"]}


def test_a_failure_in_the_middle_leaves_whole_files_only(tmp_path):
    with pytest.raises(ZeroDivisionError):
        deliver((str(1 // (3 - n)) for n in range(4)), count=4, names=["a", "b"], inbox=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def run(*arguments):
    command = [sys.executable, "-m", "kafka_producer", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)


def test_the_command_writes_files_once_and_then_says_that_they_are_there(tmp_path):
    command = ("simulate", "--events", 2000, "--to", "files", "--inbox", tmp_path, "--files", 4)
    first, taken = run(*command), {path.name: path.stat() for path in tmp_path.iterdir()}
    second = run(*command)
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout.startswith("2,000 events, 4 of them sent twice, 2 broken lines (")
    assert "nothing written" in second.stdout
    assert len(second.stdout.splitlines()) == 1
    assert {path.name: path.stat() for path in tmp_path.iterdir()} == taken
    assert len(taken) == 4


def test_files_and_standard_output_carry_the_same_lines(tmp_path):
    printed = run("simulate", "--events", 500, "--seed", 3, "--to", "stdout")
    run("simulate", "--events", 500, "--seed", 3, "--to", "files", "--inbox", tmp_path)
    assert printed.stdout == "".join(path.read_text(encoding="utf-8") for path in sorted(tmp_path.iterdir()))
    assert printed.stdout.splitlines() == text(Simulation(events=500, seed=3)).split("\n")
    assert printed.stderr.startswith("500 events, 1 of them sent twice")


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        ((), 2, "Missing command"),
        (("simulate", "--users", 0, "--to", "stdout"), 2, "--users is 0, expected 1 to"),
        (("simulate", "--events=-5", "--to", "stdout"), 2, "--events is -5"),
        (("simulate", "--files", 0, "--to", "files", "--inbox", "x"), 2, "--files is 0"),
        (("simulate", "--until", "yesterday", "--to", "stdout"), 2, "--until is 'yesterday'"),
        (("simulate", "--to", "files"), 2, "--inbox"),
        (("simulate", "--to", "stdout", "--inbox", "x"), 2, "--inbox x"),
        (("simulate", "--to", "files", "--inbox", __file__), 2, "is a file"),
        (("simulate", "--to", "files", "--inbox", f"{__file__}/inbox"), 1, "cannot write to"),
    ],
)
def test_a_wrong_call_gets_one_line_and_its_exit_code(arguments, code, named):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert len(done.stderr.splitlines()) == 1
    assert named in done.stderr


def test_the_help_has_an_example_that_works_as_printed(tmp_path):
    shown = " ".join(run("simulate", "--help").stdout.split())
    words = shown.split("Example: python -m kafka_producer ")[1].split()
    assert words[:4] == ["simulate", "--to", "files", "--inbox"]
    assert run(*words[:4], tmp_path, "--events", 10).returncode == 0


def test_an_end_ahead_of_the_clock_is_noted():
    done = run("simulate", "--events", 5, "--until", "2999-01-01", "--to", "stdout")
    assert done.returncode == 0
    assert done.stderr.startswith("note: --until 2999-01-01 is ahead of this machine's clock")
