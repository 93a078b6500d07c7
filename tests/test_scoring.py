"""Scores, selection and the normal equations, against slow and plain ways of saying the same."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from spark_app import scoring
from spark_app.numbers.arrays import SeenCSR
from spark_app.numbers.equations import Equations, because, contributions, fold_in, gram, half_step
from spark_app.scoring import select, top_n

IMPLICIT = Equations(regularization=0.1, alpha=2.0, implicit=True)
EXPLICIT = Equations(regularization=0.1, implicit=False)
quick = settings(max_examples=60, deadline=None)


def csr(rows):
    """Rows of product indices as SeenCSR."""
    return SeenCSR(np.cumsum([0, *map(len, rows)]), np.array([p for row in rows for p in row], np.int32))


def sorted_out(scores, rows, n):
    """The best n by sorting everything: (product, score) per place, (-1, -inf) where none is left."""
    lists = []
    for values, seen in zip(scores, rows, strict=True):
        usable = np.where(np.isnan(values), -np.inf, values)
        usable[list(seen)] = -np.inf
        order = np.lexsort((np.arange(len(usable)), -usable))[:n]
        best = [(p, usable[p]) for p in order if usable[p] > -np.inf]
        lists.append(best + [(-1, -np.inf)] * (n - len(best)))
    return lists


def as_lists(best):
    return [list(zip(p, s, strict=True)) for p, s in zip(best.products.tolist(), best.scores.tolist(), strict=True)]


@st.composite
def tables(draw, values):
    """Scores of a few users, what they have seen in any order, and n; wide enough for two blocks and a rest."""
    users, products = draw(st.integers(0, 4)), draw(st.sampled_from([1, 2, 63, 64, 65, 150]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scores = rng.choice(np.array(values, np.float32), (users, products))
    seen = [rng.permutation(products)[: rng.integers(0, products + 1)].tolist() for _ in range(users)]
    return scores, seen, draw(st.sampled_from([1, 2, 10, 200]))


# -- the best n --


@quick
@given(tables([0.0, -0.0, 1.0, 2.0, 2.0, -3.5, np.inf, -np.inf, np.nan]))
def test_selection_agrees_with_sorting_whatever_the_scores(table):
    scores, seen, n = table
    expected = sorted_out(scores, seen, n)
    assert as_lists(select(scores, csr(seen), n=n)) == expected


@quick
@given(tables([-1.0, 0.0, 1.0, 2.0]), st.integers(1, 5))
def test_the_best_n_agree_with_sorting_all_products_for_any_tile(table, tile):
    scores, seen, n = table
    users = np.eye(max(len(scores), 1), dtype=np.float32)[: len(scores)]
    factors = scores.T if len(scores) else np.ones((scores.shape[1], 1), np.float32)
    assert as_lists(top_n(users, factors, csr(seen), n=n, tile=tile)) == sorted_out(scores, seen, n)


def test_lists_continue_over_tiles_of_users_and_of_products():
    rng = np.random.default_rng(1)
    users, products = rng.integers(-9, 9, (300, 3)), rng.integers(-9, 9, (9000, 3))  # 256 x 8192 fit one tile
    seen = [rng.choice(9000, 40, replace=False) for _ in users]
    best = top_n(users.astype(np.float32), products.astype(np.float32), csr(seen), n=7)
    assert as_lists(best) == sorted_out((users @ products.T).astype(np.float32), seen, 7)


def test_scores_and_ties_depend_on_the_factors_alone():
    """Not on a user's place, the tile or the BLAS threads; matrix products alone differ in the last bit."""
    rng = np.random.default_rng(5)
    users, products = rng.normal(size=(203, 64)).astype(np.float32), rng.normal(size=(999, 64)).astype(np.float32)
    products[500:] = products[rng.integers(0, 200, 499)]
    shuffled, best = rng.permutation(203), top_n(users, products, n=9)
    for tile in (1, 7, 256):
        again = top_n(users[shuffled], products, n=9, tile=tile)
        assert (again.products == best.products[shuffled]).all() and (again.scores == best.scores[shuffled]).all()
    exact = (users.astype(float) @ products.T.astype(float)).astype(np.float32)
    assert as_lists(best) == sorted_out(exact, [()] * 203, 9)


def test_ties_go_to_the_smaller_product():
    assert select(np.float32([[1, 5, 5, 1, 5]]), n=4).products.tolist() == [[1, 2, 4, 0]]


def test_nothing_is_recommended_when_everything_is_seen():
    best = select(np.float32([[1, 2]]), csr([[1, 0]]), n=3)
    assert (best.products == -1).all() and (best.scores == -np.inf).all()


def test_a_user_without_usable_factors_gets_an_empty_list():
    best = top_n(np.float32([[np.nan], [1]]), np.float32([[3], [4]]), n=1)
    assert best.products.tolist() == [[-1], [1]]


def test_products_without_usable_factors_are_left_out():
    products = np.float32([[np.nan, 1], [1, 1], [2, 1]])
    assert top_n(np.float32([[1, 1], [0, 0]]), products, n=3).products.tolist() == [[2, 1, -1], [1, 2, -1]]


def test_no_users_get_no_lists_and_no_products_empty_ones():
    factors = np.ones((2, 3), np.float32)
    assert top_n(factors[:0], factors, n=4).products.shape == (0, 4)
    assert top_n(factors, factors[:0], n=1).products.tolist() == [[-1], [-1]]


def test_selecting_leaves_the_scores_alone_but_for_what_is_seen():
    scores = np.float32([[1, 2, 3]])
    select(scores, csr([[2]]), n=1)
    assert scores.tolist() == [[1, 2, -np.inf]]


def test_any_layout_gives_the_same_lists_from_one_compiled_kernel(tmp_path):
    users, products = np.random.default_rng(2).normal(size=(2, 30, 4)).astype(np.float32)
    np.save(tmp_path / "products.npy", products)
    mapped = np.load(tmp_path / "products.npy", mmap_mode="r")
    frozen = users.copy()
    frozen.flags.writeable = False
    expected, compiled = as_lists(top_n(users, products, n=5)), len(scoring._select.signatures)
    for u, p in ((frozen, mapped), (np.asfortranarray(users), products.astype(float)), (users.tolist(), products)):
        assert as_lists(top_n(u, p, n=5)) == expected
    assert len(scoring._select.signatures) == compiled


def test_one_blas_thread_holds_while_it_lasts():
    with scoring.one_blas_thread():
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}


# -- the normal equations --


def a_catalogue(products=40, k=5, seed=3):
    return np.random.default_rng(seed).normal(size=(products, k)).astype(np.float32)


def some_interactions(seed, products, count, values=(-1.0, -0.5, 0.5, 1.0, 3.0)):
    rng = np.random.default_rng(seed)
    return rng.permutation(products)[:count].astype(np.int32), rng.choice(values, count).astype(np.float32)


def solved_densely(factors, indices, strengths, equations):
    """x from the whole row of confidences and preferences (Hu et al., eq. 4), or as least squares when explicit."""
    y, k = factors.astype(float), factors.shape[1]
    if equations.implicit:
        row = np.zeros(len(y))
        row[indices] = strengths
        C, p, ridge = np.diag(1 + equations.alpha * abs(row)), row > 0, equations.regularization * (row > 0).sum()
        return np.linalg.inv(y.T @ C @ y + ridge * np.eye(k)) @ y.T @ C @ p
    ridge = np.sqrt(equations.regularization * len(indices)) * np.eye(k)
    return np.linalg.lstsq(np.vstack([y[indices], ridge]), np.r_[strengths, np.zeros(k)])[0]


@pytest.mark.parametrize("equations", [IMPLICIT, EXPLICIT])
@quick
@given(seed=st.integers(0, 999), count=st.integers(0, 40), k=st.integers(1, 9))
def test_folding_in_solves_the_normal_equations(equations, seed, count, k):
    factors, (indices, strengths) = a_catalogue(k=k), some_interactions(seed, 40, count)
    folded = fold_in(factors, indices, strengths, equations)
    assert folded == pytest.approx(solved_densely(factors, indices, strengths, equations), abs=1e-5)


def test_a_gram_at_hand_changes_nothing():
    factors, (indices, strengths) = a_catalogue(), some_interactions(1, 40, 7)
    folded = fold_in(factors, indices, strengths, IMPLICIT)
    assert (folded == fold_in(factors, indices, strengths, IMPLICIT, gram=gram(factors))).all()
    assert gram(factors) == pytest.approx(factors.T.astype(float) @ factors)


@pytest.mark.parametrize("equations", [IMPLICIT, EXPLICIT])
def test_the_half_step_folds_in_every_user(equations):
    factors, rows = a_catalogue(), [some_interactions(seed, 40, count) for seed, count in enumerate([3, 0, 40, 1])]
    indptr, indices = csr([indices for indices, _ in rows])
    users = half_step(factors, indptr, indices, np.concatenate([strengths for _, strengths in rows]), equations)
    assert users.dtype == np.float32
    assert (users == np.stack([fold_in(factors, *row, equations) for row in rows])).all()


@pytest.mark.parametrize("products", [0, 2, 40])  # with 2, Y'Y itself is singular
@pytest.mark.parametrize("equations", [IMPLICIT, EXPLICIT, Equations(0.0, 1.0, True), Equations(0.0, 1.0, False)])
def test_a_user_without_interactions_has_factors_of_0(equations, products):
    assert fold_in(a_catalogue(products), [], [], equations).tolist() == [0] * 5


def test_a_user_without_a_positive_interaction_has_factors_of_0_when_implicit():
    for factors in (a_catalogue(40), a_catalogue(2)):
        assert fold_in(factors, [0, 1], [-1.0, 0.0], IMPLICIT).tolist() == [0] * 5
        assert contributions(factors, [0, 1], [-1.0, 0.0], [1], IMPLICIT).tolist() == [[0, 0]]


def test_what_the_data_leave_open_is_0_and_what_they_say_is_fitted():
    factors, unregularised = a_catalogue(), Equations(0.0, implicit=False)
    folded = fold_in(factors, [3, 8], [4.0, 2.0], unregularised)
    assert np.isfinite(folded).all()
    assert factors[[3, 8]] @ folded == pytest.approx([4.0, 2.0], abs=1e-4)


@pytest.mark.parametrize("equations", [IMPLICIT, EXPLICIT])
@quick
@given(seed=st.integers(0, 999), count=st.integers(0, 30))
def test_contributions_sum_to_the_score(equations, seed, count):
    factors, row = a_catalogue(), some_interactions(seed, 40, count)
    parts = contributions(factors, *row, [5, 0, 39], equations)
    assert parts.shape == (3, count)
    assert parts.sum(axis=1) == pytest.approx(factors[[5, 0, 39]] @ fold_in(factors, *row, equations), abs=1e-4)


# -- because --


def test_the_planted_cause_is_named_first():
    """Products 0 to 2 lie on one axis, 3 to 5 on the other: only the same axis can be the cause."""
    factors = np.float32([[1, 0], [0.9, 0.1], [1, 0], [0, 1], [0.1, 0.9], [0, 1]])
    reasons = because(factors, [0, 4], [0, 1, 3, 4], [1, 1, 1, 1], [[2, 5, -1]], EXPLICIT)
    assert reasons[0, :2, 0].tolist() == [0, 3]
    assert reasons[0, 2].tolist() == [-1, -1, -1]


def test_equal_contributions_go_to_the_smaller_product_in_any_order_of_the_row():
    factors = np.ones((5, 1), np.float32)
    assert because(factors, [0, 4], [3, 0, 4, 1], np.ones(4), [[2]], IMPLICIT, top=3).tolist() == [[[0, 1, 3]]]


def test_only_what_adds_to_the_score_is_a_reason():
    factors = np.float32([[1, 0], [-1, 0], [0, 1], [1, 1]])
    assert because(factors, [0, 2], [0, 1], [1, 1], [[3]], EXPLICIT).tolist() == [[[0, -1, -1]]]


@pytest.mark.parametrize("equations", [IMPLICIT, EXPLICIT])
def test_reasons_are_the_largest_contributions_of_each_user(equations):
    factors, rows = a_catalogue(), [some_interactions(seed, 40, count) for seed, count in enumerate([9, 0, 1, 25, 3])]
    indptr, indices = csr([indices for indices, _ in rows])
    targets = np.random.default_rng(4).integers(-1, 40, (5, 6))
    reasons = because(factors, indptr, indices, np.concatenate([s for _, s in rows]), targets, equations, top=4)
    for (own, strengths), wanted, given_reasons in zip(rows, targets, reasons, strict=True):
        parts = contributions(factors, own, strengths, np.maximum(wanted, 0), equations)
        for part, target, reason in zip(parts, wanted, given_reasons.tolist(), strict=True):
            best = own[np.argsort(-part)][: (part > 0).sum()].tolist() if target >= 0 else []
            assert reason == (best + [-1] * 4)[:4]


# -- all together --


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_withheld_product_is_recommended_first(seed):
    """Checkerboard: even users like even products, the diagonal is withheld, so user i must get product i."""
    rows = [[p for p in range(50) if (p + u) % 2 == 0 and p != u] for u in range(50)]
    seen, products = csr(rows), a_catalogue(50, 3, seed)
    for _ in range(10):  # ALS; the board is its own transpose
        users = half_step(products, *seen, np.ones(len(seen.indices)), IMPLICIT)
        products = half_step(users, *seen, np.ones(len(seen.indices)), IMPLICIT)
    assert top_n(users, products, seen, n=1).products[:, 0].tolist() == list(range(50))


# -- what is refused, and where it runs --

ONES = np.ones((3, 2), np.float32)
REFUSED = {
    "n must be at least 1, not 0": lambda: top_n(ONES, ONES, n=0),
    "n must be at least 1, not -2": lambda: select(ONES, n=-2),
    "tile must be at least 1, not 0": lambda: top_n(ONES, ONES, n=1, tile=0),
    "top must be at least 1, not 0": lambda: because(ONES, [0, 1], [0], [1], [[1]], IMPLICIT, top=0),
    "2 factors a user, 1 a product": lambda: top_n(ONES, ONES[:, :1], n=1),
    r"2 dimensions, not of shape \(6,\)": lambda: select(ONES.ravel(), n=1),
    r"2 dimensions, not of shape \(2,\)": lambda: top_n(ONES[0], ONES, n=1),
    "there is no product 3: expected 0 to 2": lambda: top_n(ONES, ONES, csr([[0], [3], []]), n=1),
    "there is no product -1": lambda: fold_in(ONES, [-1], [1], IMPLICIT),
    "there is no product 7": lambda: contributions(ONES, [0], [1], [7], IMPLICIT),
    "there is no product -2: expected -1 to 2": lambda: because(ONES, [0, 1], [0], [1], [[-2]], IMPLICIT),
    "indptr must rise from 0 to 1 indices in 4 places": lambda: top_n(ONES, ONES, csr([[0]]), n=1),
    "indptr must rise from 0 to 2": lambda: half_step(ONES, [0, 2, 1, 2], [0, 1], [1, 1], IMPLICIT),
    "indptr must rise from 0 to 0 indices in 0 places": lambda: half_step(ONES, [], [], [], IMPLICIT),
    "2 strengths for 1 products": lambda: fold_in(ONES, [0], [1, 1], IMPLICIT),
    "a strength is nan": lambda: fold_in(ONES, [0], [np.nan], EXPLICIT),
    "a strength is inf": lambda: fold_in(ONES, [0], [np.inf], EXPLICIT),
    "targets have 2 rows: expected one for each of 1": lambda: because(ONES, [0, 1], [0], [1], [[1], [1]], IMPLICIT),
    r"gram has shape \(3, 3\)": lambda: fold_in(ONES, [0], [1], IMPLICIT, gram=np.eye(3)),
    "regularization must be a finite number from 0 up, not -1": lambda: Equations(regularization=-1),
    "alpha must be a finite number from 0 up, not nan": lambda: Equations(alpha=np.nan),
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_wrong_value_is_named(message):
    with pytest.raises(ValueError, match=message):
        REFUSED[message]()


@pytest.mark.parametrize("home_can_be_written", [True, False])
def test_it_runs_where_the_package_folder_cannot_be_written(tmp_path, home_can_be_written):
    package = tmp_path / "spark_app"
    (package / "numbers").mkdir(parents=True)
    for name in ("scoring.py", "numbers/arrays.py"):
        shutil.copy(Path(scoring.__file__).parent / name, package / name)
    for room in (package, package / "numbers"):
        (room / "__pycache__").write_text("a file where numba wants a folder")
    if not home_can_be_written:
        (tmp_path / "home").write_text("so is this")
    script = """if True:
        import numpy as np
        from spark_app import scoring
        assert not scoring._select.signatures, "compiled at import"
        print(scoring.select(np.float32([[1, 2]]), n=1).products)"""
    env = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    env |= {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[[1]]\n", 0), done.stderr
    assert bool(list((tmp_path / "home").rglob("*.nbi"))) == home_can_be_written
