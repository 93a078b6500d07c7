"""The figure is a pure function: the same nodes, places and colours as the picture, and what is not chosen is grey."""

import itertools

import pandas as pd
import pytest
from pictured import EVERY_KIND, of_four, results_of_shop, shop, write_results

from pictures import choosing, interactive, layout, look, reading

NODES = pd.DataFrame(
    [
        ("u:ann", "user", "ann", 2, 0, 0.0, 0.0, False),
        ("u:ben", "user", "ben", 1, 1, 9.0, 0.0, False),
        ("p:lamp", "product", "Lamp", 2, 0, 0.0, 5.0, True),
        ("p:rug", "product", "Rug", 1, 1, 9.0, 5.0, True),
    ],
    columns=["id", "type", "name", "degree", "group", "x", "y", "hub"],
).set_index("id")
EDGES = pd.DataFrame([("u:ann", "p:lamp"), ("u:ann", "p:rug"), ("u:ben", "p:lamp")], columns=["src", "dst"])


def traces(figure, part):
    return [trace for trace in figure.data if trace.meta["part"] == part]


def bright(figure):
    """Ids of the nodes that are not grey."""
    found = set()
    for trace in traces(figure, "points"):
        ids = [of[0] for of in trace.customdata or ()]
        found |= set(ids if trace.selectedpoints is None else [ids[place] for place in trace.selectedpoints])
    return found


def drawn(figure):
    """How many lines each part of them has."""
    return {trace.meta["group"]: len(trace.x or ()) // 3 for trace in traces(figure, "lines")}


def test_without_a_choice_every_node_and_line_is_bright():
    figure = interactive.figure(NODES, EDGES)
    assert bright(figure) == set(NODES.index)
    assert drawn(figure) == {"greyed": 0, "between": 2, 0: 1, 1: 0}
    assert list(traces(figure, "names")[0].text) == ["Lamp", "Rug"]


def test_a_chosen_node_keeps_its_neighbours_and_greys_the_rest():
    figure = interactive.figure(NODES, EDGES, chosen="p:lamp")
    assert bright(figure) == {"p:lamp", "u:ann", "u:ben"}
    assert drawn(figure) == {"greyed": 1, "between": 1, 0: 1, 1: 0}
    assert list(traces(figure, "ring")[0].y) == [5.0]


def test_a_chosen_user_is_named_with_the_products():
    figure = interactive.figure(NODES, EDGES, chosen="u:ann")
    assert list(traces(figure, "names")[0].text) == ["ann", "Lamp", "Rug"]


def test_a_community_alone():
    figure = interactive.figure(NODES, EDGES, community=1)
    assert bright(figure) == {"u:ben", "p:rug"}
    assert drawn(figure)["greyed"] == 3


def test_who_is_not_shown_cannot_be_chosen():
    assert interactive.figure(NODES, EDGES, chosen="u:zoe") == interactive.figure(NODES, EDGES)


def test_colours_are_of_communities_or_of_types_and_shapes_of_types():
    by_community, by_type = (interactive.figure(NODES, EDGES, colouring=of) for of in ("community", "type"))
    marks = [trace.marker for trace in traces(by_community, "points")]
    assert [mark.color for mark in marks] == [look.GROUNDS[0]] * 2 + [look.GROUNDS[1]] * 2
    assert [mark.symbol for mark in marks] == ["circle", "square"] * 2
    assert [trace.marker.color for trace in traces(by_type, "points")] == [look.USER, look.PRODUCT] * 2
    assert [trace.name for trace in traces(by_type, "key")] == ["user", "product"]
    assert [trace.name for trace in traces(by_community, "key")][2:] == ["community 0", "community 1"]


def test_light_and_dark_differ_in_colours_alone():
    light, dark = (interactive.figure(NODES, EDGES, dark=dark) for dark in (False, True))
    assert light.layout.font.color != dark.layout.font.color
    assert [trace.x for trace in light.data] == [trace.x for trace in dark.data]


def test_nodes_stand_where_they_stand_in_the_picture(tmp_path):
    results = results_of_shop(tmp_path)
    nodes, edges = choosing.choose(results)
    nodes, discs = layout.lay_out(nodes.assign(name=nodes.index.str[2:]), edges)
    figure = interactive.figure(nodes, edges, discs)
    points = traces(figure, "points")
    ids = [of[0] for trace in points for of in trace.customdata]
    places = [place for trace in points for place in zip(trace.x, trace.y, strict=True)]
    at = dict(zip(ids, places, strict=True))
    assert at == {node: (x, y) for node, x, y in nodes[["x", "y"]].round(3).itertuples()}
    assert sum(drawn(figure).values()) == len(edges)
    assert len(figure.layout.shapes) == len(discs) == 4


def test_nothing_is_drawn_of_nothing_and_said_so():
    figure = interactive.figure(NODES[:0], EDGES[:0])
    assert traces(figure, "points") == []
    assert figure.layout.annotations[0].text == "Nothing to draw: nothing is recommended yet."


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("<b>bold</b>", "&#60;b&#62;bold&#60;/b&#62;"),
        ("<script>alert(1)</script>", "&#60;script&#62;alert(1)&#60;/script&#62;"),
        ("$x$", "&#36;x&#36;"),
        ("&lt;", "&#38;lt;"),
        ("%{x}", "%{x}"),
    ],
)
def test_a_name_is_text_wherever_it_is_shown(words, shown):
    nodes = NODES.assign(name=[words] * 4)
    figure = interactive.figure(nodes, EDGES, chosen="u:ann")
    (name, *_), label = traces(figure, "names")[0].text, traces(figure, "points")[0].customdata[0][1]
    assert (name, label) == (shown, f"{shown} (ann)")


def test_names_of_any_kind_make_a_figure(tmp_path):
    results = reading.read_results(write_results(tmp_path, **EVERY_KIND))
    nodes, edges = choosing.choose(results)
    nodes, _ = layout.lay_out(nodes.assign(name=[results.name(node[2:]) for node in nodes.index]), edges)
    assert len(bright(interactive.figure(nodes, edges))) == len(nodes)


def test_no_name_lies_on_another(tmp_path):
    results = reading.read_results(write_results(tmp_path, shop(), community=of_four))
    nodes, edges = choosing.choose(results)
    nodes, _ = layout.lay_out(nodes.assign(name=nodes.index.str[2:], size=9.0), edges)
    hubs = nodes[nodes["hub"]]
    sides = interactive.placed(hubs, scale=12)
    placed = [
        (x * 12, y * 12 + (11.5 if side == "top center" else -11.5), len(name) * interactive.LETTER / 2)
        for side, x, y, name in zip(sides, hubs["x"], hubs["y"], hubs["name"], strict=True)
        if side
    ]
    assert len(placed) >= 4
    for (x, y, half), (a, b, other) in itertools.combinations(placed, 2):
        assert abs(x - a) > half + other or abs(y - b) > interactive.LINE
    assert interactive.placed(hubs, scale=1e6) == ["top center"] * len(hubs)
