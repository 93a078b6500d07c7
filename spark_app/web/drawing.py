"""The graph as a figure: what the API says of it, laid out and drawn. Nothing is asked and nothing is kept."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from pictures import interactive
from pictures.layout import lay_out
from pictures.look import GROUNDS, OTHERS
from spark_app.web import look

_NAMES, _HEIGHT = 9, 660
_PARTS = ("lines", "points", "ring", "names", "numbers")
# Of each of so many communities the colour is its own.
COLOURED = len(GROUNDS) - 1


class Places(NamedTuple):
    """Nodes with their places, edges, the discs of communities; and those that are coloured, the largest first."""

    nodes: pd.DataFrame
    edges: pd.DataFrame
    discs: pd.DataFrame
    ranked: tuple[int, ...]


def figure(places: Places, colouring: interactive.Colouring, chosen: str | None, dark: bool) -> go.Figure:
    """The graph at these places."""
    nodes, edges, discs, ranked = places
    found = interactive.figure(nodes, edges, discs, colouring=colouring, chosen=chosen, dark=dark, ranked=ranked)
    # Each trace costs the browser time, also one without points.
    parts = {name: [one for one in found.data if one.meta["part"] == name and one.x] for name in _PARTS}
    keys = [one for one in found.data if one.meta["part"] == "key"]
    found.data = []
    found.add_traces([*parts["lines"], *together(parts["points"]), *parts["ring"], *parts["names"], *parts["numbers"]])
    found.add_traces(keys)
    found.update_layout(height=_HEIGHT, modebar={"bgcolor": "rgba(0,0,0,0)", "color": look.GREY})
    return found


def together(traces: Sequence[go.Scatter]) -> list[go.Scatter]:
    """Traces of points as one, which looks the same."""
    if not traces:
        return []
    counts = [len(one.x) for one in traces]
    starts = [sum(counts[:place]) for place in range(len(traces))]
    chosen = [
        start + point
        for one, count, start in zip(traces, counts, starts, strict=True)
        for point in (range(count) if one.selectedpoints is None else one.selectedpoints)
    ]
    first = traces[0]
    marker = {name: _each(counts, [one.marker[name] for one in traces]) for name in ("color", "symbol", "size")}
    rims = {"width": first.marker.line.width, "color": _each(counts, [one.marker.line.color for one in traces])}
    return [
        go.Scatter(
            x=_each(counts, [one.x for one in traces]), y=_each(counts, [one.y for one in traces]), mode="markers",
            marker=marker | {"opacity": 1, "line": rims}, customdata=_each(counts, [one.customdata for one in traces]),
            hovertemplate=_each(counts, [one.hovertemplate for one in traces]), showlegend=False,
            selectedpoints=None if len(chosen) == sum(counts) else chosen, selected=first.selected,
            unselected=first.unselected, meta={"part": "points"},
        )
    ]  # fmt: skip


def _each(counts: Sequence[int], values: Sequence[Any]) -> list[Any]:
    """A value for each point of each trace; what is one for all of a trace is repeated."""
    return [
        value
        for count, own in zip(counts, values, strict=True)
        for value in ([own] * count if isinstance(own, str) else own)
    ]


def placed(found: Mapping[str, Any], largest: Sequence[int]) -> Places:
    """What is to be drawn, laid out; `largest` are communities of the whole graph, in their order."""
    nodes = pd.DataFrame(found["vertices"]).set_index("id")
    nodes["name"] = nodes["label"].fillna(nodes.index.to_series().str[2:])
    there = set(nodes["community"])
    ranked = tuple([number for number in largest if number in there][:COLOURED])
    nodes["group"] = nodes["community"].where(nodes["community"].isin(ranked), OTHERS)
    products = nodes[nodes["type"] == "product"].sort_values("degree", ascending=False, kind="stable")
    # Of each community the first is named, or the first few where there is one alone: more would lie on one another.
    nodes["hub"] = nodes.index.isin(products.groupby("group").head(max(1, _NAMES // nodes["group"].nunique())).index)
    edges = pd.DataFrame(found["edges"], columns=["src", "dst", "score", "rank"])
    spread, discs = lay_out(nodes, edges)
    return Places(spread, edges, discs, ranked)
