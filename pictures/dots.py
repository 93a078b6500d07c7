"""Users as dots on a plane, coloured by the group that each is in; the same for segments and for interests."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from pictures.look import GREY, GROUNDS, SEED
from pictures.words import counted, readable

COLOURS, SHAPES = GROUNDS[:-1], "o^sDv"
# The number of those that are in no group.
NONE = 0
# Lines of a legend at the most.
LISTED = 16
# A group whose middle half reaches less than this part of the whole is hidden by its number.
TIGHT = 0.03
# Points that are drawn at the most, and of a group at the least, where it has so many.
MOST, LEAST = 4000, 30


class Part(NamedTuple):
    """A group in words."""

    number: int
    label: str
    size: int


def some(points: pd.DataFrame) -> pd.DataFrame:
    """All, or MOST and a few more: of each group by its size, evenly spread over the ids, at least LEAST of each.

    The points have a number, x and y.
    """
    if len(points) <= MOST:
        return points
    parts = []
    for _, part in points.groupby("number"):
        drawn = min(len(part), max(LEAST, round(MOST * len(part) / len(points))))
        parts.append(part.iloc[np.linspace(0, len(part) - 1, drawn).astype(int)])
    return pd.concat(parts)


def draw_dots(axes: Axes, points: pd.DataFrame, users: int) -> None:
    """Dots lie in an order that is drawn by lot, so that no group hides another; its number stands at its middle.

    What is in no group lies below. Where not all of the users are drawn, it says so.
    """
    if len(points) < users:
        words = f"{len(points):,} of {counted(users, 'user')} shown"
        axes.set_title(words, loc="right", fontsize=9, fontweight="normal", color=GREY)
    mixed = points.sample(frac=1, random_state=SEED)
    colours = mixed["number"].map(lambda number: look(number)[1])
    shapes = mixed["number"].map(lambda number: look(number)[0])
    size = 26 if len(mixed) < 300 else 12 if len(mixed) < 1500 else 7
    for shape in ("x", *SHAPES):
        own = shapes == shape
        axes.scatter(
            mixed["x"][own], mixed["y"][own], s=size, c=colours[own].tolist(), marker=shape, alpha=0.65,
            linewidth=0.8 if shape == "x" else 0,
        )  # fmt: skip
    wide = max(np.ptp(points["x"]), np.ptp(points["y"])) if len(points) else 0.0
    for number, part in points[points["number"] != NONE].groupby("number"):
        draw_number(axes, int(number), part, TIGHT * wide)


def draw_number(axes: Axes, number: int, part: pd.DataFrame, tight: float) -> None:
    """Amidst its dots; above them where there are few or they lie on one another, for none is to be hidden."""
    is_hiding = len(part) <= 30 or max(spread(part["x"]), spread(part["y"])) < tight
    middle, above = (part["x"].median(), part["y"].median()), 12 if is_hiding else 0
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 13, "fontweight": "bold"}
    text = axes.annotate(str(number), middle, (0, above), textcoords="offset points", **style)
    text.set(color=look(number)[1], path_effects=[withStroke(linewidth=3.5, foreground="white")])


def spread(values: pd.Series) -> float:
    """How far the middle half of them reaches."""
    return float(values.quantile(0.75) - values.quantile(0.25))


def legend(parts: Sequence[Part], total: int) -> Iterator[tuple[int | None, str]]:
    """(number, its words) of each group, the largest first, with its share of so many users."""
    ordered = sorted(parts, key=lambda one: (-one.size, one.number))
    for one in ordered[:LISTED]:
        told = f"{one.number}  {readable(one.label, 48)}" if one.label.strip() else f"{one.number}"
        yield one.number, f"{told} · {of_users(one.size, total)}"
    if rest := ordered[LISTED:]:
        yield None, f"and {counted(len(rest), 'smaller one')} of {counted(sum(one.size for one in rest), 'user')}"


def of_users(size: int, total: int) -> str:
    """12 users, 4.0%."""
    return f"{counted(size, 'user')}, {size / max(total, 1):.1%}"


def look(number: int) -> tuple[str, str]:
    """(shape, colour) of a group, the same in all pictures and as long as it has its number."""
    if number == NONE:
        return "x", GREY
    place = max(number - 1, 0)
    return SHAPES[place // len(COLOURS) % len(SHAPES)], COLOURS[place % len(COLOURS)]


def key(x: float, y: float, number: int) -> Line2D:
    """Its mark beside a line of words."""
    shape, colour = look(number)
    return Line2D([x], [y], marker=shape, color=colour, markersize=6, linestyle="none")
