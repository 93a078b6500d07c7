"""The most recommended products, by name."""

from matplotlib.figure import Figure

from pictures.look import INK, PRODUCT
from pictures.reading import Results
from pictures.sheet import page
from pictures.words import readable

TOP = 20


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
