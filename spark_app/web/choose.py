"""Choosing one of many: the words go to the API, which searches, so that a million are as quick as ten."""

from collections.abc import Mapping

import streamlit as st

from spark_app.web import look
from spark_app.web.asking import api

_MOST = 20
_LIVE = "400ms"


def product(label: str, key: str) -> str | None:
    """A product by its id or by words of its name; None until one is chosen."""
    words = st.text_input(
        label, key=f"{key}-words", type="search", live=_LIVE, max_chars=256, placeholder="id, or words of the name"
    )
    if not words:
        return None
    found = {one["product"]: one for one in api().products(words, _MOST)["products"]}
    if not found:
        st.caption("No product has these words.")
        return None
    return st.selectbox(
        "Found" if len(found) < _MOST else f"The first {_MOST} found", list(found), key=f"{key}-found",
        format_func=lambda one: look.called(found[one]),
    )  # fmt: skip


def user(key: str, label: str = "User") -> str:
    """A user's id as it was written, which the address of the page holds too; empty while there is none."""
    written = st.text_input(
        label, key=key, type="search", bind="query-params", max_chars=256, placeholder="id, or how it begins"
    )
    return (written or "").strip()


def product_id(key: str, label: str = "Product") -> str:
    """A product's id as it was written, which the address of the page holds too; empty while there is none."""
    written = st.text_input(label, key=key, type="search", bind="query-params", max_chars=256, placeholder="id")
    return (written or "").strip()


def users_like(words: str, key: str) -> None:
    """Users whose ids have what was written, to be pressed; `key` is of the field that takes the one that is."""
    found = api().users(words, _MOST)["users"]
    these(found, key, "Users with this in their id") if found else st.caption("No user has this in the id.")


def active_users(key: str) -> None:
    """Users with most events, to be pressed."""
    these(api().users("", _MOST, order="events")["users"], key, "The most active users")


def these(users: list[str], key: str, title: str) -> None:
    """Users to be pressed, in a row."""
    st.caption(title)
    with st.container(horizontal=True):
        for one in users:
            st.button(look.plain(one), key=f"{key}-{one}", on_click=_take, args=(key, one))


def _take(key: str, value: str) -> None:
    st.session_state[key] = value


def number(label: str, key: str, options: Mapping[int, str]) -> int | None:
    """One of these numbers, or none yet, here or in a table that writes it into the session under `key`.

    The address of the page names it.
    """
    if key not in st.session_state:
        asked = st.query_params.get(key, "")
        st.session_state[key] = int(asked) if asked.isdecimal() else None
    if st.session_state[key] not in options:
        st.session_state[key] = None
    chosen = st.selectbox(
        label, list(options), key=key, index=None, placeholder="choose one here or in the table",
        format_func=lambda one: options.get(one, str(one)),
    )  # fmt: skip
    if chosen is None:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = str(chosen)
    return chosen


def one_of(label: str, key: str, options: Mapping[str, str], first: str) -> str:
    """One of these, shown in words, which the address of the page names."""
    if key not in st.session_state:
        asked = st.query_params.get(key, "")
        st.session_state[key] = asked if asked in options else first
    kept = st.segmented_control(label, list(options), key=key, required=True, format_func=lambda one: options[one])
    chosen = kept or first
    st.query_params[key] = chosen
    return chosen
