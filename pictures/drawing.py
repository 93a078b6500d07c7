"""All pictures of a folder, into it: whole, or none of them."""

import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import matplotlib.style
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from pictures import assigned, document, sealed
from pictures.clusters import clusters
from pictures.correlations import correlations
from pictures.degrees import degree_distribution
from pictures.dendrogram import dendrogram
from pictures.elbow import elbow
from pictures.favourites import top_products
from pictures.grouped import Groupings, read_segments
from pictures.interests import interests
from pictures.look import FONTS, STYLE
from pictures.network import recommendation_graph
from pictures.posted import Interests, read_interests
from pictures.reading import COLUMNS, RISING, Results, ResultsError, Trending, read_results, read_trending
from pictures.sealed import Kind
from pictures.sparklines import trending

Shown = TypeVar("Shown")
Maker = Callable[[Path], object]
CORRELATIONS = "correlations.png"


def complain(words: str) -> None:
    """One line on stderr that does not stop anything."""
    print(words, file=sys.stderr)


def draw(folder: Path, *, page: bool = False, warn: Callable[[str], object] = complain) -> dict[Path, float]:
    """Every picture of a folder of results, and the seconds each took; all of them appear, or none.

    page: the graph as an HTML file as well. What is found of users is drawn without recommendations too; where there is
    something else to draw, what cannot be read of it is left out, and `warn` is told why.
    """
    alone = not any((folder / name).exists() for name in COLUMNS)
    found, faults = readable_beside(folder)
    if alone and faults and not any(found.values()):
        raise next(iter(faults.values()))
    results = None if alone and any(found.values()) else read_results(folder)
    for kind, fault in faults.items():
        warn(f"{kind.name.capitalize()} are left out: {' '.join(str(fault).split())}")
    rising = results.trending if results else read_trending(folder)
    return with_all(folder, found, chain(of_generation(results, page=page), of_trending(rising), of_all(found)))


def readable_beside(folder: Path) -> tuple[dict[Kind, Any], dict[Kind, ResultsError]]:
    """What is found of users, None where there is nothing of a kind, and why some of it cannot be read."""
    found: dict[Kind, Any] = {}
    faults = {}
    for kind, (read, _) in BESIDE.items():
        try:
            found[kind] = read(folder)
        except ResultsError as fault:
            found[kind], faults[kind] = None, fault
    return found, faults


def with_all(folder: Path, found: dict[Kind, Any], makers: Iterator[tuple[str, Maker]]) -> dict[Path, float]:
    """What these make; a picture of columns that are not compared any more goes."""
    made = drawn(folder, makers)
    if (segments := found.get(sealed.SEGMENTS)) is not None and not segments.alike:
        (folder / CORRELATIONS).unlink(missing_ok=True)
    return made


def draw_trending(folder: Path) -> dict[Path, float]:
    """The picture of what is rising alone, which needs no generation; the same otherwise."""
    if (found := read_trending(folder)) is None:
        missing = next(name for name in RISING if not (folder / name).exists())
        raise ResultsError(f"{folder / missing} is missing: `python -m spark_app trending` writes it")
    return drawn(folder, of_trending(found))


def draw_alone(folder: Path, kind: Kind) -> dict[Path, float]:
    """The pictures of one kind of what is found of users alone, which need no generation; the same otherwise."""
    found = {kind: BESIDE[kind][0](folder)}
    if found[kind] is None:
        raise ResultsError(f"{folder} lacks {kind.seal} or {kind.table}: `python -m spark_app {kind.name}` writes them")
    return with_all(folder, found, of_all(found))


def draw_assigned(path: Path, said: str) -> dict[Path, float]:
    """The picture of a text that was assigned, into a file; what it shows is JSON of `interests assign`."""
    try:
        found = assigned.of(json.loads(said))
    except ValueError as error:
        raise ResultsError(f"no JSON of `interests assign`: {error}") from None
    return drawn(path.parent, iter([(path.name, partial(save, assigned.assigned, found))]))


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


def of_all(found: dict[Kind, Any]) -> Iterator[tuple[str, Maker]]:
    """The same of what is found of users."""
    for kind, one in found.items():
        if one is not None:
            yield from BESIDE[kind][1](one)


def of_segments(found: Groupings) -> Iterator[tuple[str, Maker]]:
    for picture in (clusters, elbow, dendrogram):
        yield f"{picture.__name__}.png", partial(save, picture, found)
    if found.alike:
        yield CORRELATIONS, partial(save, correlations, found)


def of_interests(found: Interests) -> Iterator[tuple[str, Maker]]:
    yield "interests.png", partial(save, interests, found)


def save(picture: Callable[[Shown], Figure], shown: Shown, path: Path) -> None:
    """Draw it into a file, without what would differ the next time."""
    picture(shown).savefig(path, metadata={"Date" if path.suffix.lower() == ".svg" else "Software": None})


# What reads a kind of what is found of users, and the pictures of it.
BESIDE: dict[Kind, tuple[Callable[[Path], Any], Callable[[Any], Iterator[tuple[str, Maker]]]]] = {
    sealed.SEGMENTS: (read_segments, of_segments),
    sealed.INTERESTS: (read_interests, of_interests),
}
