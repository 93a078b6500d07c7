"""A sheet with its head, or with the word that there is nothing to draw."""

from matplotlib.figure import Figure

from pictures.look import GREY
from pictures.reading import Results
from pictures.words import readable


def page(title: str, subtitle: str, results: Results, size: tuple[float, float], *, empty: bool) -> Figure:
    """A sheet about one generation; when it is to stay empty, it says so."""
    under = f"{subtitle} · generation {readable(results.generation, 40)}"
    return sheet(title, under, size, nothing="Nothing to draw: nothing is recommended yet." if empty else "")


def sheet(title: str, under: str, size: tuple[float, float], *, nothing: str = "") -> Figure:
    """A title with a line under it, and what stands in place of a drawing."""
    figure = Figure(figsize=size)
    figure.text(0.35 / size[0], 1 - 0.32 / size[1], title, fontsize=18, fontweight="bold", va="top")
    figure.text(0.35 / size[0], 1 - 0.72 / size[1], under, fontsize=10.5, color=GREY, va="top")
    figure.text(0.5, 0.45, nothing, ha="center", fontsize=13, color=GREY)
    return figure
