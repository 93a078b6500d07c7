"""Products as cards: name, where it comes from, a link that may be followed, and a picture of the catalogue's own.

Nothing is asked of another host: a picture comes through the API, and one that lies elsewhere is not shown.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from spark_app.interests import catalogue
from spark_app.web import look, places
from spark_app.web.asking import Trouble, api

_BESIDE = 4
_FROM = {catalogue.CATALOGUE: "from the catalogue", catalogue.BOUGHT: "bought by users of the group"}


def shown(products: Sequence[Mapping[str, Any]]) -> None:
    """All of them, some beside one another."""
    if not products:
        st.caption("No products are known that this group takes to.")
        return
    st.markdown("**What it takes to**")
    for start in range(0, len(products), _BESIDE):
        for column, one in zip(st.columns(_BESIDE), products[start : start + _BESIDE], strict=False):
            with column, st.container(border=True):
                _card(one)


def _card(one: Mapping[str, Any]) -> None:
    if picture := _picture(one["image"]):
        st.image(picture, width="stretch")
    st.markdown(f"**{look.plain(one['name'] or one['product'])}**")
    st.caption(f"{look.plain(one['product'])}, {_FROM[one['source']]}")
    if catalogue.is_address(one["link"]):
        st.link_button("Open", one["link"], icon=":material/open_in_new:")
    elif one["link"]:
        st.text(one["link"])
    if one["source"] == catalogue.BOUGHT:
        places.link("products", "All about it", ":material/inventory_2:", product=one["product"])


def _picture(path: str | None) -> bytes | None:
    """What the API has under a path; None for an address, and for what is no picture."""
    if not path or ":" in path:
        return None
    try:
        return _fetched(path)
    except Trouble:
        return None


@st.cache_data(ttl=300, max_entries=200, show_spinner=False)
def _fetched(path: str) -> bytes:
    return api().picture(path)
