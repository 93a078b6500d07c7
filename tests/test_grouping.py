"""The numbers below segments, without Spark: scale, choice of k, trees, comparisons, structure, numbers that stay."""

import numpy as np
import pytest
from scipy.cluster import hierarchy
from sklearn import metrics
from threadpoolctl import threadpool_limits

from spark_app.grouping import choosing, comparing, matching_ids, structure
from spark_app.segmentation import Column
from spark_app.segments import agglomerative, peaked, scaling, wide
from tests.grouped import columns_of, noise, planted


@pytest.fixture(autouse=True)
def _one_thread():
    with threadpool_limits(1):
        yield


def judged(values: np.ndarray) -> tuple[choosing.Tried, dict]:
    columns = columns_of(values)
    points_of = lambda some: scaling.fitted(some, columns).points(some)  # noqa: E731
    without = lambda ks: peaked.without_groups(values, points_of, ks, 7)  # noqa: E731
    taken = choosing.choose(points_of(values), without, k=None, most=6, seed=7).taken
    reference = peaked.reference(values, points_of, k=taken.k, seed=7)
    return taken, structure.said(taken.silhouette, taken.stability, reference, taken.k)


def test_columns_of_other_units_weigh_the_same_and_constant_ones_nothing():
    values = np.array([[0.0, 0, 5], [0, 1000, 5], [1, 0, 5], [1, 1000, 5]])
    scale = scaling.fitted(values, columns_of(values))
    assert scale.kept.tolist() == [0, 1]
    assert scale.variance == pytest.approx([0.5, 0.5])
    assert np.linalg.norm(scale.points(values), axis=1) == pytest.approx([2**0.5] * 4)


def test_a_column_that_spans_magnitudes_is_compared_by_its_logarithm_with_its_sign():
    values = np.array([[-(np.e**2) + 1], [0], [np.e**2 - 1]])
    points = scaling.fitted(values, [Column("money", "GBP", "log")]).points(values)
    assert points[:, 0] == pytest.approx([-(1.5**0.5), 0, 1.5**0.5])


def test_components_are_kept_up_to_nine_tenths_of_the_variance_and_their_signs_are_fixed():
    one = noise(500, 1, seed=3)
    scale = scaling.fitted(np.hstack([one, -one, one]), [Column(name, "") for name in "abc"])
    assert scale.components == 1 and scale.variance[0] == pytest.approx(1)
    assert scale.axes[np.abs(scale.axes).argmax(0), 0] > 0


def test_a_value_far_out_counts_as_five_deviations():
    values = np.concatenate([noise(999, 2, seed=0), [[1e6, 0]]])
    points = scaling.fitted(values, columns_of(values)).points(values)
    assert np.abs(points).max() < 8


def test_the_silhouette_is_that_of_scikit_learn_also_of_a_user_alone():
    values = noise(50, 3, seed=2)
    labels = np.array([0] + [1] * 20 + [2] * 29)
    assert comparing.silhouette(comparing.distances(values), labels) == pytest.approx(
        metrics.silhouette_score(values, labels)
    )


def test_the_adjusted_rand_index_is_that_of_the_paper():
    one, other = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 2, 2])
    # 2 pairs are together in both; 6 and 3 of 15 in one: (2 - 18/15) / (4.5 - 18/15).
    assert comparing.adjusted_rand(comparing.contingency(one, other)) == pytest.approx(0.8 / 3.3)
    assert comparing.adjusted_rand(comparing.contingency(one, 1 - one)) == 1


def test_the_elbow_is_where_inertia_lies_furthest_below_the_line():
    assert choosing.elbow([2, 3, 4, 5, 6], [100, 60, 20, 15, 10]) == 4


@pytest.mark.parametrize(("users", "columns", "groups"), [(31, 3, 3), (200, 2, 4), (200, 20, 5), (1000, 5, 4)])
def test_planted_groups_are_found_and_said_to_be_there(users, columns, groups):
    values, group = planted(users, columns, groups)
    taken, said = judged(values)
    assert taken.k == groups and said["found"]
    assert comparing.adjusted_rand(comparing.contingency(taken.labels, group)) >= 0.9


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("users", "columns"), [(31, 5), (200, 2), (200, 20), (600, 3)])
def test_users_without_groups_are_said_to_have_none(users, columns, seed):
    _, said = judged(noise(users, columns, seed))
    assert not said["found"] and "do not fall into groups" in said["words"]


@pytest.mark.parametrize("kind", ["uniform", "exponential", "correlated"])
def test_flat_skewed_and_stretched_tables_are_not_taken_for_groups(kind):
    random = np.random.default_rng(5)
    values = {
        "uniform": random.random((300, 3)),
        "exponential": random.exponential(size=(300, 3)),
        "correlated": random.normal(size=(300, 3)) @ random.normal(size=(3, 3)),
    }[kind]
    assert not judged(values)[1]["found"]


def test_the_nearest_column_with_one_peak_fills_the_valley_between_two():
    column = np.concatenate([np.linspace(0, 1, 500), np.linspace(9, 10, 500)])
    margin = peaked.one_peak(column)
    density = np.diff(margin.share) / np.diff(margin.values)
    rises = np.sign(np.diff(density))[np.abs(np.diff(density)) > 1e-9]
    assert not (np.diff(rises) > 0).any()
    assert margin.share[0] == 0 and margin.share[-1] == 1


@pytest.mark.parametrize("linkage", agglomerative.LINKAGES)
def test_a_tree_is_cut_as_scipy_cuts_it(linkage):
    merges = agglomerative.tree(noise(60, 3, seed=1), linkage)
    ours, theirs = agglomerative.cut(merges, 5), hierarchy.fcluster(merges, 5, "maxclust") - 1
    assert comparing.adjusted_rand(comparing.contingency(ours, theirs.astype(int))) == 1


def test_the_top_of_a_tree_is_a_tree_that_scipy_draws_with_all_users_in_it():
    merges = agglomerative.tree(noise(100, 3, seed=1), "complete")
    top = agglomerative.top(merges, np.full(100, 3), "complete")
    rows = np.array(top["merges"])
    assert len(top["leaves"]) == 30 and sum(top["leaves"]) == 300 == rows[-1, 3]
    assert rows[:, 2] == pytest.approx(merges[-29:, 2])
    # SciPy draws no node with more below it than there are leaves, so the users are not told to it.
    drawn = hierarchy.dendrogram(np.column_stack([rows[:, :3], np.ones(29)]), no_plot=True)
    assert sorted(drawn["leaves"]) == list(range(30))


def test_a_tree_of_one_leaf_has_no_merges():
    found = agglomerative.top(np.empty((0, 4)), np.array([4]), "ward")
    assert found == {"merges": [], "leaves": [4], "linkage": "ward"}


def test_numbers_begin_with_the_largest_and_then_follow_the_users():
    assert matching_ids.numbers({0: 5, 1: 9}, {}, set()) == {1: 1, 0: 2}
    shared = {(0, 1): 5, (1, 1): 4, (1, 2): 4}
    # Together 0 -> 1 and 1 -> 2 share 9; what shares nothing is new, above 7, which is no more.
    assert matching_ids.numbers({0: 5, 1: 9, 2: 3}, shared, {1, 2, 7}) == {0: 1, 1: 2, 2: 8}
    strays = {(0, 1): 500, (1, 2): 400, (1, 3): 99, (2, 3): 1}
    assert matching_ids.numbers({0: 500, 1: 499, 2: 600}, strays, {1, 2, 3}) == {0: 1, 1: 2, 2: 4}
    assert matching_ids.numbers({0: 5, 1: 9, 2: 3}, shared, {1, 2}, given=9) == {0: 1, 1: 2, 2: 10}


def tried(k: int, inertia: float, silhouette: float, without: float) -> choosing.Tried:
    return choosing.Tried(k, inertia, silhouette, 0.1, without, 1.0, np.empty((k, 1)), np.empty(0, int))


@pytest.mark.parametrize(
    ("silhouettes", "k", "why"),
    [
        ([0.2, 0.6, 0.3, 0.3], 3, "0.60 is highest at 3, and there is the elbow"),
        ([0.2, 0.6, 0.3, 0.605], 3, "0.60 is highest at 5, and 0.60 at 3, and there is the elbow"),
        ([0.2, 0.51, 0.6, 0.55], 3, "0.60 is highest at 4, and 0.51 at 3, and there is the elbow"),
        ([0.2, 0.3, 0.6, 0.605], 4, "0.60 is highest at 5, and 0.60 at 4; the elbow is at 3"),
        # Below 0.5: by how far it is above what it would be without groups, which is 0.25 at 2 and 5.
        ([0.49, 0.3, 0.3, 0.3], 5,
            "0.30 at 5 is 0.25 above that of no groups, the best of those tried, and as good at 2; the elbow is at 3"),
        ([0.1, 0.1, 0.1, -0.2], 3,
            "0.10 at 3 is 0.05 below that of no groups, the best of those tried, and there is the elbow"),
        ([0.3, 0.45, 0.3, 0.3], 3,
            "0.45 at 3 is 0.30 above that of no groups, the best of those tried, and there is the elbow"),
    ],
)  # fmt: skip
def test_k_is_where_groups_are_clearest_or_furthest_from_none(silhouettes, k, why):
    rows = zip([2, 3, 4, 5], [100.0, 20.0, 15.0, 10.0], silhouettes, [0.24, 0.15, 0.2, 0.05], strict=True)
    choice = choosing._best([tried(*row) for row in rows])
    assert (choice.taken.k, choice.why) == (k, f"silhouette {why}")


def test_a_family_of_shares_weighs_as_one_column():
    shares = wide.shares("category", ["tea", "wine", "bread"])
    assert [column.weight for column in shares] == [0.5] * 4
    values = np.array([[1.0, 0, 0, 0, 1], [0, 1, 0, 0, 2], [0, 0, 1, 0, 3], [0, 0, 0, 1, 4]])
    points = scaling.fitted(values, [*shares, Column("orders", "orders")]).points(values)
    assert scaling.fitted(values[:, 4:], [Column("orders", "orders")]).points(values[:, 4:]).var() == pytest.approx(1)
    assert (points**2).sum(1).mean() == pytest.approx(2, rel=0.15)
