"""What stands where nothing is to be shown yet: why, and the command that fills it."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import streamlit as st

from spark_app.web.asking import Found, Trouble
from spark_app.web.look import plain, with_commands

_WAYS: dict[str, tuple[str, str, str]] = {
    "away": ("No API answers", "It is started by", "make serve"),
    "slow": ("The API does not answer in time", "What it is busy with is said by", "python -m spark_app status"),
    "key": (
        "The API wants a key",
        "Give the page one that may read, and also write for events to be posted",
        "MILLSTREAM_WEB__API_KEY=... make web",
    ),
    "not ready": (
        "Nothing is published yet",
        "Simulated sales are taken in and trained on by the first line, your own by the second",
        "make run\nmake run INPUT=path/to/files",
    ),
}

Asked = ParamSpec("Asked")


def told(part: Callable[Asked, None]) -> Callable[Asked, None]:
    """A part of a page that says what it could not have, in its place, and leaves the rest alone."""

    @wraps(part)
    def shown(*args: Asked.args, **named: Asked.kwargs) -> None:
        try:
            part(*args, **named)
        except Trouble as found:
            trouble(found)

    return shown


def known(ask: Callable[[], Found], before: str = "") -> Found | None:
    """What was asked for; of what is unknown it is said that it is, behind these words, and there is nothing."""
    try:
        return ask()
    except Trouble as found:
        if found.kind != "unknown":
            raise
        nothing(f"{before}{found.said}.")
        return None


def trouble(found: Trouble) -> None:
    """Say what could not be had, and what to do about it."""
    if (way := _WAYS.get(found.kind)) is None:
        st.warning(plain(found.said), icon=":material/info:")
        return
    title, what, command = way
    where = f" at {plain(found.url)}" if found.kind in ("away", "slow") else ""
    with st.container(border=True):
        st.subheader(f"{title}{where}", anchor=False)
        st.caption(with_commands(found.said))
        st.markdown(f"{what}:")
        st.code(command, language="bash")


def nothing(said: str, command: str = "") -> None:
    """One sentence, and the command that changes it, where there is one."""
    st.info(plain(said), icon=":material/info:")
    if command:
        st.code(command, language="bash")
