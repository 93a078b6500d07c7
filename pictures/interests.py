"""What users post about: where they lie by their words, coloured by group, and the keywords of each group."""

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pictures.dots import NONE, draw_dots, key, legend, of_users
from pictures.look import GREY, INK, PALE
from pictures.posted import Interests
from pictures.sheet import sheet
from pictures.words import counted, readable

WIDE, HEAD, HIGH, LEFT, MAP = 14.0, 2.0, 6.6, 0.35, 7.4
# Inches that a group takes beside the map, and letters of its keywords.
LINE, LETTERS = 0.5, 88
NOTHING = "Nothing to draw: nobody has posted."


def interests(found: Interests) -> Figure:
    """The map on the left, the groups on the right, the largest first."""
    lines = [*told(found)]
    high = HEAD + max(HIGH, LINE * len(lines)) + 0.45
    under = "each dot is a user, each cloud a group; clouds that are near are alike, as far as a plane can tell"
    figure = sheet("What users post about", under, (WIDE, high), nothing="" if found.users else NOTHING)
    heading = f"{counted(found.users, 'user')}, {counted(found.posts, 'post')}, {counted(len(found.groups), 'group')}"
    figure.text(LEFT / WIDE, 1 - 1.3 / high, heading, fontsize=12, fontweight="bold", va="center")
    figure.text(LEFT / WIDE, 1 - 1.57 / high, readable(found.structure, 170), fontsize=10, color=GREY, va="center")
    if found.users:
        draw_map(figure.add_axes((LEFT / WIDE, 1 - (HEAD + HIGH) / high, MAP / WIDE, HIGH / high)), found)
    left = LEFT + MAP + 0.35
    for place, (number, words, keywords) in enumerate(lines):
        top = HEAD + 0.12 + LINE * place
        if number is not None:
            figure.add_artist(key((left + 0.1) / WIDE, 1 - top / high, number))
        figure.text((left + 0.28) / WIDE, 1 - top / high, words, va="center", fontsize=9.5, color=INK)
        figure.text((left + 0.28) / WIDE, 1 - (top + 0.19) / high, keywords, va="center", fontsize=8.5, color=GREY)
    return figure


def draw_map(axes: Axes, found: Interests) -> None:
    draw_dots(axes, found.points, found.users)
    axes.set(xticks=[], yticks=[])
    axes.margins(0.08)
    axes.grid(color=PALE, linewidth=0.6)


def told(found: Interests) -> Iterator[tuple[int | None, str, str]]:
    """(number, its words, the keywords that these lack) of each group, and of those in none where there are some."""
    for number, words in legend(found.groups, found.users):
        keywords = ", ".join(found.keywords[number]) if number is not None else ""
        yield number, words, readable(keywords, LETTERS) if keywords else ""
    if found.none:
        words = f"in none of them · {of_users(found.none, found.users)}"
        yield NONE, words, "what they post says too little, or is near no group"
