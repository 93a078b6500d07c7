"""The recommendation graph as a Plotly figure: to zoom, to point at, to choose a node or a community of.

Nothing is read and nothing is kept: nodes and edges in, a figure out, the same one for the same input. `explorer.html`
fills the traces anew in the browser as it is done here; a test holds the two together.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pictures.look import GREY, GROUNDS, INK, MARKS, NIGHT, OTHERS, areas
from pictures.words import called, mark, one_of, readable

Colouring = Literal["community", "type"]
LONGEST, SHORTEST, LONGEST_ID = 40, 26, 24
SYMBOLS = {"user": "circle", "product": "square"}


class Shade(NamedTuple):
    """What changes between light and dark."""

    ink: str
    line: str
    rim: str
    rest: str
    grounds: Sequence[str] | Mapping[int, str]


LIGHT = Shade(ink=INK, line=GREY, rim="#ffffff", rest="#c3cad1", grounds=GROUNDS)
DARK = Shade(ink="#e8ecef", line="#a3aeb9", rim="#d5dbe0", rest="#3d4650", grounds=NIGHT)
FONT = 'system-ui, "DejaVu Sans", "Noto Sans", sans-serif'
# Pixels: the field that names are placed for where the browser has not said how large it is, and a letter.
FIELD, LETTER, LINE = (950, 600), 7.4, 14
BOLD = {"opacity": 0.9, "width": 1.6}


def figure(
    nodes: pd.DataFrame,
    edges: pd.DataFrame,
    discs: pd.DataFrame | None = None,
    *,
    colouring: Colouring = "community",
    chosen: str | None = None,
    community: int | None = None,
    dark: bool = False,
    ranked: Sequence[int] | None = None,
) -> go.Figure:
    """The graph; `chosen`, a node's id, shows it and its neighbours, `community` one group, and the rest is grey.

    ranked: the groups by the order in which they take the colours, where that is not that of their numbers.
    nodes: index id; type (user or product), name, degree, group (`reading.groups`), x, y, and hub where some are named.
    edges: src and dst, ids of nodes. discs: index group; x, y, radius (`layout.lay_out` gives all places).
    `customdata[0]` of a point is the id of its node.
    """
    shade = coloured(DARK if dark else LIGHT, ranked)
    bright = lit(nodes, edges, chosen, community)
    traces = [
        *lines(nodes, edges, bright, chosen, shade),
        *(points(nodes, bright, kind, group, colouring, shade) for group in groups(nodes) for kind in MARKS),
        ring(nodes, chosen, shade),
        names(nodes, bright, chosen, shade),
        *([] if discs is None else [numbers(discs, shade)]),
        *keys(nodes, colouring, shade),
    ]
    return go.Figure(traces, layout(discs, shade, empty=nodes.empty))


def coloured(shade: Shade, ranked: Sequence[int] | None) -> Shade:
    """With a colour for each of these groups, the last one for all others."""
    if ranked is None:
        return shade
    colours = [shade.grounds[place] for place in range(len(GROUNDS))]
    return shade._replace(grounds=dict(zip(ranked, colours, strict=False)) | {OTHERS: colours[-1]})


def lit(nodes: pd.DataFrame, edges: pd.DataFrame, chosen: str | None, community: int | None) -> pd.Series:
    """Which nodes are not grey: a chosen one with its neighbours, else a community, else all."""
    if chosen in nodes.index:
        near = edges[(edges["src"] == chosen) | (edges["dst"] == chosen)]
        return pd.Series(nodes.index.isin([chosen, *near["src"], *near["dst"]]), nodes.index)
    return pd.Series(True, nodes.index) if community is None else nodes["group"] == community


def groups(nodes: pd.DataFrame) -> list[int]:
    """Those that are drawn, in order; the others are last."""
    return sorted(nodes["group"].unique().tolist(), key=lambda group: (group == OTHERS, group))


def lines(
    nodes: pd.DataFrame, edges: pd.DataFrame, bright: pd.Series, chosen: str | None, shade: Shade
) -> list[go.Scatter]:
    """A trace for the grey lines, for those between communities, and for those within each."""
    of, to = (edges[end].map(nodes["group"]).to_numpy() for end in ("src", "dst"))
    shines = (edges["src"].map(bright) & edges["dst"].map(bright)).to_numpy(dtype=bool)
    if bold := chosen in nodes.index:
        shines = ((edges["src"] == chosen) | (edges["dst"] == chosen)).to_numpy()
    parts: list[tuple[str | int, np.ndarray, str, float, float]]
    parts = [("greyed", ~shines, shade.rest, 0.2, 0.6), ("between", shines & (of != to), shade.line, 0.35, 0.7)]
    parts += [(group, shines & (of == to) & (of == group), shade.grounds[group], 0.5, 0.9) for group in groups(nodes)]
    return [
        go.Scatter(
            **path(nodes, edges[mine]), mode="lines", hoverinfo="skip", showlegend=False,
            opacity=BOLD["opacity"] if bold and part != "greyed" else opacity,
            line={"color": colour, "width": BOLD["width"] if bold and part != "greyed" else width},
            meta={"part": "lines", "group": part},
        )
        for part, mine, colour, opacity, width in parts
    ]  # fmt: skip


def path(nodes: pd.DataFrame, edges: pd.DataFrame) -> dict[str, list[float | None]]:
    """x and y of all lines one after another, with a gap behind each."""
    ends = [nodes.loc[edges[end], ["x", "y"]].to_numpy() for end in ("src", "dst")]
    places = np.stack([*ends, np.full((len(edges), 2), np.nan)], axis=1).reshape(-1, 2)
    x, y = ([None if np.isnan(at) else round(float(at), 3) for at in axis] for axis in places.T)
    return {"x": x, "y": y}


def points(
    nodes: pd.DataFrame, bright: pd.Series, kind: str, group: int, colouring: Colouring, shade: Shade
) -> go.Scatter:
    """The users or the products of one community."""
    mine = (nodes["type"] == kind) & (nodes["group"] == group)
    of = nodes[mine]
    marker = {"symbol": SYMBOLS[kind], "size": sizes(nodes)[mine.to_numpy()].tolist(), "opacity": 1}
    marker["color"] = shade.grounds[group] if colouring == "community" else MARKS[kind][1]
    marker["line"] = {"width": 1, "color": shade.rim if colouring == "community" else MARKS[kind][2]}
    told = f"<b>%{{customdata[1]}}</b><br>{kind}, degree %{{customdata[2]:,}}<br>in {one_of(group)}<extra></extra>"
    return go.Scatter(
        x=of["x"].round(3).tolist(), y=of["y"].round(3).tolist(), mode="markers", marker=marker, hovertemplate=told,
        customdata=[[node, text(label(node, name)), int(degree)] for node, name, degree in zip(
            of.index, of["name"], of["degree"], strict=True)],
        selectedpoints=None if bright.all() else np.flatnonzero(bright[mine]).tolist(),
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 0.45, "color": shade.rest}},
        showlegend=False, meta={"part": "points", "kind": kind, "group": group},
    )  # fmt: skip


def sizes(nodes: pd.DataFrame) -> np.ndarray:
    """Pixels across."""
    return np.asarray(np.round(1.15 * np.sqrt(areas(nodes)[0]), 1))


def ring(nodes: pd.DataFrame, chosen: str | None, shade: Shade) -> go.Scatter:
    """A bold rim around the chosen node."""
    of = nodes[nodes.index == chosen]
    marker = {"symbol": "circle-open", "size": (sizes(nodes)[nodes.index == chosen] * 1.5 + 6).round(1).tolist()}
    return go.Scatter(
        x=of["x"].round(3).tolist(), y=of["y"].round(3).tolist(), mode="markers", hoverinfo="skip", showlegend=False,
        marker=marker | {"color": shade.ink, "line": {"width": 2.5}}, meta={"part": "ring"},
    )  # fmt: skip


def names(nodes: pd.DataFrame, bright: pd.Series, chosen: str | None, shade: Shade) -> go.Scatter:
    """Written above or below: the hubs, or a chosen node and its products; the oftener recommended have the choice."""
    spans = np.maximum(np.ptp(nodes[["x", "y"]].to_numpy(), axis=0), 1) if len(nodes) else np.ones(2)
    of = nodes.assign(size=sizes(nodes))[bright & named(nodes, chosen)]
    of = of.iloc[np.lexsort([-of["degree"], of.index != chosen])]
    where = placed(of, scale=float(min(FIELD / spans)))
    of, where = of[np.array(where, dtype=bool)], [side for side in where if side]
    return go.Scatter(
        x=of["x"].round(3).tolist(), y=of["y"].round(3).tolist(), mode="markers+text", hoverinfo="skip",
        marker={"opacity": 0, "size": of["size"].tolist()}, showlegend=False,  # they keep the names off the nodes
        text=[text(readable(name, SHORTEST)) for name in of["name"]], textposition=where, cliponaxis=False,
        textfont={"size": 11, "color": shade.ink, "shadow": "auto"}, meta={"part": "names"},
    )  # fmt: skip


def placed(of: pd.DataFrame, *, scale: float) -> list[str]:
    """Where each name stands, or nothing where it would lie on one before it; scale: pixels to a unit of x and y."""
    found, taken = [], list[tuple[float, float, float]]()
    for name, x, y, size in zip(of["name"], of["x"] * scale, of["y"] * scale, of["size"], strict=True):
        half = LETTER * len(readable(name, SHORTEST)) / 2
        free = [
            (side, high)
            for side, high in (("top center", y + size / 2 + 7), ("bottom center", y - size / 2 - 7))
            if all(abs(x - a) > half + other or abs(high - b) > LINE for a, b, other in taken)
        ]
        found.append(free[0][0] if free else "")
        taken += [(x, free[0][1], half)] if free else []
    return found


def named(nodes: pd.DataFrame, chosen: str | None) -> pd.Series:
    if chosen in nodes.index:
        return (nodes["type"] == "product") | (nodes.index == chosen)
    return nodes["hub"] if "hub" in nodes else pd.Series(False, nodes.index)


def numbers(discs: pd.DataFrame, shade: Shade) -> go.Scatter:
    """The number of each community, on the rim of its disc."""
    return go.Scatter(
        x=(discs["x"] - 0.7 * discs["radius"]).round(3).tolist(), hoverinfo="skip", showlegend=False, mode="text",
        y=(discs["y"] + 0.7 * discs["radius"]).round(3).tolist(), text=[mark(group) for group in discs.index],
        textfont={"size": 13, "color": [shade.grounds[group] for group in discs.index], "weight": "bold"},
        meta={"part": "numbers"},
    )  # fmt: skip


def keys(nodes: pd.DataFrame, colouring: Colouring, shade: Shade) -> list[go.Scatter]:
    """Entries of the legend: the two shapes, and the communities where colours stand for them."""
    by_type = colouring == "type"
    looks = {kind: (fill, rim) if by_type else ("rgba(0,0,0,0)", GREY) for kind, (_, fill, rim) in MARKS.items()}
    entries = [(kind, SYMBOLS[kind], *look) for kind, look in looks.items() if len(nodes)]
    if not by_type:
        entries += [(called(group), "diamond", shade.grounds[group], shade.rim) for group in groups(nodes)]
    return [
        go.Scatter(
            x=[None], y=[None], mode="markers", name=name, hoverinfo="skip", meta={"part": "key"},
            marker={"symbol": symbol, "size": 10, "color": fill, "line": {"width": 1.2, "color": rim}},
        )
        for name, symbol, fill, rim in entries
    ]  # fmt: skip


def layout(discs: pd.DataFrame | None, shade: Shade, *, empty: bool) -> dict[str, Any]:
    """No axes; the wheel and dragging move, and what was zoomed stays so when something else is chosen."""
    axis = {"visible": False, "fixedrange": False}
    words = {
        "text": "Nothing to draw: nothing is recommended yet.",
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
    }
    return {
        "template": {}, "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": shade.ink, "family": FONT},
        "xaxis": axis, "yaxis": axis | {"scaleanchor": "x"}, "dragmode": "pan", "hovermode": "closest",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8}, "uirevision": "graph", "clickmode": "event",
        "legend": {"orientation": "h", "y": 0, "yanchor": "top", "itemclick": False, "itemdoubleclick": False},
        "annotations": [words] if empty else [],
        "shapes": [] if discs is None else [ground(shade, *disc) for disc in discs.itertuples()],
    }  # fmt: skip


def ground(shade: Shade, group: int, x: float, y: float, radius: float) -> dict[str, Any]:
    """The faint disc of a community."""
    ends = {"x0": x - radius, "x1": x + radius, "y0": y - radius, "y1": y + radius}
    look = {"fillcolor": shade.grounds[group], "opacity": 0.1, "line": {"width": 0}, "layer": "below"}
    return {"type": "circle", **{name: round(float(end), 3) for name, end in ends.items()}, **look}


def label(node: str, name: str) -> str:
    """One line that tells a node from the others: its name, and its id where that is something else."""
    own = node[2:]
    return readable(own, LONGEST) if name == own else f"{readable(name, LONGEST)} ({readable(own, LONGEST_ID)})"


def text(words: str) -> str:
    """Words as they are: Plotly would run tags, entities and formulas."""
    return re.sub(r"[&<>$]", lambda sign: f"&#{ord(sign[0])};", words)
