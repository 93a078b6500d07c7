"""Interests: what users post about, how real the groups are, and which of them a text or a picture speaks as.

The API gives what `python -m spark_app interests` has kept, and assigns what is typed or uploaded; a group is a choice,
which the address of the page holds too.
"""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from spark_app.web import charts, choose, empty, grouped, look, offers, places, segment_charts, tables
from spark_app.web.asking import Trouble, api

_POINTS, _WORDS = 800, 12
_COMMAND = "python -m spark_app interests"
_VIEWS = {"groups": "The groups", "number": "Why so many, and how sure"}
_TYPES = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"]
_ASKED = "interest-asked"
Found = Mapping[str, Any]


@empty.told
def show() -> None:
    """The page."""
    st.title("Interests", anchor=False)
    kept = api().interests()
    grouped.watched(_ids(kept), lambda: _ids(api().interests(brief=True)))
    if (found := kept["interests"]) is None:
        if kept["generation"] is None:
            raise Trouble("not ready", kept["hint"])
        empty.nothing("No interests are kept yet. This makes them, of what users have posted:", _COMMAND)
        return
    _says(found)
    told = _box(found)
    if not found["groups"]:
        return
    view = choose.one_of("Show", "view", _VIEWS, "groups")
    if view == "number":
        _how_many(found)
        return
    _table(found)
    # Where a text lies, users lie around it.
    if not told or not told["groups"]:
        _map(found)


def _ids(kept: Found) -> list[str]:
    return [kept["interests"]["id"]] if kept["interests"] else []


def _says(found: Found) -> None:
    """How real they are, and what was read."""
    grouped.says(found["structure"])
    pictures, none = found["pictures"], found["none"]
    seen = f", {look.of_kind(pictures['read'], 'picture')} read" if pictures["read"] else ""
    failed = f", {look.of_kind(pictures['failed'], 'picture')} not to be read" if pictures["failed"] else ""
    left = f" {look.of_kind(none['size'], 'user')} in no group." if none["size"] else ""
    st.caption(
        f"{look.of_kind(found['users'], 'user')} with {look.of_kind(found['posts'], 'post')}{seen}{failed}; "
        f"{look.of_kind(len(found['groups']), 'group')}; made {look.when(found['made_at'])}.{left}"
    )


def _box(found: Found) -> Found | None:
    """A text is typed or a picture uploaded, and what came of it stays until the next."""
    st.subheader("Which group does a text speak as?", anchor=False)
    with st.form("interest-form", border=True):
        left, right = st.columns([3, 2], gap="medium")
        with left:
            said = "as it is posted"
            text = st.text_area("Text", key="interest-text", max_chars=20_000, height=132, placeholder=said)
        with right:
            file = st.file_uploader("Picture with words in it", type=_TYPES, key="interest-picture")
        if st.form_submit_button("Assign", type="primary"):
            st.session_state[_ASKED] = (text, None if file is None else (file.name, file.getvalue()))
    text, picture = st.session_state.get(_ASKED, ("", None))
    if not text.strip() and not picture:
        if _ASKED in st.session_state:
            st.caption("Type a text, or choose a picture.")
        return None
    try:
        told = _answer(found["id"], text, picture)
    except Trouble as trouble:
        empty.trouble(trouble)
        return None
    _assigned(found, told)
    return told


@empty.told
def _assigned(found: Found, told: Found) -> None:
    words = look.plain(told["words"][:1].upper() + told["words"][1:])
    if told["group"] is None:
        st.info(f"{words}.", icon=":material/help:")
    else:
        st.success(f"**{words}**", icon=":material/interests:")
    if told["read"]:
        st.caption(f"Read in the picture: {look.plain(told['read'])}")
    for note in told["notes"]:
        st.caption(look.plain(note))
    if not told["groups"]:
        return
    _why(told)
    if told["group"] is not None:
        _one(told)
    _map(found, told)


# The same question is answered once, and anew once other groups are kept.
@st.cache_data(ttl=600, max_entries=50, show_spinner="Reading")
def _answer(id: str, text: str, picture: tuple[str, bytes] | None) -> dict[str, Any]:  # noqa: ARG001 - it is a key
    return api().assign(text, picture)


def _why(told: Found) -> None:
    """How sure each of the nearest groups is, and the words that say so."""
    left, right = st.columns(2, gap="medium")
    with left:
        st.caption("How sure each of the nearest groups is")
        names = [grouped.called(one["group"], one["label"]) for one in told["groups"]]
        sure = charts.bars(names, [one["confidence"] for one in told["groups"]], "how sure", ".0%")
        sure.update_xaxes(range=[0, 1], tickformat=".0%")
        charts.shown(sure, "interest-sure", "How sure each of the nearest groups is")
    with right:
        st.caption("Words that say so")
        words, pulls = [one["word"] for one in told["told"]], [one["pull"] for one in told["told"]]
        telling = charts.bars(words, pulls, "likeness lost without it", ".3f")
        charts.shown(telling, "interest-words", "Words that say so")


def _one(one: Found) -> None:
    """All that is known of a group."""
    with st.container(border=True):
        name = look.plain(grouped.called(one["group"], one["label"]))
        size = f" ({look.of_kind(one['size'], 'user')}, {look.quantity(one['share'], 'share')})" if one["size"] else ""
        st.markdown(f"**Group {name}**{size}")
        words = ", ".join(word for word, _ in one["keywords"][:_WORDS])
        st.text(f"Keywords: {words}")
        if one["strategy"]:
            for what in ("needs", "channels", "tone"):
                st.text(f"{what.capitalize()}: {one['strategy'][what]}")
            by = "Gemini" if one["strategy"].get("source") == "gemini" else "the template"
            st.caption(f"What to do, by {by}.")
        offers.shown(one["products"])


def _table(found: Found) -> None:
    """All groups in words; the one that is chosen in full."""
    st.subheader("What each is about", anchor=False)
    groups = {int(number): one for number, one in found["groups"].items()}
    rows = [
        {"group": number, "about": one["label"], "users": one["size"], "of all": 100 * one["share"],
         "keywords": ", ".join(word for word, _ in one["keywords"][3:_WORDS])}
        for number, one in groups.items()
    ]  # fmt: skip
    columns = ["group", "about", "users", "of all", "keywords"]
    tables.chosen(rows, columns, key="interest-rows", says="Groups, and what each is about", then=_take)
    chosen = choose.number("Group", "group", {number: _called(one) for number, one in groups.items()})
    if chosen is not None:
        _one(groups[chosen])


def _take(row: Found) -> None:
    st.session_state["group"] = row["group"]


def _called(one: Found) -> str:
    return grouped.called(one["group"], one["label"])


def _map(found: Found, told: Found | None = None) -> None:
    """Where users lie, and where a text does."""
    st.subheader("Where users lie" if told is None else "Where it lies", anchor=False)
    placed = api().interest_points(_POINTS)
    groups: list[tuple[int | None, str]] = [(int(number), _called(one)) for number, one in found["groups"].items()]
    groups += [(None, grouped.called(None, None))] * any(point["group"] is None for point in placed["points"])
    figure = grouped.placed(placed["points"], groups, of="group")
    figure.update_xaxes(title=None, showticklabels=False)
    figure.update_yaxes(title=None, showticklabels=False)
    if told is not None:
        grouped.mark(figure, told["x"], told["y"], "this text", dark=st.context.theme.type == "dark")
    says = "Users by what they post" + (", and where the text lies" if told else "")
    if user := grouped.shown(figure, "interest-map", some=placed["shown"], every=placed["all"], says=says):
        places.link("user", f"All about {look.plain(user)}", ":material/person:", user=user)


def _how_many(found: Found) -> None:
    """Why so many: what was tried."""
    st.subheader("How many there are, and why", anchor=False)
    words = look.plain(found["chosen_by"] or "")
    st.caption(f"{look.of_kind(found['k'], 'group')}: {words}. The star is what was chosen.")
    if len(found["tried"]) > 1:
        figure = segment_charts.tried(found["tried"], found["k"], "groups")
        charts.shown(figure, "interest-tried", "Inertia and silhouette by number")
    silhouette, stability = (look.decimal(found[name], 2) for name in ("silhouette", "stability"))
    st.caption(
        f"Silhouette {silhouette}, of {look.of_kind(found['silhouette_users'] or 0, 'user')}: 1 lies well apart, 0 "
        f"does not. Stability {stability}: how alike the groups are when they are made of other samples."
    )


@empty.told
def of(user: str) -> None:
    """The group that a user's posts are in, with the way to it; nothing of one who posted nothing."""
    try:
        found = api().interests_of(user)["interests"]
    except Trouble as trouble:
        if trouble.kind == "unknown":
            return
        raise
    if found is None:
        return
    posts = look.of_kind(found["posts"], "post")
    if found["group"] is None:
        st.caption(f"In no group of interest: {posts} say too little, or are near none.")
        return
    name = look.plain(grouped.called(found["group"], found["label"]))
    label = f"Interest {name}, {100 * found['confidence']:.0f} % sure by {posts}"
    places.link("interests", label, ":material/interests:", group=str(found["group"]))
