"""A text that was assigned: how sure each of the nearest groups is, which words say so, and where it lies."""

from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from pictures.dots import NONE, draw_dots, look, some
from pictures.look import GREY, INK, PALE
from pictures.reading import ResultsError
from pictures.sheet import sheet
from pictures.words import readable

WIDE, HIGH, HEAD, LEFT, BARS, MAP = 14.0, 7.6, 1.35, 0.35, 4.6, 5.6
# Rows of bars at the most, and the letters that fit beside them.
ROWS, LETTERS = 8, 26
NOTHING = "none of its words tells of a group"


class Assigned(NamedTuple):
    """What `interests assign` says of a text, and the users around it."""

    words: str
    near: list[tuple[int, str, float]]  # the nearest groups: number, label, how sure it is
    told: list[tuple[str, float]]  # words, with what the likeness loses without each
    at: tuple[float, float] | None
    users: int
    points: pd.DataFrame  # number, x and y of users, some of them where there are many


def of(said: dict[str, Any]) -> Assigned:
    """From {answer, users, points}; ResultsError where it is something else."""
    try:
        answer, points = said["answer"], pd.DataFrame(said["points"], columns=["group", "x", "y"])
        place = (answer["x"], answer["y"])
        return Assigned(
            str(answer["words"]),
            [(int(one["group"]), str(one["label"] or ""), float(one["confidence"])) for one in answer["groups"][:ROWS]],
            [(str(one["word"]), float(one["pull"])) for one in answer["told"][:ROWS]],
            None if None in place else (float(place[0]), float(place[1])),
            int(said["users"]),
            some(points.assign(number=points["group"].fillna(NONE).astype(int)).dropna(subset=["x", "y"])),
        )
    except (LookupError, TypeError, ValueError) as error:
        raise ResultsError(f"no answer of `interests assign`: {type(error).__name__}: {error}") from None


def assigned(found: Assigned) -> Figure:
    """Bars on the left, the map on the right."""
    words = readable(found.words, 120)
    figure = sheet(words[:1].upper() + words[1:], "a text, beside the users whose posts were read", (WIDE, HIGH))
    upper, lower = 0.55 + 0.3 * max(len(found.near), 1), 0.55 + 0.3 * max(len(found.told), 1)
    draw_bars(place(figure, HEAD + 0.3, upper - 0.55), "How sure each of the nearest groups is", near(found), sure=True)
    top = HEAD + 0.3 + upper + 0.45
    draw_bars(place(figure, top, lower - 0.55), "Words that say so", told(found), sure=False)
    left = LEFT + BARS + 3.0
    axes = figure.add_axes((left / WIDE, 0.45 / HIGH, (WIDE - left - 0.35) / WIDE, (HIGH - HEAD - 0.6) / HIGH))
    draw_map(axes, found)
    return figure


def place(figure: Figure, top: float, high: float) -> Axes:
    return figure.add_axes(((LEFT + 2.3) / WIDE, 1 - (top + high) / HIGH, BARS / WIDE, high / HIGH))


def near(found: Assigned) -> list[tuple[str, float, str]]:
    """(what a bar is called, how long it is, its colour)."""
    return [
        (readable(f"{number} {label}".strip(), LETTERS), confidence, look(number)[1])
        for number, label, confidence in found.near
    ]


def told(found: Assigned) -> list[tuple[str, float, str]]:
    colour = look(found.near[0][0])[1] if found.near else GREY
    return [(readable(word, LETTERS), pull, colour) for word, pull in found.told]


def draw_bars(axes: Axes, title: str, rows: list[tuple[str, float, str]], *, sure: bool) -> None:
    """The first on top; `sure` for shares of 1, written as percent."""
    axes.set_title(title, fontsize=10.5, x=-2.3 / BARS)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=9.5, color=INK)
    axes.barh(range(len(rows)), [value for _, value, _ in rows], color=[colour for _, _, colour in rows], height=0.62)
    longest = 1.0 if sure else max((value for _, value, _ in rows), default=1.0)
    for at, (_, value, _) in enumerate(rows):
        words = f"{value:.0%}" if sure else f"{value:.3f}"
        axes.text(value + 0.015 * longest, at, words, va="center", fontsize=9, color=GREY)
    axes.set(xlim=(0, 1.12 * longest), ylim=(max(len(rows), 1) - 0.5, -0.5), xticks=[])
    axes.tick_params(length=0)
    axes.spines[["bottom", "left"]].set_visible(False)
    if not rows:
        axes.text(0, 0, NOTHING, va="center", fontsize=9.5, color=GREY)


def draw_map(axes: Axes, found: Assigned) -> None:
    axes.set_title("Where it lies", fontsize=10.5)
    draw_dots(axes, found.points, found.users)
    axes.set(xticks=[], yticks=[])
    axes.grid(color=PALE, linewidth=0.6)
    if found.at is not None:
        axes.scatter(*found.at, s=420, marker="*", color=INK, edgecolor="white", linewidth=1.6, zorder=5)
        text = axes.annotate("this text", found.at, (12, 9), textcoords="offset points", fontsize=10.5, zorder=6)
        text.set(fontweight="bold", path_effects=[withStroke(linewidth=3, foreground="white")])
