"""All pictures of a folder, into it: whole, or none of them."""

import sys
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
CORRELATIONS = "correlations.png"


def complain(words: str) -> None:
    """One line on stderr that does not stop anything."""
    print(words, file=sys.stderr)


def draw(folder: Path, *, page: bool = False, warn: Callable[[str], object] = complain) -> dict[Path, float]:
    """Every picture of a folder of results, and the seconds each took; all of them appear, or none.

    page: the graph as an HTML file as well. Segments are drawn without recommendations too; beside them, segments that
    cannot be read are left out, and `warn` is told why.
    """
    results: Results | None
    if any((folder / name).exists() for name in COLUMNS):
        results, segments = read_results(folder), readable_segments(folder, warn)
    else:
        segments = read_segments(folder)
        results = None if segments else read_results(folder)
    rising = results.trending if results else read_trending(folder)
    makers = chain(of_generation(results, page=page), of_trending(rising), of_segments(segments))
    return with_segments(folder, segments, makers)


def with_segments(
    folder: Path, segments: Groupings | None, makers: Iterator[tuple[str, Maker]]
) -> dict[Path, float]:
    """What these make; a picture of columns that are not compared any more goes."""
    made = drawn(folder, makers)
    if segments is not None and not segments.alike:
        (folder / CORRELATIONS).unlink(missing_ok=True)
    return made


def readable_segments(folder: Path, warn: Callable[[str], object]) -> Groupings | None:
    """None where there are none, or where they cannot be read."""
    try:
        return read_segments(folder)
    except ResultsError as fault:
        warn(f"Segments are left out: {' '.join(str(fault).split())}")
        return None


def draw_trending(folder: Path) -> dict[Path, float]:
    """The picture of what is rising alone, which needs no generation; the same otherwise."""
    if (found := read_trending(folder)) is None:
        missing = next(name for name in RISING if not (folder / name).exists())
        raise ResultsError(f"{folder / missing} is missing: `python -m spark_app trending` writes it")
    return drawn(folder, of_trending(found))


def draw_segments(folder: Path) -> dict[Path, float]:
    """The pictures of segments alone, which need no generation; the same otherwise."""
    if (found := read_segments(folder)) is None:
        raise ResultsError(f"{folder} lacks {SEAL} or {TABLE}: `python -m spark_app segments` writes them")
    return with_segments(folder, found, of_segments(found))


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


def of_generation(results: Results | None, *, page: bool) -> Iterator[tuple[str, Maker]]:
    """Names of files, and what writes each to a path."""
    if results is None:
        return
    for picture in (recommendation_graph, degree_distribution, top_products):
        yield f"{picture.__name__}.png", partial(save, picture, results)
    if page:
        yield document.FILE, lambda path: path.write_text(document.recommendation_graph(results), encoding="utf-8")


def of_trending(found: Trending | None) -> Iterator[tuple[str, Maker]]:
    """The same of what is rising."""
    if found is not None:
        yield "trending.png", partial(save, trending, found)


def of_segments(found: Groupings | None) -> Iterator[tuple[str, Maker]]:
    """The same of segments."""
    if found is None:
        return
    for picture in (clusters, elbow, dendrogram):
        yield f"{picture.__name__}.png", partial(save, picture, found)
    if found.alike:
        yield CORRELATIONS, partial(save, correlations, found)


def save(picture: Callable[[Shown], Figure], shown: Shown, path: Path) -> None:
    """Draw it into a file."""
    picture(shown).savefig(path, metadata={"Software": None})
