"""PageRank and components of a large graph: as the textbooks have them."""

import networkx
import numpy as np
import pytest

from spark_app.numbers import adjacency

# Every vertex has an edge; 3 and 6 hang together alone.
SRC, DST, VERTICES = np.int32([0, 0, 1, 2, 2, 3]), np.int32([4, 5, 5, 4, 5, 6]), 7


def test_ranks_after_many_rounds_are_those_of_networkx():
    ranks = adjacency.pagerank(SRC, DST, VERTICES, reset=0.15, rounds=200)
    same = networkx.Graph(zip(SRC.tolist(), DST.tolist(), strict=True))
    expected = networkx.pagerank(same, alpha=0.85, tol=1e-12, max_iter=1000)
    assert ranks.tolist() == pytest.approx([expected[place] for place in range(VERTICES)], abs=1e-9)


def test_what_hangs_together_has_one_number():
    assert adjacency.components(SRC, DST, VERTICES).tolist() == [0, 0, 0, 3, 0, 0, 3]


def test_components_of_a_tangle_are_those_of_networkx():
    drawn = np.random.default_rng(7).integers(0, 300, (2, 220)).astype(np.int32)
    found = adjacency.components(*drawn, 300)
    tangle = networkx.Graph(zip(*drawn.tolist(), strict=True))
    tangle.add_nodes_from(range(300))
    expected = {place: min(some) for some in networkx.connected_components(tangle) for place in some}
    assert found.tolist() == [expected[place] for place in range(300)]


def test_weights_of_the_same_edge_are_added_up_in_both_directions():
    edges = adjacency.both_ways(np.int32([0, 0, 1]), np.int32([1, 1, 1]), 2, np.float32([1, 2, 4]))
    assert edges.toarray().tolist() == [[0, 3], [3, 8]]


def test_two_triangles_with_an_edge_between_them_are_two_communities():
    src, dst = np.int32([0, 0, 1, 3, 3, 4, 2]), np.int32([1, 2, 2, 4, 5, 5, 3])
    labels = adjacency.labels(adjacency.both_ways(src, dst, 6), rounds=10).tolist()
    assert len(set(labels[:3])) == len(set(labels[3:])) == 1
    assert labels[0] != labels[3]


def test_the_label_with_the_most_weight_is_taken_and_of_equals_the_smallest():
    """Vertex 3 sees 0 by 2, 1 by 2 and 2 by 1; after one round it has the label 0."""
    src, dst, weights = np.int32([3, 3, 3]), np.int32([0, 1, 2]), np.float32([2, 2, 1])
    assert adjacency.labels(adjacency.both_ways(src, dst, 4, weights), rounds=1).tolist() == [3, 3, 3, 0]


def test_a_pair_does_not_swap_its_labels_where_each_has_as_much_weight_for_its_own():
    src, dst, weights = np.int32([0, 0, 1]), np.int32([1, 0, 1]), np.float32([2, 1, 1])
    assert adjacency.labels(adjacency.both_ways(src, dst, 2, weights), rounds=5).tolist() == [0, 0]
