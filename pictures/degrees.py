"""How unevenly recommendations are spread: the long tail of products, and all degrees as they are."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from pictures.look import GREY, PALE, PRODUCT, PRODUCT_RIM, USER
from pictures.reading import Results
from pictures.sheet import page


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
