"""Rows as tables that can be sorted, walked through by key and copied; whatever stands in a cell is text."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.column_config import CheckboxColumn, LineChartColumn, NumberColumn, ProgressColumn, TextColumn

Row = Mapping[str, Any]
# How a column is shown, by its name.
_COLUMNS: dict[str, Any] = {
    "rank": NumberColumn("rank", format="%d", width=60),
    "score": NumberColumn("score", format="%.4f", width=80, help="Comparable within one list alone"),
    "price": NumberColumn("price", format="%,.2f", width=80, help="In the shop's own currency"),
    "users": NumberColumn("users", format="%,d", width=80),
    "events": NumberColumn("events", format="%,d", width=70),
    "products": NumberColumn("products", format="%,d", width=80),
    "strength": NumberColumn("strength", format="%.2f", width=80, help="1 is a purchase; empty: sent back or disliked"),
    "name": TextColumn("name", width="medium"),
    "because": TextColumn("because", width="large"),
    "reason": TextColumn("why", width="large"),
    "hubs": TextColumn("hubs", width="large", help="The products that are recommended most often"),
    "community": NumberColumn("community", format="%d", width=90),
    "label": TextColumn("name", width="medium"),
    "rise": NumberColumn("score", format="%.1f", width=80, help="Users beyond the shop's growth, at the least"),
    "total": NumberColumn("events", format="%,d", width=80, help="Returns and dislikes are none"),
    "growth": TextColumn("growth", width=80, alignment="right", help="Of users beside before; new: there were none"),
    "buckets": LineChartColumn("events in time", width="medium", y_min=0, help="From the start of the range on"),
    "of all": ProgressColumn("of all users", format="%.1f %%", min_value=0, max_value=100, width=110),
    "segment": NumberColumn("segment", format="%d", width=70),
    "group": NumberColumn("group", format="%d", width=60),
    "about": TextColumn("about", width=260),
    "keywords": TextColumn("more keywords", width=390),
    "segment name": TextColumn("name", width=390),
    "sets apart": TextColumn("sets apart", width=140),
    "in_stock": CheckboxColumn("in stock", width=70),
}
# What is there also where all of it is empty.
_NEEDED = {"product", "user", "rank", "score", "state"}
_COUNTS = ("read", "accepted", "duplicates", "rejected", "edges", "degree")
_COLUMNS |= {name: NumberColumn(name, format="%,d", width=90) for name in _COUNTS}


def shown(rows: Sequence[Row], columns: Sequence[str], *, key: str, says: str, height: int | None = None) -> None:
    """A table of these columns, in this order."""
    st.dataframe(
        frame(rows, columns), hide_index=True, column_config=_config(columns), key=key, alt=says,
        height=height or "auto",
    )  # fmt: skip


def chosen(
    rows: Sequence[Row],
    columns: Sequence[str],
    *,
    key: str,
    says: str,
    then: Callable[[Row], None] | None = None,
) -> Row | None:
    """A table of which one row may be chosen, by mouse or by the space bar; that row. `then` hears of each choice."""

    def heard() -> None:
        if then and (row := _row(rows, st.session_state[key])):
            then(row)

    event = st.dataframe(
        frame(rows, columns), hide_index=True, column_config=_config(columns), key=key, alt=says,
        on_select=heard, selection_mode="single-row", height="content",
    )  # fmt: skip
    return _row(rows, event)


def _row(rows: Sequence[Row], event: Any) -> Row | None:
    places = event["selection"]["rows"]
    return rows[places[0]] if places and places[0] < len(rows) else None


def frame(rows: Sequence[Row], columns: Sequence[str]) -> pd.DataFrame:
    """The columns; one of which nothing is known, such as the brand where a shop has none, is left out."""
    known = [name for name in columns if name in _NEEDED or any(row.get(name) not in (None, "") for row in rows)]
    frame = pd.DataFrame([[row.get(name) for name in known] for row in rows], columns=known)
    # Text that is not there is empty: a table would say None.
    texts = [name for name in known if frame[name].dtype == object and isinstance(_first(frame[name]), str)]
    return frame.assign(**{name: frame[name].fillna("") for name in texts})


def _first(column: pd.Series) -> Any:
    found = column.dropna()
    return found.iloc[0] if len(found) else None


def _config(columns: Sequence[str]) -> dict[str, Any]:
    return {name: _COLUMNS.get(name, TextColumn(name.replace("_", " "))) for name in columns}
