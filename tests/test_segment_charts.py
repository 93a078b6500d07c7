"""What the pictures of segments hold: colours beside signs, trees without crossings, means beside those of all."""

from spark_app.web import grouped, segment_charts

# Leaves 0 and 2 merge, then 1 and 3, then all.
MERGES = [[0, 2, 1.0, 3], [1, 3, 2.0, 7], [4, 5, 5.0, 10]]
LEAVES = [1, 3, 2, 4]


def trait(segment, mean, lift, overall=2.0):
    return {"segment": segment, "feature": "money", "mean": mean, "overall_mean": overall, "lift": lift}


def test_no_two_of_sixty_four_segments_look_alike():
    looks = {(grouped.colour(one), grouped.sign(one)) for one in range(1, 65)}
    assert len(looks) == 64 and len({grouped.sign(one) for one in range(1, 9)}) == 8


def test_leaves_stand_so_that_no_lines_cross():
    assert segment_charts.leaf_order(MERGES, 4) == [0, 2, 1, 3]
    x, y = segment_charts.tree(MERGES, 4)
    assert x[:5] == [0.0, 0.0, 1.0, 1.0, None] and y[:5] == [0.0, 1.0, 1.0, 0.0, None]
    assert x[10:14] == [0.5, 0.5, 2.5, 2.5] and y[10:14] == [1.0, 5.0, 5.0, 2.0]


def test_the_cut_lies_between_the_merges_that_it_divides():
    figure = segment_charts.dendrogram({"merges": MERGES, "leaves": LEAVES, "linkage": "complete"}, 2)
    assert figure.layout.shapes[0].y0 == 3.5 and list(figure.layout.xaxis.ticktext) == ["1", "2", "3", "4"]


def test_one_leaf_is_no_tree():
    assert segment_charts.leaf_order([], 1) == [0] and segment_charts.tree([], 1) == ([], [])


def test_above_and_below_the_mean_differ_in_colour_and_in_sign():
    segments = [{"segment": 1, "label": "a"}, {"segment": 2, "label": "b"}]
    rows = [trait(1, 8.0, 4.0), trait(2, 0.5, 0.25)]
    (grid,) = segment_charts.means(rows, segments, {"money": "pounds"}, dark=False).data
    assert [*grid.z] == [[2.0, -2.0]] and [*grid.text] == [["8 ▲", "0.5 ▼"]] and [*grid.y] == ["money (pounds)"]


def test_where_a_ratio_says_nothing_the_difference_does():
    assert segment_charts.beyond([trait(1, -1.0, None, 0.0), trait(2, 0.5, None, 0.0), None]) == [-2.0, 1.0, None]
    assert segment_charts.beyond([trait(1, 2.0, None)]) == [0.0]


def test_the_chosen_number_is_a_star():
    rows = [{"k": k, "inertia": 10.0 / k, "silhouette": 0.1 * k, "stability": None} for k in (2, 3)]
    figure = segment_charts.tried(rows, 3)
    assert [list(trace.marker.symbol) for trace in figure.data] == [["circle", "star"]] * 2
