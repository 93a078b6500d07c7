"""The index beside the exact way: what it finds, what it hands over, and to which factors its file belongs."""

import json

import numpy as np
import pytest

from spark_app.numbers.arrays import Similar
from spark_app.serving.batching import Ask
from spark_app.serving.exact import Exact
from spark_app.serving.index import Index, is_needed

NONE = np.empty(0, np.int32)
PRODUCTS, GROUPS, K = 4000, 20, 12


def clustered(seed=5, products=PRODUCTS):
    """(users, products) in groups, the products of very different lengths, as popularity makes them."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(GROUPS, K))
    lengths = rng.lognormal(0, 0.8, (products, 1))
    vectors = (centres[rng.integers(0, GROUPS, products)] + rng.normal(size=(products, K)) * 0.4) * lengths
    users = centres[rng.integers(0, GROUPS, 300)] + rng.normal(size=(300, K)) * 0.4
    return users.astype(np.float32), vectors.astype(np.float32)


def as_lists(answers):
    return [(places.tolist(), scores.tolist()) for places, scores in answers]


@pytest.fixture(scope="module")
def built():
    """(users, index)."""
    users, products = clustered()
    return users, Index.build(Exact(products))


def test_it_finds_nearly_all_of_the_best(built):
    users, index = built
    measured = index.measure(users, n=10)
    assert measured.recall > 0.95
    assert (measured.n, measured.users) == (10, 200)
    assert index.measured == measured


def test_scores_are_exact_and_in_order(built):
    users, index = built
    for user, (places, scores) in zip(users, index.search(users, 10), strict=True):
        exact = (index.exact.products[places].astype(float) @ user.astype(float)).astype(np.float32)
        assert (scores == exact).all()
        assert (np.diff(scores) <= 0).all()


def test_what_is_excluded_is_made_up_for(built):
    users, index = built
    for user in users[:40]:
        (best, _), *_ = index.exact.best_now([Ask(user, NONE, 30)])
        (places, _), *_ = index.best_now([Ask(user, best, 10)])
        assert len(places) == 10
        assert not set(places) & set(best)


@pytest.mark.parametrize(
    "more",
    [
        {"allowed": np.arange(0, PRODUCTS, 3, dtype=np.int32)},
        {"allowed": np.int32([5, 9])},
        {"n": 3000},
        {"excluded": np.arange(5, PRODUCTS, dtype=np.int32)},
    ],
)
def test_what_the_graph_is_not_good_for_is_answered_exactly(built, more):
    users, index = built
    asks = [Ask(user, NONE, 10)._replace(**more) for user in users[:3]]
    assert as_lists(index.best_now(asks)) == as_lists(index.exact.best_now(asks))


def test_what_habits_touch_is_always_looked_at():
    users, products = clustered()
    similar = Similar(np.minimum(np.arange(PRODUCTS + 1), 1), np.int32([17]), np.float32([1.0]))
    index = Index.build(Exact(products, similar))
    ask = Ask(users[0], NONE, 5, np.int32([0, 3]), np.float32([500.0, 0.0]), np.float32([0.0, 900.0]))
    ((places, scores),) = index.best_now([ask])
    assert places[:2].tolist() == [3, 17]
    assert scores[:2].tolist() == index.exact.best_now([ask])[0][1][:2].tolist()


def test_the_checkerboard_is_found_and_ties_go_to_the_smaller_place():
    """Even users like even products; all of a kind are alike, but for one that is longer."""
    products = np.zeros((64, 2), np.float32)
    products[np.arange(64), np.arange(64) % 2] = 1
    products[40] *= 2
    found = Index.build(Exact(products)).search(np.float32([[1, 0], [0, 1]]), 4)
    assert found[0][0][0] == 40
    assert all((places % 2 == kind).all() for kind, (places, _) in enumerate(found))
    assert all(places[1:].tolist() == sorted(places[1:].tolist()) for places, _ in found)


def test_products_that_are_no_numbers_are_in_no_list():
    users, products = clustered()
    products[7], products[8, 0] = np.nan, np.inf
    index = Index.build(Exact(products))
    assert not any({7, 8} & set(places.tolist()) for places, _ in index.search(users, 50))


def test_an_empty_catalogue_has_an_index_too():
    index = Index.build(Exact(np.empty((0, K), np.float32)))
    assert as_lists(index.search(np.ones((2, K), np.float32), 5)) == [([], []), ([], [])]
    assert index.measure(np.ones((2, K), np.float32)).recall == 1


def test_one_seed_gives_one_graph():
    users, products = clustered(products=800)
    one, same = (as_lists(Index.build(Exact(products), seed=3).search(users, 10)) for _ in range(2))
    assert one == same


@pytest.mark.parametrize(("short", "needed"), [(0.01, False), (1.0, True)])
def test_it_is_needed_where_exact_lists_take_long(short, needed):
    rng = np.random.default_rng(6)
    products = rng.standard_normal((600_000, 40), np.float32)
    products[1000:] *= np.float32(short)
    assert is_needed(Exact(products), rng.standard_normal((50, 40), np.float32)) == needed


# -- its file --


def test_a_file_is_mapped_and_finds_the_same(built, tmp_path):
    users, index = built
    path = tmp_path / "product_factors.hnsw"
    index.save(path)
    loaded = Index.load(path, index.exact)
    assert as_lists(loaded.search(users, 10)) == as_lists(index.search(users, 10))
    assert sorted(found.name for found in tmp_path.iterdir()) == [path.name, f"{path.name}.json"]


def test_a_file_of_other_factors_is_not_taken(built, tmp_path):
    _, index = built
    index.save(tmp_path / "hnsw")
    changed = index.exact.products.copy()
    changed[9, 3] += 1
    assert Index.load(tmp_path / "hnsw", Exact(changed)) is None
    assert Index.load(tmp_path / "hnsw", Exact(changed[:-1])) is None


@pytest.mark.parametrize("damage", ["no file", "no label", "half a file", "another label", "no label at all"])
def test_a_damaged_file_is_made_anew(tmp_path, damage):
    users, products = clustered(products=500)
    path, label, exact = tmp_path / "hnsw", tmp_path / "hnsw.json", Exact(products)
    whole = Index.opened(path, exact)
    if damage == "no file":
        path.unlink()
    elif damage == "no label":
        label.unlink()
    elif damage == "half a file":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif damage == "another label":
        label.write_text(json.dumps({"shape": [1, 2]}))
    else:
        label.write_text("{")
    assert Index.load(path, exact) is None
    again = Index.opened(path, exact)
    assert as_lists(again.search(users, 5)) == as_lists(whole.search(users, 5))
    assert Index.load(path, exact) is not None


def test_a_folder_that_cannot_be_written_is_no_hindrance(tmp_path):
    users, products = clustered(products=300)
    (tmp_path / "file").write_text("no folder")
    index = Index.opened(tmp_path / "file" / "hnsw", Exact(products))
    assert len(index.search(users[:1], 5)[0][0]) == 5
