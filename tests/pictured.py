"""Results folders to draw: made-up lists as the CSV files of an export, and a look at the pictures."""

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np

from pictures.reading import Results, read_results

SCRIPT = Path(__file__).parent.parent / "visualize_graph.py"
PICTURES = ["recommendation_graph.png", "degree_distribution.png", "top_products.png"]
HEADERS = {
    "recommendations.csv": "user,product,userId,productId,score,rank,source,because",
    "vertices.csv": "id,type,label,degree,pagerank,community,component",
    "edges.csv": "src,dst,score,rank",
    "user_mappings.csv": "user,userId",
    "product_mappings.csv": "product,productId,name,category,brand",
    "trending.csv": "rank,kind,key,label,brand,category,total,users,growth_percent,score,from,to",
    "trending_buckets.csv": "kind,key,bucket_start,total,users",
    "segments.csv": "user,features,method,segment,x,y,distance",
    "interests.csv": "user,group,nearest,confidence,x,y,posts",
}
WEIRD = ["NA", "null", "nan", "", " ", "\t", "\x07bell", "a\r\nb", 'say "hi", you', "$x_1^{2$", "\\frac{1}{", "%s{}"]
WEIRD += ["=1+1", "'=1", "'it", "-", "u:1", "x" * 256, "\U0001f600", "𐍈", "\u202eabc\u200f", "שלום"]
WEIRD += ["非常に長い商品名" * 20]


def guarded(cell: object) -> object:
    """As exports.py writes it; said once more here, for this file knows nothing of Spark."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip("'")[:1] in tuple("=+-@\t\r") else cell


def write_csv(path: Path, rows: Iterable[Iterable[object]], parts: int = 0) -> None:
    rows = [[guarded(cell) for cell in row] for row in rows]
    for part in range(max(parts, 1)):
        target = path / f"part-{part:05d}.csv" if parts else path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([HEADERS[path.name].split(","), *(rows[part::parts] if parts else rows)])


def write_results(
    folder: Path,
    lists: dict[str, list[str]],
    *,
    community: Callable[[str], object] = lambda _: 0,
    name: Callable[[str], str] = lambda product: f"Name of {product}",
    idle: Iterable[str] = (),
    parts: int = 0,
) -> Path:
    """A results folder from user -> products in the order of their rank; `idle` are users without a list."""
    found = [(user, product, rank) for user, best in lists.items() for rank, product in enumerate(best, start=1)]
    times = Counter(product for _, product, _ in found)
    users, products = [*lists, *idle], sorted(times)
    vertices = [[f"u:{user}", "user", user, len(lists.get(user, [])), 1.0, community(f"u:{user}"), 0] for user in users]
    vertices += [[f"p:{of}", "product", name(of) or of, times[of], 1.0, community(f"p:{of}"), 0] for of in products]
    tables = {
        "recommendations.csv": [[user, of, 0, 0, 0.5, rank, "als", json.dumps([of])] for user, of, rank in found],
        "vertices.csv": vertices,
        "edges.csv": [[f"u:{user}", f"p:{of}", 0.5, rank] for user, of, rank in found],
        "user_mappings.csv": [[user, number] for number, user in enumerate(users)],
        "product_mappings.csv": [[of, number, name(of), "Toys", ""] for number, of in enumerate(products)],
    }
    for file, rows in tables.items():
        write_csv(folder / file, rows, parts)
    (folder / "metrics.json").write_text(json.dumps({"generation": "20260101-demo"}), encoding="utf-8")
    return folder


def shop(users: int = 240, products: int = 120, communities: int = 4) -> dict[str, list[str]]:
    """Lists of five, mostly from one's own community, the first products of each far oftener than the last."""
    rng = np.random.default_rng(3)
    lists = {}
    for user in range(users):
        mine = np.arange(products) % communities == user % communities
        weight = np.where(mine, 1.0, 0.02) / (1 + np.arange(products) // communities) ** 1.2
        best = rng.choice(products, 5, replace=False, p=weight / weight.sum())
        lists[f"user{user}"] = [f"item{of}" for of in best]
    return lists


def results_of_shop(folder: Path, users: int = 240, products: int = 120) -> Results:
    return read_results(write_results(folder, shop(users, products), community=of_four))


def of_four(vertex: str) -> int:
    return int(vertex.removeprefix("u:user").removeprefix("p:item")) % 4


def colours_of(path: Path) -> int:
    """How many different colours a picture has; a blank page has one."""
    pixels = matplotlib.image.imread(path)[::3, ::3, :3].reshape(-1, 3)
    return len(np.unique((pixels * 255).astype(int) @ [1, 256, 65536]))


def texts(figure: object) -> list[str]:
    """Every text of a figure, also those of its axes."""
    return [text.get_text() for text in figure.findobj(lambda part: hasattr(part, "get_text")) if text.get_text()]


def bytes_of(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in PICTURES]


# Lists of ids and names that are hard to write, to read or to draw.
EVERY_KIND: dict[str, Any] = {
    "lists": {f"{a}!": WEIRD for a in WEIRD},
    "name": lambda product: product[::-1],
}


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")}
    return subprocess.run(command, capture_output=True, text=True, env=clean | environment, timeout=120)


def write_segments(
    folder: Path, summaries: dict[str, dict[str, Any]], points: Iterable[Iterable[object]], parts: int = 0
) -> Path:
    """segments.csv from (user, features, method, segment, x, y, distance), and segments.json, whose last is newest."""
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "segments.csv", points, parts)
    said = {"latest": [*summaries][-1] if summaries else None, "features": summaries}
    (folder / "segments.json").write_text(json.dumps(said), encoding="utf-8")
    return folder
