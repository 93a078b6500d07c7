"""All pictures of a folder, into it: whole, or none of them."""

import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

import matplotlib.style
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from pictures import document
from pictures.clusters import clusters
from pictures.correlations import correlations
from pictures.degrees import degree_distribution
from pictures.dendrogram import dendrogram
from pictures.elbow import elbow
from pictures.favourites import top_products
from pictures.grouped import SEAL, TABLE, Groupings, read_segments
from pictures.look import FONTS, STYLE
from pictures.network import recommendation_graph
from pictures.reading import COLUMNS, RISING, Results, ResultsError, Trending, read_results, read_trending
from pictures.sparklines import trending

Shown = TypeVar("Shown")
Maker = Callable[[Path], object]


def draw(folder: Path, *, page: bool = False) -> dict[Path, float]:
    """Every picture of a folder of results, and the seconds each took; all of them appear, or none.

    page: the graph as an HTML file as well. Segments are drawn without recommendations too.
    """
    segments = read_segments(folder)
    alone = segments is not None and not any((folder / name).exists() for name in COLUMNS)
    results = None if alone else read_results(folder)
    return drawn(folder, chain(makers(results, page=page), grouped(segments)))


def draw_trending(folder: Path) -> dict[Path, float]:
    """The picture of what is rising alone, which needs no generation; the same otherwise."""
    if (found := read_trending(folder)) is None:
        missing = next(name for name in RISING if not (folder / name).exists())
        raise ResultsError(f"{folder / missing} is missing: `python -m spark_app trending` writes it")
    return drawn(folder, iter([rising(found)]))


def draw_segments(folder: Path) -> dict[Path, float]:
    """The pictures of segments alone, which need no generation; the same otherwise."""
    if (found := read_segments(folder)) is None:
        raise ResultsError(f"{folder} lacks {SEAL} or {TABLE}: `python -m spark_app segments` writes them")
    return drawn(folder, grouped(found))


def drawn(folder: Path, makers: Iterator[tuple[str, Maker]]) -> dict[Path, float]:
    """What these make: all of it appears, or nothing."""
    seconds = {}
    fonts = [name for name in FONTS if name in fontManager.get_font_names()]
    with tempfile.TemporaryDirectory(prefix=".drawing-", dir=folder) as scratch, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a sign that no font has is drawn as a box
        with matplotlib.style.context(["default", {**STYLE, "font.family": fonts}]):
            for name, make in makers:
                start, path = time.perf_counter(), Path(scratch) / name
                make(path)
                seconds[path] = time.perf_counter() - start
        return {path.replace(folder / path.name): took for path, took in seconds.items()}


def makers(results: Results | None, *, page: bool) -> Iterator[tuple[str, Maker]]:
    """Names of files, and what writes each to a path."""
    if results is None:
        return
    for picture in (recommendation_graph, degree_distribution, top_products):
        yield f"{picture.__name__}.png", partial(save, picture, results)
    if results.trending is not None:
        yield rising(results.trending)
    if page:
        yield document.FILE, lambda path: path.write_text(document.recommendation_graph(results), encoding="utf-8")


def grouped(segments: Groupings | None) -> Iterator[tuple[str, Maker]]:
    """The same of segments."""
    if segments is None:
        return
    for picture in (clusters, elbow, dendrogram):
        yield f"{picture.__name__}.png", partial(save, picture, segments)
    if segments.alike:
        yield "correlations.png", partial(save, correlations, segments)


def rising(found: Trending) -> tuple[str, Maker]:
    """The same of what is rising."""
    return "trending.png", partial(save, trending, found)


def save(picture: Callable[[Shown], Figure], shown: Shown, path: Path) -> None:
    """Draw it into a file."""
    picture(shown).savefig(path, metadata={"Software": None})
