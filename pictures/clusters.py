"""Where users lie on the two widest components of what is known of them, coloured by segment."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from pictures.grouped import METHODS, Grouping, Groupings, Method
from pictures.look import GREY, GROUNDS, INK, PALE, SEED
from pictures.sheet import sheet
from pictures.words import counted, readable

WIDE, HEAD, HEADING, HIGH, LINE = 13.0, 1.2, 0.95, 4.6, 0.245
COLOURS, SHAPES = GROUNDS[:-1], "o^sDv"
# Lines of a legend at the most.
LISTED = 16


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
        for line, (number, words) in enumerate(legend(way)):
            middle = 1 - (top + HEADING + HIGH + 0.42 + LINE * line) / high
            if number is not None:
                shape, colour = look(number)
                figure.add_artist(key((left + 0.12) / wide, middle, shape, colour))
            figure.text((left + 0.28) / wide, middle, words, va="center", fontsize=9.5, color=INK)


def draw_panel(axes: Axes, way: Method, one: Grouping) -> None:
    """Dots lie in an order that is drawn by lot, so that no segment hides another; its number stands at its middle."""
    points = way.points.sample(frac=1, random_state=SEED)
    silhouette = "" if np.isnan(way.silhouette) else f", silhouette {way.silhouette:.2f}"
    axes.set_title(f"{METHODS[way.name]}: {counted(way.k, 'segment')}{silhouette}", fontsize=10.5)
    if len(points) < one.users:
        words = f"{len(points):,} of {counted(one.users, 'user')} shown"
        axes.set_title(words, loc="right", fontsize=9, fontweight="normal", color=GREY)
    colours = points["segment"].map(lambda number: look(number)[1])
    shapes = points["segment"].map(lambda number: look(number)[0])
    size = 26 if len(points) < 300 else 12 if len(points) < 1500 else 7
    for shape in SHAPES:
        own = shapes == shape
        axes.scatter(
            points["x"][own], points["y"][own], s=size, c=colours[own].tolist(), marker=shape, alpha=0.65, linewidth=0
        )
    for number, part in way.points.groupby("segment"):
        draw_number(axes, int(number), part)
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(component("first", one.variance[:1]), fontsize=9)
    axes.set_ylabel(component("second", one.variance[1:2]), fontsize=9)
    axes.grid(color=PALE, linewidth=0.6)


def component(which: str, share: list[float]) -> str:
    """Its name, with how much of all differences between users lies along it."""
    return f"{which} component" + "".join(f", {part:.0%} of the variance" for part in share)


def draw_number(axes: Axes, number: int, part: pd.DataFrame) -> None:
    """Amidst its dots; above them where there are few, for none is to be hidden."""
    middle, above = (part["x"].median(), part["y"].median()), 0 if len(part) > 30 else 11
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 13, "fontweight": "bold"}
    text = axes.annotate(str(number), middle, (0, above), textcoords="offset points", **style)
    text.set(color=look(number)[1], path_effects=[withStroke(linewidth=3.5, foreground="white")])


def legend(way: Method) -> Iterator[tuple[int | None, str]]:
    """(number, its words) of each segment, the largest first."""
    total = max(sum(one.size for one in way.segments), 1)
    ordered = sorted(way.segments, key=lambda one: (-one.size, one.number))
    for one in ordered[:LISTED]:
        told = f"{one.number}  {readable(one.label, 48)}" if one.label.strip() else f"{one.number}"
        yield one.number, f"{told} · {counted(one.size, 'user')}, {one.size / total:.1%}"
    if rest := ordered[LISTED:]:
        yield None, f"and {counted(len(rest), 'smaller one')} of {counted(sum(one.size for one in rest), 'user')}"


def look(number: int) -> tuple[str, str]:
    """(shape, colour) of a segment, the same in all pictures and as long as it has its number."""
    place = max(number - 1, 0)
    return SHAPES[place // len(COLOURS) % len(SHAPES)], COLOURS[place % len(COLOURS)]


def key(x: float, y: float, shape: str, colour: str) -> Line2D:
    return Line2D([x], [y], marker=shape, color=colour, markersize=6, linestyle="none")
