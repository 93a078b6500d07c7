"""Segments: groups of users who are alike, how large and how real they are, and what to make of each.

The API gives what `python -m spark_app segments` has kept; another set of features, method or segment is a choice,
which the address of the page holds too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from spark_app.segmentation import DECIDES, FEATURES
from spark_app.web import charts, choose, empty, grouped, look, places, segment_charts, tables
from spark_app.web.asking import Trouble, api

_POINTS = 800
_COMMAND = "python -m spark_app segments --features {}"
_FEATURES = {"behaviour": "Behaviour", "browsing": "Browsing", "factors": "The model's factors"}
_METHODS = {"kmeans": "k-means", "agglomerative": "Agglomerative"}
_VIEWS = {"groups": "The segments", "means": "Means against all users", "number": "Why so many, and how sure"}
Found = Mapping[str, Any]


@empty.told
def show() -> None:
    """The page."""
    st.title("Segments", anchor=False)
    kept = api().segments()
    grouped.watched(_ids(kept), lambda: _ids(api().segments(brief=True)))
    if not kept["features"] and kept["generation"] is None:
        raise Trouble("not ready", kept["hint"])
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        features = choose.one_of("Users are compared by", "features", _FEATURES, kept["latest"] or FEATURES[0])
    with right:
        method = choose.one_of("And grouped by", "method", _METHODS, DECIDES)
    if (found := kept["features"].get(features)) is None:
        said = f"No segments by {_FEATURES[features].lower()} are kept yet. This makes them:"
        empty.nothing(said, _COMMAND.format(features))
        return
    _all(found, features, method)


def _ids(kept: Found) -> list[str]:
    return [one["id"] for one in kept["features"].values()]


def _all(found: Found, features: str, method: str) -> None:
    segments, units = found["segments"][method], {one["name"]: one["unit"] for one in found["columns"]}
    _says(found)
    view = choose.one_of("Show", "view", _VIEWS, "groups")
    if view == "groups":
        _table(segments, units)
        _map(found, features, method)
    elif view == "means":
        _means(features, method, segments, units)
        _correlations(found)
    else:
        _methods(found)
        _how_many(found)


def _says(found: Found) -> None:
    """How real they are, and what was judged."""
    grouped.says(found["structure"])
    out = f", {look.of_kind(found['left_out'], 'user')} left out of whom it is not known" if found["left_out"] else ""
    kept = f"{look.of_kind(found['components'], 'component')} with {100 * (found['variance_kept'] or 0):.0f} %"
    st.caption(
        f"{look.of_kind(found['users'], 'user')}{out}; {look.of_kind(len(found['columns']), 'feature')} as {kept} of "
        f"their variance; made {look.when(found['made_at'])}."
    )


def _map(found: Found, features: str, method: str) -> None:
    st.subheader("Where users lie", anchor=False)
    placed = api().segment_points(features, method, _POINTS)
    figure = segment_charts.placed(placed["points"], found["segments"][method], found["variance"])
    key, says = f"map-{features}-{method}", "Users on the first two components"
    if user := grouped.shown(figure, key, some=placed["shown"], every=placed["all"], says=says):
        places.link("user", f"All about {look.plain(user)}", ":material/person:", user=user)


def _table(segments: Sequence[Found], units: Mapping[str, str]) -> None:
    """All segments in words; the one that is chosen in full."""
    st.subheader("What sets each apart", anchor=False)
    rows = [
        dict(one) | {"segment name": one["label"], "users": one["size"], "of all": 100 * one["share"],
                     "sets apart": _apart(one, units)}
        for one in segments
    ]  # fmt: skip
    columns = ["segment", "segment name", "users", "of all", "sets apart"]
    tables.chosen(rows, columns, key="segment-rows", says="Segments, and what sets each apart", then=_take)
    by_number = {one["segment"]: one for one in segments}
    options = {number: segment_charts.called(one) for number, one in by_number.items()}
    if (chosen := choose.number("Segment", "segment", options)) is not None:
        _one(by_number[chosen], units)


def _take(row: Found) -> None:
    st.session_state["segment"] = row["segment"]


def _one(one: Found, units: Mapping[str, str]) -> None:
    """All that is known of a segment."""
    with st.container(border=True):
        st.markdown(f"**Segment {look.plain(segment_charts.called(one))}**")
        st.text(f"What to do: {one['strategy']}")
        left, right = st.columns(2, gap="medium")
        with left:
            rows = [_trait(trait, units) for trait in one["apart"]]
            tables.shown(rows, ["feature", "mean", "of all users", "times"], key="apart", says="What sets it apart")
        with right:
            _tops(one)


def _trait(trait: Found, units: Mapping[str, str]) -> dict[str, Any]:
    unit = units.get(trait["feature"], "")
    lift = trait.get("lift")
    return {
        "feature": look.feature(trait["feature"], unit),
        "mean": look.quantity(trait["mean"], unit),
        "of all users": look.quantity(trait["overall_mean"], unit),
        "times": look.ABSENT if lift is None else f"{look.quantity(lift)} ×",
    }


def _apart(one: Found, units: Mapping[str, str]) -> str:
    """The first three, in words."""
    told = []
    for trait in one["apart"][:3]:
        unit = units.get(trait["feature"], "")
        mean, overall = (look.quantity(trait[name], unit) for name in ("mean", "overall_mean"))
        told.append(f"{look.feature(trait['feature'], unit)} {mean}, of all {overall}")
    return "; ".join(told)


def _tops(one: Found) -> None:
    """What they buy more than others, with the way to it."""
    parts = (("top_categories", "Categories"), ("top_brands", "Brands"), ("top_times", "Times"))
    if told := [f"{words}: {', '.join(one[name])}" for name, words in parts if one.get(name)]:
        st.text("\n".join(told))
    if not one["top_products"]:
        st.caption("No products stand out.")
        return
    key, says = f"tops-{one['segment']}", "Their top products, the first first"
    if chosen := tables.chosen(one["top_products"], ["product", "name"], key=key, says=says):
        label = f"All about {look.plain(look.called(chosen))}"
        places.link("products", label, ":material/inventory_2:", product=chosen["product"])


@empty.told
def _means(features: str, method: str, segments: Sequence[Found], units: Mapping[str, str]) -> None:
    profiles = api().segment_profiles(features, method)["profiles"]
    if not profiles:
        return
    st.subheader("Means against all users", anchor=False)
    dark = st.context.theme.type == "dark"
    figure = segment_charts.means(profiles, segments, units, dark=dark)
    charts.shown(figure, "means", "The mean of each feature in each segment, beside that of all users")
    st.caption("▲ above the mean of all users, ▼ below it; the full colour is four times as much, or a quarter.")


def _how_many(found: Found) -> None:
    """Why so many: what was tried, and how groups merge."""
    st.subheader("How many there are, and why", anchor=False)
    words = look.plain(found["chosen_by"] or "")
    st.caption(f"{look.of_kind(found['k'], 'segment')}: {words}. The star is what was chosen.")
    left, right = st.columns(2, gap="medium")
    if len(found["tried"]) > 1:
        with left:
            charts.shown(segment_charts.tried(found["tried"], found["k"]), "tried", "Inertia and silhouette by number")
    if found["dendrogram"] and found["dendrogram"]["merges"]:
        with right:
            k = found["methods"].get("agglomerative", {}).get("k", found["k"])
            charts.shown(segment_charts.dendrogram(found["dendrogram"], k), "dendrogram", "How groups merge")


def _methods(found: Found) -> None:
    st.subheader("Methods side by side", anchor=False)
    rows = [_method(name, one) for name, one in found["methods"].items()]
    columns = ["method", "segments", "largest", "smallest", "silhouette", "stability", "linkage"]
    tables.shown(rows, columns, key="methods", says="Methods side by side")
    agreed = f"They agree to {look.decimal(found['agreement'], 2)} (adjusted Rand index: 1 is the same, 0 by chance). "
    st.caption(
        (agreed if found["agreement"] is not None else "")
        + f"Silhouette, of {look.of_kind(found['silhouette_users'] or 0, 'user')}: 1 lies well apart, 0 does not. "
        "Stability: how alike the segments are when they are made of other samples."
    )


def _method(name: str, one: Found) -> dict[str, Any]:
    users = list(one["sizes"].values())
    return {
        "method": _METHODS.get(name, name), "segments": str(one["k"]), "largest": look.count(max(users, default=0)),
        "smallest": look.count(min(users, default=0)), "silhouette": look.decimal(one["silhouette"], 2),
        "stability": look.decimal(one.get("stability"), 2), "linkage": one.get("linkage") or "",
    }  # fmt: skip


def _correlations(found: Found) -> None:
    told = found.get("correlations")
    if not told:
        return
    st.subheader("Which features say the same", anchor=False)
    charts.shown(segment_charts.correlations(told), "correlations", "How much each feature says of each other one")
    merged = [f"{kept} for {dropped} ({value:.2f})" for kept, dropped, value in told["merged"]]
    st.caption(f"Put together: {look.plain(', '.join(merged) or 'none')}.")


@empty.told
def of(user: str) -> None:
    """The segments of a user, one for each set of features, each with the way to it; nothing of one not known."""
    try:
        found = api().segments_of(user)["segments"]
    except Trouble as trouble:
        if trouble.kind == "unknown":
            return
        raise
    if not (rows := [row for row in found if row["method"] == DECIDES]):
        st.caption("In no segment; `python -m spark_app segments --features behaviour` puts users into segments.")
    for row in rows:
        name = look.plain(segment_charts.called(row))
        size = f"{look.of_kind(row['size'], 'user')}, {100 * row['share']:.1f} %" if row["size"] else ""
        label = f"Segment {name} by {_FEATURES[row['features']].lower()} ({size})"
        chosen = {"features": row["features"], "method": row["method"], "segment": str(row["segment"])}
        places.link("segments", label, ":material/groups:", **chosen)
        if row["strategy"]:
            st.caption(look.plain(row["strategy"]))
