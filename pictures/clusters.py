"""Where users lie on the two widest components of what is known of them, coloured by segment."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pictures.dots import LISTED, draw_dots, key, legend
from pictures.grouped import METHODS, Grouping, Groupings, Method
from pictures.look import GREY, INK, PALE
from pictures.sheet import sheet
from pictures.words import counted, readable

WIDE, HEAD, HEADING, HIGH, LINE = 13.0, 1.2, 0.95, 4.6, 0.245


def clusters(found: Groupings) -> Figure:
    """A row for each set of features, a panel for each method in it."""
    legends = [max((min(len(way.segments), LISTED + 1) for way in one.methods), default=0) for one in found.parts]
    rows = [HEADING + HIGH + 0.55 + LINE * lines for lines in legends]
    high = HEAD + max(sum(rows), 2.0) + 0.2
    nothing = "" if any(one.users for one in found.parts) else "Nothing to draw: there are no segments."
    under = "each dot is a user, placed by the two widest components of what is known of all"
    figure, top = sheet("Who is alike", under, (WIDE, high), nothing=nothing), HEAD
    for one, row in zip(found.parts, rows, strict=True):
        draw_row(figure, one, top)
        top += row
    return figure


def draw_row(figure: Figure, one: Grouping, top: float) -> None:
    wide, high = figure.get_size_inches()
    heading = f"by {one.features}: {counted(one.users, 'user')}"
    figure.text(0.35 / wide, 1 - (top + 0.15) / high, heading, fontsize=12, fontweight="bold")
    figure.text(0.35 / wide, 1 - (top + 0.42) / high, readable(one.structure, 150), fontsize=10, color=GREY)
    for place, way in enumerate(one.methods):
        left = 0.35 + place * 6.35
        axes = figure.add_axes((left / wide, 1 - (top + HEADING + HIGH) / high, 6.0 / wide, HIGH / high))
        draw_panel(axes, way, one)
        for line, (number, words) in enumerate(legend(way.segments, sum(part.size for part in way.segments))):
            middle = 1 - (top + HEADING + HIGH + 0.42 + LINE * line) / high
            if number is not None:
                figure.add_artist(key((left + 0.12) / wide, middle, number))
            figure.text((left + 0.28) / wide, middle, words, va="center", fontsize=9.5, color=INK)


def draw_panel(axes: Axes, way: Method, one: Grouping) -> None:
    silhouette = "" if np.isnan(way.silhouette) else f", silhouette {way.silhouette:.2f}"
    axes.set_title(f"{METHODS[way.name]}: {counted(way.k, 'segment')}{silhouette}", fontsize=10.5)
    draw_dots(axes, way.points, one.users)
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(component("first", one.variance[:1]), fontsize=9)
    axes.set_ylabel(component("second", one.variance[1:2]), fontsize=9)
    axes.grid(color=PALE, linewidth=0.6)


def component(which: str, share: list[float]) -> str:
    """Its name, with how much of all differences between users lies along it."""
    return f"{which} component" + "".join(f", {part:.0%} of the variance" for part in share)
