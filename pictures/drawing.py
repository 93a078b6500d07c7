"""All pictures of a folder, into it: whole, or none of them."""

import tempfile
import time
import warnings
from pathlib import Path

import matplotlib.style
from matplotlib.font_manager import fontManager

from pictures.degrees import degree_distribution
from pictures.favourites import top_products
from pictures.look import FONTS, STYLE
from pictures.network import recommendation_graph
from pictures.reading import read_results


def draw(folder: Path) -> dict[Path, float]:
    """Every picture of a folder of results, and the seconds each took; all of them appear, or none."""
    results, seconds = read_results(folder), {}
    fonts = [name for name in FONTS if name in fontManager.get_font_names()]
    with tempfile.TemporaryDirectory(prefix=".drawing-", dir=folder) as scratch, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a sign that no font has is drawn as a box
        with matplotlib.style.context(["default", {**STYLE, "font.family": fonts}]):
            for picture in (recommendation_graph, degree_distribution, top_products):
                start, path = time.perf_counter(), Path(scratch) / f"{picture.__name__}.png"
                picture(results).savefig(path, metadata={"Software": None})
                seconds[path] = time.perf_counter() - start
        return {path.replace(folder / path.name): took for path, took in seconds.items()}
