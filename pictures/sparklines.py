"""What is rising: a small line for each of the first ones, with its name, its total and its growth."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pictures.look import GREY, GROUNDS, INK, PALE
from pictures.reading import Trending
from pictures.sheet import sheet
from pictures.words import readable

KINDS = {"product": "Products", "brand": "Brands", "category": "Categories"}
MOST, MOST_OF_SEVERAL = 15, 8
WIDE, HEAD, HEADING, ROW = 11.0, 1.2, 0.5, 0.42
TOTAL, GROWTH = 0.87, 0.97
UP, DOWN = GROUNDS[0], GROUNDS[1]


def trending(found: Trending) -> Figure:
    """All kinds of trending.csv one below another; lines begin at 0 and end at their own highest bucket."""
    rows, buckets = found
    kinds = sorted(rows["kind"].unique(), key=lambda kind: ([*KINDS, kind].index(kind), kind))
    most = MOST if len(kinds) == 1 else MOST_OF_SEVERAL
    parts = {kind: rows[rows["kind"] == kind][:most] for kind in kinds}
    high = HEAD + max(sum(HEADING + ROW * len(part) for part in parts.values()), 2) + 0.2
    nothing = "" if parts else "Nothing to draw: nothing is rising in this range."
    figure = sheet("What is rising", said(found), (WIDE, high), nothing=nothing)
    top, grid = HEAD, moments(buckets)
    for kind, part in parts.items():
        middle = 1 - (top + HEADING / 2) / high
        figure.text(0.35 / WIDE, middle, KINDS.get(kind, readable(kind, 20)), fontsize=11, fontweight="bold")
        for place, words in ((TOTAL, "total"), (GROWTH, "growth")):
            figure.text(place, middle, words, ha="right", color=GREY, fontsize=9)
        top += HEADING
        for row in part.itertuples():
            draw_row(figure, row, totals(buckets, kind, row.key, grid), top / high, ROW / high)
            top += ROW
    return figure


def said(found: Trending) -> str:
    """The range, and how to read a line."""
    lines = "each line from 0 to its own highest"
    if found.rows.empty:
        return lines
    step = moments(found.buckets).freq
    each = "" if step is None else " · by the hour" if step < pd.Timedelta(days=1) else " · by the day"
    return f"{moment(found.rows['from'].min())} to {moment(found.rows['to'].max())}{each}, {lines}"


def moment(at: pd.Timestamp) -> str:
    """2 December 2011, with the time where it is not midnight."""
    return f"{at.day} {at:%B %Y}" + (f" {at:%H:%M}" if at != at.normalize() else "")


def moments(buckets: pd.DataFrame) -> pd.DatetimeIndex:
    """Every bucket of the range: those without events are in no row."""
    starts = pd.DatetimeIndex(buckets["bucket_start"].drop_duplicates().sort_values())
    if len(starts) < 2:
        return starts
    hourly = starts.to_series().diff().min() < pd.Timedelta(days=1)
    return pd.date_range(starts[0], starts[-1], freq="h" if hourly else "D")


def totals(buckets: pd.DataFrame, kind: str, key: str, grid: pd.DatetimeIndex) -> pd.Series:
    own = buckets[(buckets["kind"] == kind) & (buckets["key"] == key)]
    return own.groupby("bucket_start")["total"].sum().reindex(grid, fill_value=0.0)


def draw_row(figure: Figure, row: Any, line: pd.Series, top: float, high: float) -> None:
    middle = 1 - top - high / 2
    style: dict[str, Any] = {"va": "center", "fontsize": 10}
    figure.text(0.35 / WIDE + 0.02, middle, row.rank, ha="right", color=GREY, **style)
    figure.text(0.35 / WIDE + 0.035, middle, readable(row.label.strip() or row.key, 38), color=INK, **style)
    draw_line(figure.add_axes((0.42, middle - high * 0.36, 0.36, high * 0.72)), line)
    figure.text(TOTAL, middle, amount(row.total), ha="right", color=INK, **style)
    words, colour = growth(row.growth_percent)
    figure.text(GROWTH, middle, words, ha="right", color=colour, fontweight="bold", **style)


def draw_line(axes: Axes, line: pd.Series) -> None:
    """Its ground is 0; the last bucket has a dot."""
    axes.set_axis_off()
    axes.axhline(0, color=PALE, linewidth=0.8)
    if line.empty:
        return
    axes.fill_between(range(len(line)), line, color=UP, alpha=0.12, linewidth=0)
    axes.plot(range(len(line)), line, color=UP, linewidth=1.4, clip_on=False)
    axes.plot([len(line) - 1], line.iloc[-1:], "o", color=UP, markersize=3.5, clip_on=False)
    axes.set(xlim=(0, max(len(line) - 1, 1)), ylim=(min(0, line.min()), max(line.max(), 1e-9)))


def amount(total: float) -> str:
    return f"{total:,.0f}" if total == round(total) or abs(total) >= 100 else f"{total:,.2f}"


def growth(percent: float) -> tuple[str, str]:
    """In words, with its colour; what was not there before is new."""
    if pd.isna(percent):
        return "new", UP
    return f"{percent:+,.0f} %", GREY if round(percent) == 0 else UP if percent > 0 else DOWN
