"""The recommendation graph as a picture: discs, lines, dots and squares, the names of the hubs, the legends."""

from typing import Any

import networkx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke

from pictures.choosing import choose
from pictures.layout import lay_out
from pictures.look import GREY, GROUNDS, MARKS, STYLE, areas, product_area
from pictures.reading import Results
from pictures.sheet import page
from pictures.words import counted, describe, mark, readable, shown

# Where a name may stand around its square, in steps of half the room that both take.
AROUND = np.array([(0, 1), (0, -1), (1, 0), (-1, 0), (0.6, 1), (-0.6, 1), (0.6, -1), (-0.6, -1), (0, 1.9), (0, -1.9)])


def recommendation_graph(results: Results) -> Figure:
    """Users and the products recommended to them, community by community."""
    nodes, edges = choose(results)
    subtitle = f"{shown(nodes, results)}: the most recommended products of each community and a sample of its users"
    figure = page("Who is recommended what", subtitle, results, (14, 9.2), empty=nodes.empty)
    if nodes.empty:
        return figure
    axes = figure.add_axes((0.01, 0.015, 0.765, 0.885), aspect="equal", frameon=False, xticks=[], yticks=[])
    nodes, discs = lay_out(nodes, edges)
    nodes["area"], most = areas(nodes)
    draw_discs(axes, discs)
    draw_graph(axes, nodes, edges)
    figure.draw_without_rendering()  # settles where a point is on the page
    draw_names(axes, nodes, results)
    draw_legends(figure, axes, most, discs, results)
    return figure


def draw_discs(axes: Axes, discs: pd.DataFrame) -> None:
    """A faint ground for each community, with its number on the rim."""
    for group, x, y, radius in discs.itertuples():
        axes.add_patch(Circle((x, y), radius, facecolor=GROUNDS[group], alpha=0.09, zorder=0))
        rim = {"boxstyle": "circle,pad=0.25", "facecolor": "white", "edgecolor": GROUNDS[group], "linewidth": 1.2}
        at = (x - radius * 0.7, y + radius * 0.7)
        axes.text(*at, mark(group), ha="center", va="center", fontsize=9, bbox=rim, zorder=4)
    axes.update_datalim([(-10, -8), (10, 8)])  # so that a handful of nodes does not fill the page
    axes.margins(0.01)


def draw_graph(axes: Axes, nodes: pd.DataFrame, edges: pd.DataFrame) -> None:
    """Users as dots, products as squares, those that are named with a bold rim; lines, for arrows are far slower."""
    graph = networkx.Graph([*zip(edges["src"], edges["dst"], strict=True)])
    graph.add_nodes_from(nodes.index)
    at, group = dict(zip(nodes.index, nodes[["x", "y"]].to_numpy(), strict=True)), nodes["group"]
    apart = [edge for edge in graph.edges if group[edge[0]] != group[edge[1]]]
    within = [edge for edge in graph.edges if group[edge[0]] == group[edge[1]]]
    between: dict[str, Any] = {"edge_color": GREY, "alpha": 0.16, "width": 0.5}
    inside = {"edge_color": [GROUNDS[group[one]] for one, _ in within], "alpha": 0.34, "width": 0.7}
    for lines, look in ((apart, between), (within, inside)):
        if lines:
            networkx.draw_networkx_edges(graph, at, lines, ax=axes, **look).set_zorder(2)
    for kind, (shape, fill, rim) in MARKS.items():
        of = nodes[nodes["type"] == kind]
        look = {"node_color": fill, "node_shape": shape, "edgecolors": rim}
        look |= {"node_size": of["area"], "linewidths": np.where(of["hub"], 1.9, 0.7).tolist()}
        networkx.draw_networkx_nodes(graph, at, [*of.index], ax=axes, **look).set_zorder(3)


def draw_names(axes: Axes, nodes: pd.DataFrame, results: Results) -> None:
    """The names of the hubs, each where it covers least around its square, above all no other name and no number."""
    halo = [withStroke(linewidth=2.6, foreground="white")]
    style: dict[str, Any] = {"fontsize": 8.5, "fontweight": "bold", "ha": "center", "va": "center", "zorder": 5}
    at, far = axes.transData.transform(nodes[["x", "y"]]), 1e5
    half = np.sqrt(nodes[["area"]].to_numpy()) / 2 * STYLE["figure.dpi"] / 72
    margins = [(-far, -far, axes.bbox.x0, far), (axes.bbox.x1, -far, far, far)]
    numbers = [number.get_window_extent().padded(8).extents for number in axes.texts]
    taken = np.vstack([margins, *[numbers] * 5, np.hstack([at - half, at + half])[nodes["type"] == "product"]])
    for number in np.flatnonzero(nodes["hub"]):
        name = readable(results.name(nodes.index[number][2:]), 26)
        text = axes.text(0, 0, name, transform=None, path_effects=halo, **style)
        room = np.array(text.get_window_extent().size) / 2 + 2
        middles = at[number] + (room + half[number]) * AROUND
        boxes = np.hstack([middles - room, middles + room])  # left, bottom, right, top
        both = np.minimum(boxes[:, None, 2:], taken[:, 2:]) - np.maximum(boxes[:, None, :2], taken[:, :2])
        best = both.clip(0).prod(axis=2).sum(axis=1).argmin()
        text.set_position(middles[best])
        taken = np.vstack([taken, *[boxes[best]] * 5])


def draw_legends(figure: Figure, axes: Axes, most: int, discs: pd.DataFrame, results: Results) -> None:
    for times in sorted({0, *(int(float(f"{most * part:.1g}")) for part in (0.1, 0.4, 1))}):
        shape, fill, rim = MARKS["product" if times else "user"]
        words = f"product recommended {counted(times, 'time')}" if times else "user"
        axes.scatter([], [], product_area(times, most), fill, marker=shape, edgecolors=rim, linewidths=0.7, label=words)
    for group in sorted(discs.index, key=lambda group: group % len(GROUNDS)):
        axes.scatter([], [], 120, GROUNDS[group], alpha=0.6, label=describe(group, results))
    figure.legend(loc="upper left", bbox_to_anchor=(0.78, 0.895), labelspacing=1.3)
