"""The graph of the page: the largest communities have the colours, and points of all kinds are one trace."""

from spark_app.web import drawing, graph


def vertex(name, community, degree=1):
    kind = {"u": "user", "p": "product"}[name[0]]
    return {
        "id": name, "type": kind, "label": None, "degree": degree, "pagerank": 0.1, "community": community,
        "component": 0,
    }  # fmt: skip


FOUND = {
    "vertices": [vertex("p:lamp", 12, 2), vertex("p:chair", 3), vertex("u:ann", 12), vertex("u:bob", 3)],
    "edges": [
        {"src": "u:ann", "dst": "p:lamp", "score": 1.0, "rank": 1},
        {"src": "u:bob", "dst": "p:chair", "score": 1.0, "rank": 1},
    ],
}


def points(chosen=None, largest=(12, 3)):
    figure = drawing.figure(drawing.placed(FOUND, largest), "community", chosen, dark=False)
    (found,) = [trace for trace in figure.data if trace.meta["part"] == "points"]
    return found


def test_all_nodes_are_one_trace_with_a_shape_and_a_colour_each():
    found = points()
    rows = zip(found.customdata, found.marker.symbol, found.marker.color, strict=True)
    looks = {node: (symbol, colour) for (node, *_), symbol, colour in rows}
    assert looks["p:lamp"] == ("square", drawing.GROUNDS[0]) and looks["u:bob"] == ("circle", drawing.GROUNDS[1])
    assert len(looks) == 4 and found.selectedpoints is None


def test_a_chosen_node_and_its_neighbours_are_not_grey():
    found = points("p:lamp")
    assert {found.customdata[place][0] for place in found.selectedpoints} == {"p:lamp", "u:ann"}


def test_what_is_none_of_the_largest_is_one_of_the_others():
    found = points(largest=(12,))
    colours = dict(zip([one[0] for one in found.customdata], found.marker.color, strict=True))
    assert colours["p:lamp"] == drawing.GROUNDS[0] and colours["p:chair"] == drawing.GROUNDS[-1]


def test_a_picture_is_kept_for_a_generation_and_its_largest_communities():
    both, one = (graph._placed("one", (), largest, FOUND) for largest in ((12, 3), (12,)))
    assert (both.ranked, one.ranked) == ((12, 3), (12,))
    figures = [graph._figure("one", (), "community", None, False, largest, FOUND) for largest in ((12, 3), (12,))]
    assert figures[0] is not figures[1]
