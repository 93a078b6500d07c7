"""Draw what is recommended: results/*.csv in, three pictures beside them out; the same input gives the same bytes.

Reading, choosing, laying out and drawing are apart. Nothing of Millstream is imported: it works on a copied folder.
"""

import argparse
import json
import os
import random
import re
import sys
import tempfile
import time
import unicodedata
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import igraph
import matplotlib.style
import networkx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, NullFormatter

# What is read of each file; a column more does no harm. Every file has a number, so that a row cut short is noticed.
COLUMNS: dict[str, dict[str, type]] = {
    "recommendations.csv": {"user": str, "product": str, "rank": int},
    "vertices.csv": {"id": str, "type": str, "degree": int, "community": str},
    "edges.csv": {"src": str, "dst": str, "rank": int},
    "product_mappings.csv": {"product": str, "productId": int, "name": str, "category": str},
}
MAKE = "`make run` makes it; where a generation is published, `python -m spark_app export` does so too"
MOST_PRODUCTS, MOST_USERS, HUBS, TOP, SEED, OTHERS = 84, 190, 14, 20, 7, -1
INK, GREY, PALE = "#1f2933", "#697586", "#dde2e7"
USER, PRODUCT, PRODUCT_RIM = "#8fc9ef", "#a3d9a0", "#3f7f46"
MARKS = {"user": ("o", USER, "#3d7ea6"), "product": ("s", PRODUCT, PRODUCT_RIM)}
# A colour for each of the largest communities, after Okabe and Ito; the last is that of all OTHERS.
GROUNDS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#7a5195", "#5d6d3b", GREY]
# Where a name may stand around its square, in steps of half the room that both take.
AROUND = np.array([(0, 1), (0, -1), (1, 0), (-1, 0), (0.6, 1), (-0.6, 1), (0.6, -1), (-0.6, -1), (0, 1.9), (0, -1.9)])
FONTS = ["DejaVu Sans", "Noto Sans CJK JP", "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Emoji", "Symbola"]
STYLE: dict[str, Any] = {
    **{"figure.dpi": 150, "savefig.dpi": 150, "text.parse_math": False, "text.color": INK, "axes.axisbelow": True},
    **{"axes.edgecolor": PALE, "axes.labelcolor": GREY, "axes.spines.top": False, "axes.spines.right": False},
    **{"axes.titlesize": 11, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.titlepad": 10},
    **{"xtick.color": GREY, "ytick.color": GREY, "legend.frameon": False, "legend.fontsize": 9},
}


class ResultsError(Exception):
    """A sentence for the user: what is missing or wrong, and the command that makes it."""


class Results(NamedTuple):
    """The exported tables of one generation, their text as it was before it was guarded against spreadsheets."""

    generation: str
    recommendations: pd.DataFrame  # user, product, rank
    vertices: pd.DataFrame  # index: id; type, degree, group (one of the largest communities, or OTHERS)
    edges: pd.DataFrame  # src, dst: ids of vertices
    products: pd.DataFrame  # index: product; name, category

    def name(self, product: str) -> str:
        """Its name, or its id where it has none."""
        return str(self.products["name"].get(product, "")).strip() or product


# Reading.
def read_results(folder: Path) -> Results:
    """Every table that a picture needs; raises ResultsError before anything is drawn."""
    if not any((folder / name).exists() for name in COLUMNS):
        raise ResultsError(f"{folder} {'holds no results yet' if folder.is_dir() else 'is not a folder'}. {MAKE}")
    before = read_generation(folder / "metrics.json")
    recommendations, vertices, edges, products = (read_table(folder / name) for name in COLUMNS)
    if (generation := read_generation(folder / "metrics.json")) != before:
        raise ResultsError(f"{folder} was replaced by generation {generation} while it was read; draw again.")
    vertices = vertices.set_index("id").sort_index()
    community = pd.to_numeric(vertices["community"], errors="coerce")
    vertices["group"] = community.where(community.between(0, len(GROUNDS) - 2), OTHERS).astype(int)
    for end, prefix in (("src", "u:"), ("dst", "p:")):  # ids of vertices, or those of the user and the product
        edges[end] = edges[end] if edges[end].isin(vertices.index).all() else prefix + edges[end]
    if not (vertices.index.is_unique and edges[["src", "dst"]].isin(set(vertices.index)).all(axis=None)):
        raise ResultsError(f"{folder}: edges.csv and vertices.csv are not of one generation. {MAKE}")
    products = products.drop_duplicates("product").set_index("product")
    return Results(generation, recommendations, vertices, edges.sort_values(["src", "dst"]), products)


def read_table(path: Path) -> pd.DataFrame:
    """One CSV file, or a folder of part files that carry a header each."""
    columns = COLUMNS[path.name]
    parts = sorted(path.glob("part-*.csv")) if path.is_dir() else [path] if path.exists() else []
    if not parts:
        raise ResultsError(f"{path} is missing. {MAKE}")
    how = {"usecols": [*columns], "dtype": columns, "na_filter": False, "index_col": False}  # "NA" and "null" are ids
    try:
        table = pd.concat([pd.read_csv(part, **how) for part in parts], ignore_index=True)
    except (OSError, ValueError) as fault:  # wrong UTF-8 and all that pandas finds are ValueErrors
        why = " ".join(str(fault).removeprefix("Usecols do not match columns, ").split())
        raise ResultsError(f"{path} cannot be read: {why}. {MAKE}") from fault
    return table.assign(**{name: table[name].map(unguarded) for name, kind in columns.items() if kind is str})


def unguarded(cell: str) -> str:
    """Without the ' that keeps a spreadsheet from running a cell; one that was there before stays."""
    return cell[1:] if cell.startswith("'") and re.match(r"'+[=+\-@\t\r]", cell) else cell


def read_generation(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["generation"])
    except (OSError, ValueError, KeyError, TypeError) as fault:  # it is written last
        raise ResultsError(f"{path} is missing or names no generation: an export did not end. {MAKE}") from fault


def choose(results: Results) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The (nodes, edges) to draw: hubs, the most recommended products of each community, a sample of its users.

    Every user has a full list, so a k-core would drop nobody: products are taken by how often they are recommended.
    """
    vertices = results.vertices.assign(hub=False)
    ranked = vertices[vertices["type"] == "product"].sort_values("degree", ascending=False, kind="stable")
    first = ~ranked["group"].duplicated() & (ranked["group"] != OTHERS)
    ranked["hub"] = ranked.index.isin(ranked.index[np.argsort(~first, kind="stable")][:HUBS])
    top = fair_share(ranked, MOST_PRODUCTS, first=ranked["hub"] | (np.arange(len(ranked)) < HUBS))
    edges = results.edges[results.edges["dst"].isin(top.index)]
    shuffled = vertices[vertices["type"] == "user"].sample(frac=1, random_state=SEED)
    sample = fair_share(shuffled, MOST_USERS, first=shuffled.index.isin(edges["src"]))
    return pd.concat([top, sample]), edges[edges["src"].isin(sample.index)]


def fair_share(rows: pd.DataFrame, most: int, *, first: Any) -> pd.DataFrame:
    """At most so many rows, in order: those named first, then from each group by the root of its size (Webster)."""
    order = pd.DataFrame({"last": ~np.asarray(first, dtype=bool), "group": rows["group"]}, index=rows.index)
    size = order.groupby("group")["group"].transform("size")
    size = size.where(order["group"] != OTHERS, size[order["group"] != OTHERS].max())  # they would fill the page
    order["turn"] = (order.sort_values("last", kind="stable").groupby("group").cumcount() + 0.5) / np.sqrt(size)
    return rows.loc[order.sort_values(["last", "turn", "group"], kind="stable").index[:most]]


def lay_out(nodes: pd.DataFrame, edges: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The nodes with x and y, and a disc (x, y, radius) for each group, the largest first; discs do not touch."""
    sizes = nodes["group"].value_counts().sort_index(key=lambda group: group == OTHERS, kind="stable")
    discs = pack(np.sqrt(sizes) + 1.0)
    nodes = nodes.assign(x=0.0, y=0.0)
    for group, (x, y, radius) in zip(discs.index, discs.to_numpy(), strict=True):
        members = nodes.index[nodes["group"] == group]
        nodes.loc[members, ["x", "y"]] = (x, y) + within_disc(members, edges) * (radius - 0.8)
    return nodes, discs


def pack(radii: pd.Series) -> pd.DataFrame:
    """Circles, each at the free place nearest to the middle, in a field somewhat wider than high."""
    placed: list[tuple[float, float, float]] = []
    turns = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    for own in radii:
        spots = [(x + (r + own + 1) * np.cos(t), y + (r + own + 1) * np.sin(t)) for x, y, r in placed for t in turns]
        free = [(x, y) for x, y in spots if all(np.hypot(x - a, y - b) > r + own + 0.99 for a, b, r in placed)]
        x, y = min(free, key=lambda spot: round(np.hypot(spot[0] / 1.25, spot[1]), 6), default=(0.0, 0.0))
        placed.append((x, y, own))
    return pd.DataFrame(placed, index=radii.index, columns=["x", "y", "radius"])


def within_disc(members: pd.Index, edges: pd.DataFrame) -> np.ndarray:
    """Points of the unit disc: force-directed, then spread so that every ring holds its share of them."""
    inner = edges[edges["src"].isin(members) & edges["dst"].isin(members)]
    ends = np.column_stack([members.get_indexer(inner["src"]), members.get_indexer(inner["dst"])])
    igraph.set_random_number_generator(random.Random(SEED))
    forced = np.array(igraph.Graph(len(members), ends.tolist()).layout_fruchterman_reingold().coords)
    forced -= np.median(forced, axis=0)
    place = np.hypot(*forced.T).argsort(kind="stable").argsort(kind="stable")
    radius, angle = np.sqrt((place + 0.5) / len(members)), np.arctan2(forced[:, 1], forced[:, 0])
    return apart(np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), gap=1.45 / np.sqrt(len(members)))


def apart(points: np.ndarray, gap: float) -> np.ndarray:
    """Push points that are closer than gap from one another, and back into the unit disc."""
    for _ in range(60):
        offset = points[:, None] - points[None]
        push = (gap / np.maximum(np.hypot(*offset.T).T, 1e-9) - 1).clip(0)
        points = points + 0.4 * (offset * push[..., None]).sum(axis=1)
        points /= np.maximum(1, np.hypot(*points.T))[:, None]
    return points


# Drawing.
def recommendation_graph(results: Results) -> Figure:
    """Users and the products recommended to them, community by community."""
    nodes, edges = choose(results)
    drawn, known = nodes["type"], results.vertices["type"]
    said = " and ".join(f"{(drawn == kind).sum():,} of {(known == kind).sum():,} {kind}s" for kind in MARKS)
    subtitle = f"{said} shown: the most recommended products of each community and a sample of its users"
    figure = page("Who is recommended what", subtitle, results, (14, 9.2), empty=nodes.empty)
    if nodes.empty:
        return figure
    axes = figure.add_axes((0.01, 0.015, 0.765, 0.885), aspect="equal", frameon=False, xticks=[], yticks=[])
    nodes, discs = lay_out(nodes, edges)
    most = int(nodes["degree"].where(nodes["type"] == "product", 0).max())
    nodes["area"] = np.where(nodes["type"] == "product", product_area(nodes["degree"], most), product_area(0, most))
    draw_discs(axes, discs)
    draw_graph(axes, nodes, edges)
    figure.draw_without_rendering()  # settles where a point is on the page
    draw_names(axes, nodes, results)
    draw_legends(figure, axes, most, discs, results)
    return figure


def product_area(times: Any, most: int) -> Any:
    """Points squared: a least size, and what grows with how often a product is recommended."""
    return 32 + 370 * times / max(most, 1)


def draw_discs(axes: Axes, discs: pd.DataFrame) -> None:
    """A faint ground for each community, with its number on the rim."""
    for group, x, y, radius in discs.itertuples():
        axes.add_patch(Circle((x, y), radius, facecolor=GROUNDS[group], alpha=0.09, zorder=0))
        rim = {"boxstyle": "circle,pad=0.25", "facecolor": "white", "edgecolor": GROUNDS[group], "linewidth": 1.2}
        at = (x - radius * 0.7, y + radius * 0.7)
        axes.text(*at, "…" if group == OTHERS else group, ha="center", va="center", fontsize=9, bbox=rim, zorder=4)
    axes.update_datalim([(-10, -8), (10, 8)])  # so that a handful of nodes does not fill the page
    axes.margins(0.01)


def draw_graph(axes: Axes, nodes: pd.DataFrame, edges: pd.DataFrame) -> None:
    """Users as dots, products as squares, those that are named with a bold rim; lines, for arrows are far slower."""
    graph = networkx.Graph([*zip(edges["src"], edges["dst"], strict=True)])
    graph.add_nodes_from(nodes.index)
    at, group = dict(zip(nodes.index, nodes[["x", "y"]].to_numpy(), strict=True)), nodes["group"]
    apart = [edge for edge in graph.edges if group[edge[0]] != group[edge[1]]]
    within = [edge for edge in graph.edges if group[edge[0]] == group[edge[1]]]
    between: dict[str, Any] = {"edge_color": GREY, "alpha": 0.16, "width": 0.5}
    inside = {"edge_color": [GROUNDS[group[one]] for one, _ in within], "alpha": 0.34, "width": 0.7}
    for lines, look in ((apart, between), (within, inside)):
        if lines:
            networkx.draw_networkx_edges(graph, at, lines, ax=axes, **look).set_zorder(2)
    for kind, (shape, fill, rim) in MARKS.items():
        of = nodes[nodes["type"] == kind]
        look = {"node_color": fill, "node_shape": shape, "edgecolors": rim}
        look |= {"node_size": of["area"], "linewidths": np.where(of["hub"], 1.9, 0.7).tolist()}
        networkx.draw_networkx_nodes(graph, at, [*of.index], ax=axes, **look).set_zorder(3)


def draw_names(axes: Axes, nodes: pd.DataFrame, results: Results) -> None:
    """The names of the hubs, each where it covers least around its square, above all no other name and no number."""
    halo = [withStroke(linewidth=2.6, foreground="white")]
    style: dict[str, Any] = {"fontsize": 8.5, "fontweight": "bold", "ha": "center", "va": "center", "zorder": 5}
    at, far = axes.transData.transform(nodes[["x", "y"]]), 1e5
    half = np.sqrt(nodes[["area"]].to_numpy()) / 2 * STYLE["figure.dpi"] / 72
    margins = [(-far, -far, axes.bbox.x0, far), (axes.bbox.x1, -far, far, far)]
    numbers = [number.get_window_extent().padded(8).extents for number in axes.texts]
    taken = np.vstack([margins, *[numbers] * 5, np.hstack([at - half, at + half])[nodes["type"] == "product"]])
    for number in np.flatnonzero(nodes["hub"]):
        name = readable(results.name(nodes.index[number][2:]), 26)
        text = axes.text(0, 0, name, transform=None, path_effects=halo, **style)
        room = np.array(text.get_window_extent().size) / 2 + 2
        middles = at[number] + (room + half[number]) * AROUND
        boxes = np.hstack([middles - room, middles + room])  # left, bottom, right, top
        both = np.minimum(boxes[:, None, 2:], taken[:, 2:]) - np.maximum(boxes[:, None, :2], taken[:, :2])
        best = both.clip(0).prod(axis=2).sum(axis=1).argmin()
        text.set_position(middles[best])
        taken = np.vstack([taken, *[boxes[best]] * 5])


def draw_legends(figure: Figure, axes: Axes, most: int, discs: pd.DataFrame, results: Results) -> None:
    for times in sorted({0, *(int(float(f"{most * part:.1g}")) for part in (0.1, 0.4, 1))}):
        shape, fill, rim = MARKS["product" if times else "user"]
        words = f"product recommended {counted(times, 'time')}" if times else "user"
        axes.scatter([], [], product_area(times, most), fill, marker=shape, edgecolors=rim, linewidths=0.7, label=words)
    for group in sorted(discs.index, key=lambda group: group % len(GROUNDS)):
        axes.scatter([], [], 120, GROUNDS[group], alpha=0.6, label=describe(group, results))
    figure.legend(loc="upper left", bbox_to_anchor=(0.78, 0.895), labelspacing=1.3)


def describe(group: int, results: Results) -> str:
    """A whole community in words, with the category of most of its products where there is one."""
    members = results.vertices[results.vertices["group"] == group]
    products = members.index[members["type"] == "product"].str[2:]
    categories = results.products["category"].reindex(products).replace("", None).value_counts(normalize=True)
    name = "other communities" if group == OTHERS else f"community {group}"
    if group != OTHERS and categories.max() > 0.5:
        name += f", mostly {readable(categories.idxmax(), 16)}"
    return f"{name}\n{counted(len(members) - len(products), 'user')}, {counted(len(products), 'product')}"


def degree_distribution(results: Results) -> Figure:
    """Left, how long the tail of products is; right, all degrees as they are."""
    degree, kind = results.vertices["degree"], results.vertices["type"]
    users, products = degree[kind == "user"], degree[kind == "product"]
    times = products[products > 0].sort_values(ascending=False)
    known = len(results.products.index.union(products.index.str[2:]))
    subtitle = f"{len(times):,} of {known:,} products are recommended to somebody"
    if (tenth := len(times) // 10) > 1:
        subtitle += f"; the first {tenth:,} of them hold {times[:tenth].sum() / times.sum():.0%} of all recommendations"
    figure = page("How often products are recommended", subtitle, results, (13, 6), empty=times.empty)
    if times.empty:
        return figure
    draw_tail(figure.add_axes((0.075, 0.125, 0.42, 0.64)), times.to_numpy())
    end = int(max(10, products.quantile(0.95), users.max()))  # the last is NaN without users
    draw_histogram(figure.add_axes((0.57, 0.5, 0.4, 0.265)), users, "Users by the length of their list", USER, end)
    draw_histogram(figure.add_axes((0.57, 0.125, 0.4, 0.265)), products, "Products by times recommended", PRODUCT, end)
    return figure


def draw_tail(axes: Axes, times: np.ndarray) -> None:
    """The complementary cumulative distribution: a straight line would be a power law."""
    values, count = np.unique(times, return_counts=True)
    shares = count[::-1].cumsum()[::-1] / len(times)
    axes.plot(values, shares, marker="o", markersize=3.5, linewidth=1.2, color=PRODUCT_RIM)
    axes.set(xscale="log", yscale="log", xlim=(0.8, values[-1] * 1.4), ylim=(shares[-1] * 0.7, 1.4))
    axes.xaxis.set(major_formatter="{x:,.0f}", minor_formatter=NullFormatter())
    axes.yaxis.set(major_formatter=lambda share, _: f"{100 * share:g}%", minor_formatter=NullFormatter())
    axes.set(title="Products recommended at least so often", xlabel="times recommended; both axes are logarithmic")
    axes.grid(color=PALE, linewidth=0.6)


def draw_histogram(axes: Axes, degrees: pd.Series, words: str, colour: str, end: int) -> None:
    """Linear up to `end`, where nineteen in twenty products lie; words say how far the others go."""
    bins = np.arange(0, end + 2 + end // 45, 1 + end // 45) - 0.5
    axes.hist(degrees, bins.tolist(), color=colour, edgecolor="white", linewidth=0.4)
    axes.set(title=f"{words} ({len(degrees):,})", xlim=(bins[0], bins[-1]))
    axes.xaxis.set(major_locator=MaxNLocator(integer=True))
    axes.yaxis.set(major_locator=MaxNLocator(integer=True, nbins=4), major_formatter="{x:,.0f}")
    if beyond := int((degrees > bins[-1]).sum()):
        words = f"{beyond:,} further right, up to {degrees.max():,}"
        axes.text(0.99, 0.85, words, ha="right", color=GREY, fontsize=9, transform=axes.transAxes)


def top_products(results: Results) -> Figure:
    """The most recommended products by name, with counts and the share of users who have them in their list."""
    top = results.recommendations.groupby("product").size().sort_values(ascending=False, kind="stable")[:TOP]
    users = max(int((results.vertices["type"] == "user").sum()), results.recommendations["user"].nunique())
    rows = max(len(top), 6)
    subtitle = f"Users who have the product in their list, and their share of all {users:,} users"
    figure = page("The most recommended products", subtitle, results, (12, 1.6 + 0.34 * rows), empty=top.empty)
    if top.empty:
        return figure
    axes = figure.add_axes((0.03, 0.03, 0.95, 1 - 1.35 / figure.get_figheight()), frameon=False, xticks=[])
    bars = axes.barh(range(len(top)), top, height=0.72, color=PRODUCT)
    axes.bar_label(bars, [f"{count:,} · {count / users:.1%}" for count in top], padding=5, fontsize=9.5)
    axes.set_yticks(range(len(top)), [readable(results.name(product), 42) for product in top.index], color=INK)
    axes.set(xlim=(0, top.max() * 1.16), ylim=(rows - 0.4, -0.6))
    axes.tick_params(length=0)
    left = 0.04 + max(label.get_window_extent().width for label in axes.get_yticklabels()) / figure.bbox.width
    axes.set_position((left, 0.03, 0.98 - left, axes.get_position().height))
    return figure


def page(title: str, subtitle: str, results: Results, size: tuple[float, float], *, empty: bool) -> Figure:
    """A sheet with its head; when it is to stay empty, it says so."""
    figure = Figure(figsize=size)
    under = f"{subtitle} · generation {readable(results.generation, 40)}"
    figure.text(0.35 / size[0], 1 - 0.32 / size[1], title, fontsize=18, fontweight="bold", va="top")
    figure.text(0.35 / size[0], 1 - 0.72 / size[1], under, fontsize=10.5, color=GREY, va="top")
    figure.text(0.5, 0.45, "Nothing to draw: nothing is recommended yet." * empty, ha="center", fontsize=13, color=GREY)
    return figure


def counted(number: int, noun: str) -> str:
    """2,000 users; 1 user."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def readable(text: str, most: int) -> str:
    """One short line without invisible characters; wide ones, as in Chinese, take the room of two."""
    shown = "".join(char for char in text if unicodedata.category(char) not in {"Cf", "Cs"})
    line = " ".join("".join(" " if unicodedata.category(char) == "Cc" else char for char in shown).split()) or "(blank)"
    room = np.cumsum([1 + (unicodedata.east_asian_width(char) in "WF") for char in line])
    return line if room[-1] <= most else line[: int((room < most).sum())] + "…"


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


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draw the pictures of a results folder into it; needs no Spark.")
    default = os.environ.get("MILLSTREAM_RESULTS_DIR") or "results"
    parser.add_argument("--results", type=Path, default=Path(default), metavar="DIR", help=f"default: {default}")
    chosen = parser.parse_args(arguments)
    try:
        for path, seconds in draw(chosen.results).items():
            print(f"{path}  {seconds:.1f} s")
    except (ResultsError, OSError) as fault:
        print(f"Nothing was drawn: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
