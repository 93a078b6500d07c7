"""Pictures of segments: a map of users, what sets them apart, how many there should be, how they merge.

What the API says comes in, figures go out.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from spark_app.web import charts, grouped, look
from spark_app.web.look import GREY, OKABE_ITO

Found = Mapping[str, Any]
# Four times the mean of all, and a quarter of it, have the full colour.
_MOST = 2.0
_LESS, _MORE = OKABE_ITO[1], OKABE_ITO[0]
_MIDDLE = {"light": "#eef1f4", "dark": "#26303a"}


def called(one: Found) -> str:
    """A segment by its number and its name."""
    return grouped.called(one["segment"], one.get("label"))


def placed(points: Sequence[Found], segments: Sequence[Found], variance: Sequence[float]) -> go.Figure:
    """A map of users on the first two components; `customdata[0]` of a point is the user."""
    figure = grouped.placed(points, [(one["segment"], called(one)) for one in segments], of="segment")
    told = [f" ({100 * share:.0f} % of the variance)" for share in variance[:2]] + ["", ""]
    figure.update_xaxes(title=f"first component{told[0]}")
    figure.update_yaxes(title=f"second component{told[1]}")
    return figure


def means(profiles: Sequence[Found], segments: Sequence[Found], units: Mapping[str, str], *, dark: bool) -> go.Figure:
    """Each segment's mean of each feature; the colour and an arrow say whether it is above that of all or below."""
    features = list(dict.fromkeys(row["feature"] for row in profiles))
    cells = {(row["feature"], row["segment"]): row for row in profiles}
    numbers = [one["segment"] for one in segments]
    rows = [[cells.get((feature, number)) for number in numbers] for feature in features]
    heights = [beyond(row) for row in rows]
    told = [
        [_cell(row, height, units) for row, height in zip(line, high, strict=True)]
        for line, high in zip(rows, heights, strict=True)
    ]
    overall = [
        [look.quantity(row["overall_mean"], units.get(row["feature"], "")) if row else "" for row in line]
        for line in rows
    ]
    named = [charts.text(look.feature(name, units.get(name, ""))) for name in features]
    scale = [[0, _LESS], [0.5, _MIDDLE["dark" if dark else "light"]], [1, _MORE]]
    grid = go.Heatmap(
        z=heights, x=[charts.cut(called(one), 24) for one in segments], y=named,
        text=told, texttemplate="%{text}", customdata=overall, zmin=-_MOST, zmax=_MOST, colorscale=scale, xgap=2,
        ygap=2, hovertemplate="%{y}, segment %{x}: %{text}, of all users %{customdata}<extra></extra>",
        colorbar={"title": "against<br>all users", "tickvals": [-_MOST, 0, _MOST], "ticktext": ["less", "", "more"]},
    )  # fmt: skip
    figure = go.Figure(grid)
    figure.update_layout(height=100 + 34 * len(features), margin=grouped.MARGIN)
    figure.update_yaxes(autorange="reversed")
    return figure


def beyond(row: Sequence[Found | None]) -> list[float | None]:
    """How far each mean of a feature is from that of all, up to two either way.

    As powers of two of the ratio; where a ratio says nothing, by the difference, the largest of the feature being two.
    """
    known = [one for one in row if one]
    if all(one["lift"] and one["lift"] > 0 for one in known):
        return [max(-_MOST, min(math.log2(one["lift"]), _MOST)) if one else None for one in row]
    widest = max(abs(one["mean"] - one["overall_mean"]) for one in known) or 1.0
    return [_MOST * (one["mean"] - one["overall_mean"]) / widest if one else None for one in row]


def _cell(row: Found | None, height: float | None, units: Mapping[str, str]) -> str:
    if row is None or height is None:
        return ""
    arrow = " ▲" if height > 0.1 else " ▼" if height < -0.1 else ""
    return look.quantity(row["mean"], units.get(row["feature"], "")) + arrow


def tried(rows: Sequence[Found], k: int, what: str = "segments") -> go.Figure:
    """What was tried for each number of groups: the elbow above, silhouette and stability below; a star is chosen."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    ks = [row["k"] for row in rows]
    lines = [("inertia", "inertia", 1, 0, "circle", "solid"), ("silhouette", "silhouette", 2, 0, "circle", "solid")]
    lines.append(("stability", "stability", 2, 2, "square", "dash"))
    for name, title, at, shade, symbol, dash in lines:
        values = [row.get(name) for row in rows]
        if any(value is not None for value in values):
            symbols = ["star" if one == k else symbol for one in ks]
            figure.add_scatter(
                x=ks, y=values, name=title, row=at, col=1, mode="lines+markers", showlegend=at == 2,
                line={"color": OKABE_ITO[shade], "dash": dash},
                marker={"symbol": symbols, "size": [14 if one == k else 8 for one in ks]},
                hovertemplate=f"%{{x}} {what}: %{{y:,.3f}}<extra>{title}</extra>",
            )  # fmt: skip
    figure.update_layout(height=380, margin=grouped.MARGIN, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    figure.update_yaxes(title="inertia", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title="0 to 1", rangemode="tozero", row=2, col=1)
    figure.update_xaxes(title=what, dtick=max(1, len(rows) // 12), row=2, col=1)
    return figure


def dendrogram(found: Found, k: int) -> go.Figure:
    """How groups merge, from the bottom up; the dashed line cuts the tree into `k`."""
    merges, leaves = found["merges"], found["leaves"]
    x, y = tree(merges, len(leaves))
    figure = go.Figure(go.Scatter(x=x, y=y, mode="lines", line={"color": OKABE_ITO[0], "width": 2}, hoverinfo="skip"))
    heights = sorted((merge[2] for merge in merges), reverse=True)
    if 1 < k <= len(leaves):
        cut = (heights[k - 2] + (heights[k - 1] if k - 1 < len(heights) else 0)) / 2
        words = f"cut into {k}"
        figure.add_hline(y=cut, line={"dash": "dash", "color": GREY}, annotation={"text": words, "xanchor": "right"})
    order = leaf_order(merges, len(leaves))
    figure.update_layout(height=380, margin=grouped.MARGIN, showlegend=False)
    told = [look.count(leaves[one]) for one in order]
    figure.update_xaxes(
        title="users of each branch", tickvals=list(range(len(order))), ticktext=told, tickangle=-90, showgrid=False,
        zeroline=False, range=[-0.6, len(order) - 0.4],
    )  # fmt: skip
    figure.update_yaxes(title=f"distance ({found['linkage']} linkage)", rangemode="tozero")
    return figure


def leaf_order(merges: Sequence[Sequence[float]], leaves: int) -> list[int]:
    """The leaves from left to right, so that no lines cross."""
    under: dict[int, list[int]] = {leaf: [leaf] for leaf in range(leaves)}
    for place, (one, other, *_) in enumerate(merges):
        under[leaves + place] = under[int(one)] + under[int(other)]
    return under[leaves + len(merges) - 1] if merges else list(range(leaves))


def tree(merges: Sequence[Sequence[float]], leaves: int) -> tuple[list[float | None], list[float | None]]:
    """x and y of the lines: up from one, over, and down to the other, with a gap behind each merge."""
    at = {leaf: (float(place), 0.0) for place, leaf in enumerate(leaf_order(merges, leaves))}
    x: list[float | None] = []
    y: list[float | None] = []
    for place, (one, other, height, *_) in enumerate(merges):
        (left, low), (right, lower) = at[int(one)], at[int(other)]
        x += [left, left, right, right, None]
        y += [low, height, height, lower, None]
        at[leaves + place] = ((left + right) / 2, height)
    return x, y


def correlations(found: Found) -> go.Figure:
    """How much each feature says of each other one."""
    names = [charts.text(name.replace("_", " ")) for name in found["columns"]]
    low = 0 if found["measure"] == "cramers_v" else -1
    scale = [[0, "#f7f9fb"], [1, _MORE]] if low == 0 else [[0, _LESS], [0.5, "#f7f9fb"], [1, _MORE]]
    grid = go.Heatmap(
        z=found["matrix"], x=names, y=names, zmin=low, zmax=1, colorscale=scale, xgap=2, ygap=2,
        texttemplate="%{z:.2f}", hovertemplate="%{y} and %{x}: %{z:.2f}<extra></extra>",
        colorbar={"title": "Cramér's V" if low == 0 else "r"},
    )  # fmt: skip
    figure = go.Figure(grid)
    figure.update_layout(height=140 + 34 * len(names), margin=grouped.MARGIN)
    figure.update_yaxes(autorange="reversed")
    return figure
