"""A user: what they have met, what they are offered and why, what an event changes; and a session without a user."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from spark_app.web import charts, choose, empty, interests, lately, look, places, segments, tables
from spark_app.web.asking import Trouble, api, name_of

_SHOWN, _MET, _EVERY = 10, 100, 2.0
_TYPES = ("view", "cart", "purchase", "like", "dislike", "rate", "remove_from_cart")
Found = Mapping[str, Any]


@empty.told
def show() -> None:
    """The page."""
    st.title("A user", anchor=False)
    known, session = st.tabs(["By id", "A session, clicked together"])
    with known:
        _by_id()
    with session:
        _session()


@empty.told
def _by_id() -> None:
    user = choose.user("user")
    if not user:
        choose.active_users("user")
        return
    history = _history(user)
    _watched(user, history)
    if history is None:
        unknown = f"{look.plain(user)} is not known: no event of this id was ever taken in."
        st.warning(f"{unknown} What is popular is offered until the first event.", icon=":material/person_off:")
        choose.users_like(user, "user")
    segments.of(user)
    interests.of(user)
    names = {one["product"]: one.get("name") for one in (history or {}).get("products", [])}
    _list(user, names)
    left, right = st.columns(2, gap="medium")
    with left:
        _met(history)
    with right:
        _post(user)
        _why_not(user)
    if history is not None:
        lately.of(user)
    _like(user)


@st.fragment(run_every=_EVERY)
def _watched(user: str, shown: Found | None) -> None:
    """Draw all anew once more has happened than is shown; what is being typed stays."""
    try:
        changed = _history(user) != shown
    except Trouble:
        return
    if changed:
        st.rerun()


@empty.told
def _like(user: str) -> None:
    """Ways on: to users who are like this one, and to the graph."""
    try:
        found = api().similar_users(user, 8)["users"]
    except Trouble as trouble:
        if trouble.kind == "unknown":
            return
        raise
    choose.these([one["user"] for one in found], "user", "Users most like this one")
    places.link("graph", "Their place in the graph", ":material/hub:", user=user)


def _history(user: str) -> Found | None:
    try:
        return api().history(user, _MET)
    except Trouble as trouble:
        if trouble.kind != "unknown":
            raise
        return None


def _list(user: str, names: Mapping[str, str | None]) -> None:
    """What the user is offered, each row with why; the parts of the score of the row that is chosen."""
    st.subheader("What they are offered", anchor=False)
    found = api().recommendations(user, _SHOWN)
    _says(found)
    rows = _with_changes(user, found["recommendations"], names)
    columns = ["rank", "change", "product", "name", "brand", "price", "score", "because"]
    if not any(row["change"] for row in rows):
        columns.remove("change")
    chosen = tables.chosen(rows, columns, key="list", says=f"What {user} is offered, the best first")
    if chosen:
        _explained(user, chosen["product"])
    else:
        st.caption("Choose a row, by mouse or with the space bar, to see how its score comes about.")


def _says(found: Found) -> None:
    source = f"Made by {look.plain(found['source'])}; the newest event in it is {look.span(found['age_seconds'])} old"
    folded = f", {look.of_kind(found['folded_in'], 'event')} since the training included" if found["folded_in"] else ""
    seen = found["removed"].get("seen")
    st.caption(f"{source}{folded}." + (f" {look.of_kind(seen, 'product')} they have met left out." if seen else ""))


def _with_changes(user: str, rows: Sequence[Found], names: Mapping[str, str | None]) -> list[dict[str, Any]]:
    """The rows with their why in words, and how each has moved since the last event was posted here."""
    before = st.session_state.get("before", {}).get(user)
    return [
        {**row, "because": _because(row["because"], names), "change": _change(row, before) if before else ""}
        for row in rows
    ]


def _change(row: Found, before: Mapping[str, int]) -> str:
    if (was := before.get(row["product"])) is None:
        return "new"
    moved = was - row["rank"]
    return f"▲ {moved}" if moved > 0 else f"▼ {-moved}" if moved < 0 else "="


def _because(products: Sequence[str], names: Mapping[str, str | None]) -> str:
    """The user's own products that add most, by name."""
    return ", ".join(names.get(one) or name_of(one) or one for one in products)


def _met(history: Found | None) -> None:
    st.subheader("What they have met", anchor=False)
    if history is None or not history["products"]:
        empty.nothing("No event yet. Posting one below is enough for a list of their own.")
        return
    rows = [one | {"last": look.when(one["last_event_at"])} for one in history["products"]]
    columns = ["last", "product", "name", "events", "strength"]
    tables.shown(rows, columns, key="history", says="What the user has met, the newest first", height=300)
    if history["next_cursor"]:
        st.caption(f"The newest {look.count(len(rows))} are shown.")


def _post(user: str) -> None:
    """One event, which counts from the next list on."""
    with st.container(border=True):
        st.markdown("**Post an event, and see what it changes**")
        product = choose.product("Product of the event", "event")
        kind = st.selectbox("What happened", _TYPES, index=2, key="event-type")
        rating = st.number_input("Rating", -1e9, 1e9, 5.0, key="event-rating") if kind == "rate" else None
        event = {"user": user, "product": product, "event_type": kind} | ({} if rating is None else {"rating": rating})
        st.button("Post", type="primary", disabled=not product, on_click=_posted, args=(event,), key="event-post")
        if said := st.session_state.get("said", {}).get(user):
            st.caption(said)


def _posted(event: Mapping[str, Any]) -> None:
    """Keep the list as it was, post, and keep what became of it, for the page that is drawn after this."""
    user = event["user"]
    try:
        before = {row["product"]: row["rank"] for row in api().recommendations(user, _SHOWN)["recommendations"]}
        became = api().add(event)
    except Trouble as trouble:
        said = f"Not posted: {look.plain(trouble.said)}"
    else:
        st.session_state["before"] = {user: before}
        said = f"{event['event_type']} of {event['product']}: {became['status']}"
        said = look.plain(said + (f", {became['reason']}" if became["reason"] else ""))
    st.session_state["said"] = {user: said}


def _why_not(user: str) -> None:
    """Where a product stands for the user, and what keeps it out of the list."""
    st.subheader("Why not this product?", anchor=False)
    if product := choose.product("Product that is missed", "missed"):
        _explained(user, product)


def _explained(user: str, product: str) -> None:
    if (found := empty.known(lambda: api().explain(user, product), "There is nothing to take apart: ")) is None:
        return
    title = look.called(found)
    st.markdown(f"**{look.plain(title)}**")
    st.text(_standing(found))
    if found["parts"]:
        rows = [(_part(part), part["amount"]) for part in found["parts"]]
        charts.shown(charts.parts(rows, found["score"]), f"parts-{product}", f"What adds to the score of {title}")


def _standing(found: Found) -> str:
    where = f"Place {look.count(found['rank'])} of {look.count(found['listable'])}" if found["rank"] else "No place"
    out = f"It is kept out of the list: {found['removed_by']}." if found["removed_by"] else "It may be listed."
    return f"{where}, score {look.decimal(found['score'])}. {out}"


def _part(part: Found) -> str:
    of = part.get("name") or part.get("product")
    return f"{part['what']}: {of}" if of else part["what"]


@empty.told
def _session() -> None:
    """A list for somebody of whom nothing is known but what they click just now; nothing of it is kept."""
    events: list[dict[str, Any]] = st.session_state.setdefault("session", [])
    left, right = st.columns([2, 3], gap="medium")
    with left:
        product = choose.product("Product of the session", "click")
        kind = st.selectbox("What they do", _TYPES[:4], key="click-type")
        added = {"product": product, "event_type": kind}
        with st.container(horizontal=True):
            st.button("Add", type="primary", disabled=not product, on_click=events.append, args=(added,))
            st.button("Begin anew", disabled=not events, on_click=events.clear)
        names = {one["product"]: name_of(one["product"]) for one in events}
        rows = [one | {"name": names[one["product"]]} for one in events]
        if rows:
            tables.shown(rows, ["product", "name", "event_type"], key="clicks", says="The session, in its order")
    with right:
        if not events:
            empty.nothing("Add what somebody looks at: the list follows each click, and nothing of it is kept.")
            return
        found = api().session(events, _SHOWN)
        listed = [one | {"because": _because(one["because"], names)} for one in found["recommendations"]]
        columns = ["rank", "product", "name", "brand", "price", "score", "because"]
        tables.shown(listed, columns, key="session-list", says="What the session is offered, the best first")
        st.caption(f"Made by {look.plain(found['source'])}.")
