"""The recommendation graph as one HTML file that needs no network: page, data and Plotly itself.

What a text from the data says is data all the way: JSON in a script that is not run, `textContent`, and entities where
Plotly would take it for a tag.
"""

import html
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
from plotly.offline import get_plotlyjs

from pictures import interactive
from pictures.choosing import choose
from pictures.layout import lay_out
from pictures.look import MARKS
from pictures.reading import Results
from pictures.words import describe, readable, shown

TEMPLATE = Path(__file__).with_name("explorer.html")
FILE = "recommendation_graph.html"
CHANGING = {"x", "y", "text", "textposition", "customdata", "marker"}


def recommendation_graph(results: Results) -> str:
    """The page: the same nodes, places and colours as in the picture."""
    nodes, edges = choose(results)
    said = shown(nodes, results)
    nodes = nodes.assign(name=[results.name(node[2:]) for node in nodes.index])
    nodes, discs = lay_out(nodes, edges) if len(nodes) else (nodes.assign(x=0.0, y=0.0), None)
    told = {group: describe(group, results).replace("\n", ": ") for group in interactive.groups(nodes)}
    data = {
        "looks": looks(nodes, edges, discs),
        "nodes": columns(nodes),
        "edges": numbered(nodes, edges),
        "groups": told,
        "bold": interactive.BOLD,
        "letter": interactive.LETTER,
        "line": interactive.LINE,
    }
    filled = TEMPLATE.read_text(encoding="utf-8")
    for place, content in {
        "GENERATION": html.escape(readable(results.generation, 40)),
        "SHOWN": html.escape(said),
        "PLOTLY": get_plotlyjs(),
        "DATA": unended(json.dumps(data, ensure_ascii=False, separators=(",", ":"))),
    }.items():  # the data are last: what they hold is no place to fill
        filled = filled.replace(f"<!--{place}-->", content)
    return filled


def unended(data: str) -> str:
    """JSON in which no text ends the script around it or opens a comment."""
    return re.sub("<(?=[/!])", r"\\u003c", data)


def looks(nodes: pd.DataFrame, edges: pd.DataFrame, discs: pd.DataFrame | None) -> dict[str, Any]:
    """Traces without their points, and layouts, by colouring and shade: what the browser fills with points."""
    found: dict[str, Any] = {}
    for colouring in ("community", "type"):
        for dark in (False, True):
            figure = interactive.figure(nodes, edges, discs, colouring=colouring, dark=dark).to_plotly_json()
            look = {"data": [bare(trace) for trace in figure["data"]], "layout": figure["layout"]}
            found[f"{colouring} {'dark' if dark else 'light'}"] = look
    return found


def bare(trace: dict[str, Any]) -> dict[str, Any]:
    """A trace as it looks, without what depends on what is chosen; numbers of communities and keys stay whole."""
    if trace["meta"]["part"] in ("numbers", "key"):
        return trace
    marker = {name: value for name, value in trace.get("marker", {}).items() if name != "size"}
    kept = {name: value for name, value in trace.items() if name not in CHANGING}
    return kept | ({"marker": marker} if marker else {})


def columns(nodes: pd.DataFrame) -> dict[str, list[Any]]:
    return {
        "x": nodes["x"].round(3).tolist(),
        "y": nodes["y"].round(3).tolist(),
        "size": interactive.sizes(nodes).tolist(),
        "kind": [[*MARKS].index(kind) for kind in nodes["type"]],
        "group": nodes["group"].tolist(),
        "degree": nodes["degree"].tolist(),
        "hub": nodes["hub"].astype(int).tolist(),
        "label": [interactive.label(node, name) for node, name in nodes["name"].items()],
        "name": [readable(name, interactive.SHORTEST) for name in nodes["name"]],
    }


def numbered(nodes: pd.DataFrame, edges: pd.DataFrame) -> list[list[int]]:
    """Products of each user, by their numbers among the nodes: [user, product, product, ...]."""
    of, to = (nodes.index.get_indexer(edges[end]).tolist() for end in ("src", "dst"))
    lists: dict[int, list[int]] = {}
    for user, product in zip(of, to, strict=True):
        lists.setdefault(user, [user]).append(product)
    return [*lists.values()]
