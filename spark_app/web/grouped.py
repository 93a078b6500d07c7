"""What pages of groups share: how real the groups are, others as soon as they are kept, and a map of users.

A group keeps its colour and its sign, for its number is never given again.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from spark_app.web import charts, look
from spark_app.web.asking import Trouble
from spark_app.web.look import GREY, OKABE_ITO

_EVERY = 3.0
MARGIN = {"l": 8, "r": 8, "t": 24, "b": 8}
_SIGNS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon")
Found = Mapping[str, Any]


@st.fragment(run_every=_EVERY)
def watched(ids: Sequence[str], now: Callable[[], Sequence[str]]) -> None:
    """Draw all anew once others than these are kept."""
    try:
        found = now()
    except Trouble:
        return
    if [*found] != [*ids]:
        st.rerun()


def says(structure: Found) -> None:
    """How real the groups are, in the words of the judge."""
    icon = ":material/check_circle:" if structure["found"] else ":material/help:"
    words = look.plain(structure["words"])
    (st.success if structure["found"] else st.warning)(words[:1].upper() + words[1:] + ".", icon=icon)


def colour(number: int | None) -> str:
    """Of a group; grey for no group."""
    return GREY if number is None else OKABE_ITO[(number - 1) % len(OKABE_ITO)]


def sign(number: int | None) -> str:
    """Of a group: where colours come round again, the sign is another; thin for no group."""
    if number is None:
        return "x-thin-open"
    return _SIGNS[(number - 1 + (number - 1) // len(OKABE_ITO)) % len(_SIGNS)]


def called(number: int | None, label: str | None) -> str:
    """A group by its number and its name."""
    if number is None:
        return "in none of them"
    return f"{number} {label}" if label else str(number)


def placed(points: Sequence[Found], groups: Sequence[tuple[int | None, str]], *, of: str) -> go.Figure:
    """A map of users by group, (number, what it is called); `of` names the number in a point.

    `customdata[0]` of a point is the user.
    """
    figure = go.Figure()
    for number, name in groups:
        mine = [point for point in points if point[of] == number and point["x"] is not None]
        marker = {"color": colour(number), "symbol": sign(number), "size": 6, "opacity": 0.75}
        figure.add_scatter(
            x=[round(point["x"], 3) for point in mine], y=[round(point["y"], 3) for point in mine], mode="markers",
            name=charts.cut(name, 30), marker=marker,
            customdata=[[point["user"], charts.text(point["user"])] for point in mine],
            hovertemplate="%{customdata[1]}<extra>" + charts.cut(name, 30) + "</extra>",
        )  # fmt: skip
    figure.update_layout(height=460, margin=MARGIN, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    figure.update_xaxes(zeroline=False)
    figure.update_yaxes(zeroline=False)
    return figure


def mark(figure: go.Figure, x: float, y: float, name: str, *, dark: bool) -> None:
    """A star that stands out, for what is not a user."""
    ink, rim = ("#ffffff", "#11181f") if dark else ("#11181f", "#ffffff")
    figure.add_scatter(
        x=[x], y=[y], mode="markers+text", name=name, text=[name], textposition="top center",
        textfont={"color": ink, "size": 14}, hoverinfo="name",
        marker={"symbol": "star", "size": 22, "color": ink, "line": {"width": 2, "color": rim}},
    )  # fmt: skip


def shown(figure: go.Figure, key: str, *, some: int, every: int, says: str) -> str | None:
    """Put a map into the page, and say how many are shown; the user that is pressed, if any."""
    words = f"{look.count(some)} of {look.of_kind(every, 'user')} shown"
    event = st.plotly_chart(
        figure, key=key, config=charts.CONFIG, on_select="rerun", selection_mode="points", alt=f"{says}, {words}",
    )  # fmt: skip
    chosen = [point["customdata"][0] for point in event["selection"]["points"] if point.get("customdata")]
    st.caption(f"{words}, by chance where not all are. Users who are alike lie near each other; press one to open it.")
    return chosen[0] if chosen else None
