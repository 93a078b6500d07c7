"""Which groups of users are joined first: the upper part of the tree that agglomerative clustering makes."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from scipy.cluster import hierarchy

from pictures.grouped import Grouping, Groupings, Tree
from pictures.look import GREY, GROUNDS
from pictures.sheet import sheet
from pictures.words import counted

WIDE, HEAD, ROW = 13.0, 1.2, 4.6
BELOW, ABOVE, CUT = GROUNDS[0], GREY, GROUNDS[1]


def dendrogram(found: Groupings) -> Figure:
    """A tree for each set of features; below the line lies a segment each."""
    under = "the lower two groups are joined, the more alike they are; numbers are the users of each group"
    nothing = "" if found.parts else "Nothing to draw: there are no segments."
    figure = sheet("How segments come together", under, (WIDE, HEAD + ROW * max(len(found.parts), 1)), nothing=nothing)
    high = figure.get_figheight()
    for place, one in enumerate(found.parts):
        top = HEAD + ROW * place
        figure.text(0.35 / WIDE, 1 - (top + 0.15) / high, heading(one), fontsize=12, fontweight="bold")
        if one.tree.merges[:, 2].any():
            draw_tree(figure.add_axes((0.07, 1 - (top + ROW - 0.85) / high, 0.91, (ROW - 1.35) / high)), one)
        else:
            words = "Nothing to join: all users are alike." if len(one.tree.leaves) > 1 else "Nothing to join."
            figure.text(0.5, 1 - (top + ROW / 2) / high, words, ha="center", color=GREY, fontsize=12)
    return figure


def heading(one: Grouping) -> str:
    words = f"by {one.features}: {counted(sum(one.tree.leaves), 'user')}"
    return f"{words} in {counted(len(one.tree.leaves), 'group')}" if one.tree.leaves else words


def draw_tree(axes: Axes, one: Grouping) -> None:
    tree, cut = one.tree, height(one.tree, segments(one))
    above = tree.merges[:, 2] > (np.inf if cut is None else cut)
    first = len(tree.leaves)
    leaves: dict[str, Any] = {"labels": [f"{users:,}" for users in tree.leaves]}
    leaves |= {"leaf_rotation": 60 if max(map(len, leaves["labels"])) * first > 90 else 0, "leaf_font_size": 9}
    hierarchy.dendrogram(
        numbered(tree), ax=axes, link_color_func=lambda node: ABOVE if above[node - first] else BELOW, **leaves
    )
    if cut is not None:
        axes.axhline(cut, color=CUT, linestyle="--", linewidth=1.3)
        style: dict[str, Any] = {"color": CUT, "ha": "right", "va": "bottom", "fontsize": 9.5}
        style["path_effects"] = [withStroke(linewidth=3, foreground="white")]
        axes.text(1, cut, f"{counted(segments(one), 'segment')} below", transform=axes.get_yaxis_transform(), **style)
    axes.set(xlabel="users in each group", ylabel=f"distance ({tree.linkage} linkage)", ylim=(0, None))
    axes.tick_params(axis="x", length=0)


def segments(one: Grouping) -> int:
    """How many segments the tree was cut into."""
    return next((way.k for way in one.methods if way.name == "agglomerative"), one.k)


def height(tree: Tree, k: int) -> float | None:
    """Half way between the merge that leaves `k` groups and the next one; None where the tree is not cut."""
    heights = np.sort(tree.merges[:, 2])
    if not 1 < k <= len(tree.leaves):
        return None
    below = heights[-k] if k <= len(heights) else 0.0
    return float((below + heights[1 - k]) / 2)


def numbered(tree: Tree) -> np.ndarray:
    """(leaves - 1, 4): with the leaves under each merge, which SciPy counts."""
    under = [1] * len(tree.leaves)
    for one, other, _ in tree.merges:
        under.append(under[int(one)] + under[int(other)])
    return np.column_stack([tree.merges, under[len(tree.leaves) :]])
