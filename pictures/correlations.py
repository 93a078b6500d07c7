"""Which columns say the same of users: a heat map, and the pairs of which one was left out."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pictures.grouped import Grouping, Groupings, Table
from pictures.look import GREY, GROUNDS, INK, PALE
from pictures.sheet import sheet
from pictures.words import readable

HEAD, LINE, LEFT, BELOW = 1.2, 0.26, 2.6, 1.75
# Columns up to which each cell has its number, and merged pairs that are named.
NUMBERED, NAMED = 16, 12
MEASURES = {"cramers_v": ("Cramer's V", "Blues", 0.0), "pearson": ("Pearson's r", "RdBu_r", -1.0)}


def correlations(found: Groupings) -> Figure:
    """A map for each set of features whose columns were compared, one below another."""
    parts = found.alike
    sides = [side(table) for _, table in parts]
    rows = [0.9 + BELOW + side(table) + LINE * len(told(table)) for _, table in parts]
    size = (max([9.5, *(LEFT + of + 1.6 for of in sides)]), HEAD + max(sum(rows), 2.0))
    nothing = "" if parts else "Nothing to draw: no columns were compared."
    under = "0 where two columns have nothing to do with each other, 1 or -1 where one tells the other"
    figure, top = sheet("Which columns say the same", under, size, nothing=nothing), HEAD
    for (one, table), of, row in zip(parts, sides, rows, strict=True):
        draw_part(figure, one, table, top, of)
        top += row
    return figure


def side(table: Table) -> float:
    """Inches of the map."""
    return float(np.clip(0.62 * len(table.columns), 1.6, 9.5))


def draw_part(figure: Figure, one: Grouping, table: Table, top: float, of: float) -> None:
    wide, high = figure.get_size_inches()
    measure, colours, least = MEASURES.get(table.measure, (readable(table.measure, 20), "RdBu_r", -1.0))
    figure.text(0.35 / wide, 1 - (top + 0.15) / high, f"by {one.features}: {measure}", fontsize=12, fontweight="bold")
    axes = figure.add_axes((LEFT / wide, 1 - (top + 0.5 + of) / high, of / wide, of / high))
    image = axes.imshow(table.matrix, cmap=colours, vmin=least, vmax=1, aspect="auto")
    bar = figure.add_axes(((LEFT + of + 0.25) / wide, 1 - (top + 0.5 + of) / high, 0.16 / wide, of / high))
    figure.colorbar(image, cax=bar)
    bar.tick_params(labelsize=8)
    draw_names(axes, table)
    draw_cells(axes, table, least)
    for line, words in enumerate(told(table)):
        bottom = 1 - (top + 0.6 + of + BELOW + LINE * line) / high
        figure.text(0.35 / wide, bottom, words, fontsize=9.5, color=INK if line else GREY)


def draw_names(axes: Axes, table: Table) -> None:
    places, small = range(len(table.columns)), 9 if len(table.columns) <= 20 else 6.5
    names = [readable(name, 28) for name in table.columns]
    axes.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor", fontsize=small)
    axes.set_yticks(places, names, fontsize=small)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_cells(axes: Axes, table: Table, least: float) -> None:
    """Numbers where there is room; a frame where a pair was merged; what cannot be known is pale."""
    axes.set_facecolor(PALE)
    for row, column in np.ndindex(table.matrix.shape):
        value = table.matrix[row, column]
        if len(table.columns) <= NUMBERED and not np.isnan(value):
            dark = value > 0.6 or (least < 0 and value < -0.6)
            style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8.5}
            axes.text(column, row, f"{value:.2f}", color="white" if dark else INK, **style)
    for pair in merged(table):
        for column, row in (pair, pair[::-1]):
            frame = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=GROUNDS[1], linewidth=2.4)
            axes.add_patch(frame).set(clip_on=False, zorder=3)


def merged(table: Table) -> list[tuple[int, int]]:
    """Places of the pairs of which one was left out."""
    place = {name: at for at, name in enumerate(table.columns)}
    return [(place[kept], place[gone]) for kept, gone, _ in table.merged if kept in place and gone in place]


def told(table: Table) -> list[str]:
    """What was left out, and for which."""
    if not table.merged:
        return ["No two columns say the same: all were kept."]
    lines = [
        f"{readable(gone, 40)} is left out for {readable(kept, 40)} ({value:.2f})" for kept, gone, value in table.merged
    ]
    more = [f"and {len(lines) - NAMED} more"] if len(lines) > NAMED else []
    return ["Framed: these two say the same, and one of them was left out.", *lines[:NAMED], *more]
