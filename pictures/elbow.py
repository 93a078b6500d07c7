"""How many segments there should be: what each number of them would have been worth."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pictures.grouped import Grouping, Groupings
from pictures.look import GREY, GROUNDS, PALE
from pictures.sheet import sheet
from pictures.words import readable

WIDE, HEAD, ROW = 12.0, 1.2, 4.0
INERTIA, SILHOUETTE, STABILITY, CHOSEN = GROUNDS[0], GROUNDS[2], GROUNDS[3], GROUNDS[1]


def elbow(found: Groupings) -> Figure:
    """A row for each set of features: left inertia, which always falls; right silhouette and stability."""
    under = "left, how far users lie from the centre of their segment; right, how clearly segments are apart"
    size = (WIDE, HEAD + ROW * max(len(found.parts), 1))
    nothing = "" if found.parts else "Nothing to draw: there are no segments."
    figure = sheet("How many segments", under, size, nothing=nothing)
    for place, one in enumerate(found.parts):
        draw_row(figure, one, HEAD + ROW * place)
    return figure


def draw_row(figure: Figure, one: Grouping, top: float) -> None:
    wide, high = figure.get_size_inches()
    heading, words = f"by {one.features}: {one.k} by K-means", readable(one.chosen_by, 130)
    figure.text(0.35 / wide, 1 - (top + 0.15) / high, heading, fontsize=12, fontweight="bold")
    figure.text(0.35 / wide, 1 - (top + 0.42) / high, words, fontsize=10, color=GREY)
    if one.tried.empty:
        figure.text(0.5, 1 - (top + ROW / 2) / high, "No number was tried.", ha="center", color=GREY, fontsize=12)
        return
    bottom, tall = 1 - (top + ROW - 0.65) / high, (ROW - 1.5) / high
    left = figure.add_axes((0.08, bottom, 0.4, tall))
    right = figure.add_axes((0.57, bottom, 0.4, tall))
    draw_line(left, one.tried, "inertia", one.k, INERTIA)
    draw_line(right, one.tried, "silhouette", one.k, SILHOUETTE)
    draw_line(right, one.tried, "stability", one.k, STABILITY)
    left.set(title="Inertia", xlabel="number of segments", ylim=(0, None))
    left.yaxis.set_major_formatter("{x:,.6g}")
    right.set(title="Silhouette", xlabel="number of segments")
    if one.tried["stability"].notna().any():
        right.set_title("Silhouette, and stability over resamples")
        right.legend(loc="best")
    for axes in (left, right):
        finish(axes, one)


def draw_line(axes: Axes, tried: pd.DataFrame, name: str, k: int, colour: str) -> None:
    """What is not known leaves a gap; the number that was chosen has a ring."""
    axes.plot(tried["k"], tried[name], "o-", color=colour, markersize=4.5, linewidth=1.5, label=name)
    chosen = tried[(tried["k"] == k) & tried[name].notna()]
    ring: dict[str, Any] = {"markersize": 11, "mfc": "none", "mec": CHOSEN, "mew": 1.8}
    axes.plot(chosen["k"], chosen[name], "o", **ring)


def finish(axes: Axes, one: Grouping) -> None:
    if (one.tried["k"] == one.k).any():
        axes.axvline(one.k, color=CHOSEN, linestyle="--", linewidth=1.1, zorder=0)
    axes.set_xlim(one.tried["k"].min() - 0.5, one.tried["k"].max() + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(color=PALE, linewidth=0.6)
