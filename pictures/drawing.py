"""All pictures of a folder, into it: whole, or none of them."""

import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib.style
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from pictures import document
from pictures.degrees import degree_distribution
from pictures.favourites import top_products
from pictures.look import FONTS, STYLE
from pictures.network import recommendation_graph
from pictures.reading import Results, read_results
from pictures.sparklines import trending

Maker = Callable[[Path], object]


def draw(folder: Path, *, page: bool = False) -> dict[Path, float]:
    """Every picture of a folder of results, and the seconds each took; all of them appear, or none.

    page: the graph as an HTML file as well.
    """
    results, seconds = read_results(folder), {}
    fonts = [name for name in FONTS if name in fontManager.get_font_names()]
    with tempfile.TemporaryDirectory(prefix=".drawing-", dir=folder) as scratch, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a sign that no font has is drawn as a box
        with matplotlib.style.context(["default", {**STYLE, "font.family": fonts}]):
            for name, make in makers(results, page=page):
                start, path = time.perf_counter(), Path(scratch) / name
                make(path)
                seconds[path] = time.perf_counter() - start
        return {path.replace(folder / path.name): took for path, took in seconds.items()}


def makers(results: Results, *, page: bool) -> Iterator[tuple[str, Maker]]:
    """Names of files, and what writes each to a path."""
    for picture in (recommendation_graph, degree_distribution, top_products):
        yield f"{picture.__name__}.png", saved(picture, results)
    if results.trending is not None:
        yield "trending.png", saved(trending, results)
    if page:
        yield document.FILE, lambda path: path.write_text(document.recommendation_graph(results), encoding="utf-8")


def saved(picture: Callable[[Results], Figure], results: Results) -> Maker:
    return lambda path: picture(results).savefig(path, metadata={"Software": None})
