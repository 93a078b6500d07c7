"""What a user turned to last, and what rises of it; a posted event counts at the next look."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from spark_app.web import empty, look, tables
from spark_app.web.asking import api

_SHOWN, _HEIGHT = 10, 300
# What others do changes what rises.
_EVERY = 10.0
Found = Mapping[str, Any]


def of(user: str) -> None:
    """The last brands and products of a user, and what rises among those brands."""
    left, right = st.columns(2, gap="medium")
    with left:
        _brands(user)
    with right:
        _products(user)
    _trending(user)


@empty.told
def _brands(user: str) -> None:
    st.subheader("Brands they turned to last", anchor=False)
    rows = _rows(api().recent(user, "brand"))
    if not rows:
        empty.nothing("No brand yet: none of their events is of a product that is said to have one.")
        return
    columns = ["last", "brand", "name"]
    tables.shown(rows, columns, key="recent-brands", says="Brands, the newest first, by which product", height=_HEIGHT)


@empty.told
def _products(user: str) -> None:
    st.subheader("Products they turned to last", anchor=False)
    rows = _rows(api().recent(user, "product"))
    if not rows:
        empty.nothing("No product yet: what was sent back, removed or disliked does not count.")
        return
    columns = ["last", "product", "name", "brand"]
    tables.shown(rows, columns, key="recent-products", says="Products, the newest first", height=_HEIGHT)


def _rows(found: Found) -> list[dict[str, Any]]:
    return [one | {"last": look.when(one["last_event_at"])} for one in found["recent"]]


@st.fragment(run_every=_EVERY)
@empty.told
def _trending(user: str) -> None:
    st.subheader("Trending for you", anchor=False)
    found = api().trending_for(user, _SHOWN)
    if not found["trending"]:
        risen = look.of_kind(found["rising"], "product")
        empty.nothing(f"Nothing that they lack rises of their last brands; of all brands {risen} rose in 7 days.")
        return
    rows = [one | {"reason": one["because"]} for one in found["trending"]]
    columns = ["rank", "product", "name", "brand", "price", "reason"]
    tables.shown(rows, columns, key="trending-for", says="What rises of their brands, the best first")
    st.caption("What rose in the last 7 days of the brands above, without what they have bought or turned down.")
