"""PageRank and components of a large graph: as the textbooks have them."""

import networkx
import numpy as np
import pytest

from spark_app import adjacency

# Every vertex has an edge; 3 and 6 hang together alone.
SRC, DST, VERTICES = np.int32([0, 0, 1, 2, 2, 3]), np.int32([4, 5, 5, 4, 5, 6]), 7


def test_ranks_after_many_rounds_are_those_of_networkx():
    ranks = adjacency.pagerank(adjacency.both_ways(SRC, DST, VERTICES), reset=0.15, rounds=200)
    same = networkx.Graph(zip(SRC.tolist(), DST.tolist(), strict=True))
    expected = networkx.pagerank(same, alpha=0.85, tol=1e-12, max_iter=1000)
    assert ranks.tolist() == pytest.approx([expected[place] for place in range(VERTICES)], abs=1e-9)


def test_what_hangs_together_has_one_number():
    numbers = adjacency.components(adjacency.both_ways(SRC, DST, VERTICES)).tolist()
    assert len({numbers[place] for place in (0, 1, 2, 4, 5)}) == 1
    assert numbers[3] == numbers[6] != numbers[0]
