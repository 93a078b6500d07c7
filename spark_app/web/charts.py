"""Pictures of numbers, in colours and shapes that all can tell apart; their theme follows the page's."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from spark_app.web import look
from spark_app.web.look import GREY, OKABE_ITO

_BLUE, _RED, _GREEN = OKABE_ITO[0], OKABE_ITO[1], OKABE_ITO[2]
CONFIG: dict[str, Any] = {"displaylogo": False, "displayModeBar": False, "responsive": True}
_MARGIN = {"l": 8, "r": 8, "t": 8, "b": 8}
# Names may hold what Plotly reads as HTML.
_UNSAFE = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# Where a generation stands: symbol and colour.
_STATES = {
    "published": ("star", _GREEN),
    "held": ("star", _GREEN),
    "promoted": ("star", _GREEN),
    "was published": ("circle", _BLUE),
    "refused": ("x", _RED),
    "rebuilt": ("diamond-open", GREY),
}


def shown(figure: go.Figure, key: str, says: str) -> None:
    """Put a figure into the page; `says` is for those who do not see it."""
    st.plotly_chart(figure, key=key, config=CONFIG, alt=says)


def text(name: object) -> str:
    """A name as Plotly shows it, whatever stands in it."""
    return str(name).translate(_UNSAFE)


def cut(name: str, most: int = 38) -> str:
    """A name that fits beside a bar."""
    return text(name if len(name) <= most else f"{name[: most - 1]}…")


def beside_baselines(metrics: Mapping[str, Any], baselines: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """NDCG@10 of what is published, with its interval, beside the baselines."""
    measured = {"this generation": metrics.get("ndcg_at_10")}
    measured |= {look.BASELINES.get(name, name): one.get("ndcg_at_10") for name, one in baselines.items()}
    rows = [(name, value) for name, value in measured.items() if value is not None]
    names, values = [cut(name) for name, _ in rows], [value for _, value in rows]
    interval = metrics.get("ndcg_at_10_ci") if values else None
    above, below = ([interval[1] - values[0]], [values[0] - interval[0]]) if interval else ([], [])
    bar = go.Bar(
        x=values, y=names, orientation="h", text=[f"{value:.4f}" for value in values], textposition="inside",
        insidetextanchor="start", marker={"color": [_BLUE] + [GREY] * (len(rows) - 1)},
        error_x={"type": "data", "array": above, "arrayminus": below, "thickness": 2, "color": _RED},
        hovertemplate="%{y}: %{x:.4f}<extra></extra>",
    )  # fmt: skip
    figure = go.Figure(bar)
    figure.update_layout(height=60 + 44 * max(len(rows), 1), margin=_MARGIN, showlegend=False)
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title="NDCG@10 (1 is perfect)", rangemode="tozero")
    return figure


def over_generations(generations: Sequence[Mapping[str, Any]]) -> go.Figure:
    """NDCG@10 of each generation and of popularity, in the order in which they were made."""
    rows = list(reversed(generations))
    names = [f"{look.moment(one['created_at']):%m-%d %H:%M:%S}<br>{text(look.short(one['id']))}" for one in rows]
    figure = go.Figure()
    popular = [one["baselines"].get("popular", {}).get("ndcg_at_10") for one in rows]
    dashed = {"dash": "dash", "color": GREY}
    figure.add_scatter(x=names, y=popular, name="popularity", line=dashed, marker={"symbol": "square"})
    line = {"color": _BLUE, "width": 1}
    ours = [one["metrics"].get("ndcg_at_10") for one in rows]
    figure.add_scatter(x=names, y=ours, mode="lines", line=line, showlegend=False, hoverinfo="skip")
    for state in dict.fromkeys(one["state"] for one in rows):
        symbol, colour = _STATES.get(state, ("circle-open", GREY))
        these = [(name, value) for name, value, one in zip(names, ours, rows, strict=True) if one["state"] == state]
        figure.add_scatter(
            x=[name for name, _ in these], y=[value for _, value in these], mode="markers", name=state,
            marker={"symbol": symbol, "size": 13, "color": colour},
            hovertemplate="%{x}: %{y:.4f}<extra>" + text(state) + "</extra>",
        )  # fmt: skip
    figure.update_layout(height=300, margin=_MARGIN, legend={"orientation": "h", "y": 1.15})
    figure.update_yaxes(title="NDCG@10", rangemode="tozero")
    figure.update_xaxes(type="category", categoryarray=names)
    return figure


def bars(names: Sequence[str], values: Sequence[float], what: str, form: str = ",.0f") -> go.Figure:
    """One bar for each name, the first on top."""
    labels = [f"{cut(name)}" for name in names]
    places = list(range(len(labels)))
    bar = go.Bar(
        x=list(values), y=places, orientation="h", marker={"color": _BLUE}, textposition="auto",
        text=[format(value, form) for value in values], customdata=labels,
        hovertemplate="%{customdata}: %{x:" + form + "}<extra></extra>",
    )  # fmt: skip
    figure = go.Figure(bar)
    figure.update_layout(height=60 + 26 * len(labels), margin=_MARGIN, showlegend=False)
    figure.update_yaxes(autorange="reversed", tickvals=places, ticktext=labels)
    figure.update_xaxes(title=what)
    return figure


def parts(rows: Sequence[tuple[str, float]], score: float | None) -> go.Figure:
    """What adds to a score and what takes from it, the largest first; colour and sign say which."""
    names, values = [cut(name, 46) for name, _ in rows], [value for _, value in rows]
    places = list(range(len(rows)))
    bar = go.Bar(
        x=values, y=places, orientation="h", marker={"color": [_BLUE if value >= 0 else _RED for value in values]},
        text=[f"{value:+.4f}" for value in values], textposition="auto", customdata=names,
        hovertemplate="%{customdata}: %{x:+.4f}<extra></extra>",
    )  # fmt: skip
    figure = go.Figure(bar)
    figure.update_layout(height=70 + 28 * len(rows), margin=_MARGIN, showlegend=False)
    figure.update_yaxes(autorange="reversed", tickvals=places, ticktext=names)
    # Room for what is written beside the bars.
    least, most = min([0.0, *values]), max([0.0, *values])
    room = 0.12 * (most - least)
    figure.update_xaxes(
        title=f"what it adds; together {look.decimal(score)}", range=[least - room, most + room] if room else None
    )
    return figure
