"""Ways from one page to another; each page is found by its name, once the pages are made."""

from collections.abc import Mapping

import streamlit as st
from streamlit.navigation.page import Page

_KEPT = "places"


def remember(pages: Mapping[str, Page]) -> None:
    """Keep the pages of this look, by name."""
    st.session_state[_KEPT] = dict(pages)


def link(page: str, label: str, icon: str, **query: str) -> None:
    """A link to a page that opens on what the query says; `label` is Markdown."""
    if page in (kept := st.session_state.get(_KEPT, {})):
        st.page_link(kept[page], label=label, icon=icon, query_params=query)
