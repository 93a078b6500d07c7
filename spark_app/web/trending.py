"""Trending: what grows faster than the shop as a whole, in any range of time, as GET /trending finds it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import streamlit as st

from spark_app.segmentation import DECIDES, FEATURES
from spark_app.web import choose, empty, look, places, segment_charts, tables
from spark_app.web.asking import Trouble, api

_MOST = 20
_DATES = "dates"
_RANGES = {"24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days", _DATES: "Two dates"}
_KINDS = {"product": "Products", "brand": "Brands", "category": "Categories"}
# The options of segments are their features and number; this is nobody's.
_EVERYONE = ""
_COLUMNS = ["rank", "label", "brand", "total", "users", "growth", "rise", "buckets"]
Found = Mapping[str, Any]


@empty.told
def show() -> None:
    """The page."""
    st.title("Trending", anchor=False)
    asked = _asked()
    found = api().trending(**asked, limit=_MOST)
    if found["events_version"] < 0:
        raise Trouble("not ready", "no event was taken in yet")
    _says(found)
    if not found["trending"]:
        _nothing(found)
        return
    rows = [
        one | {"growth": _growth(one), "rise": one["score"], "buckets": one["buckets"]["total"]}
        for one in found["trending"]
    ]
    says = f"{_KINDS[found['by']]} that rise, the best first"
    key = "rising-" + "-".join(str(part) for part in asked.values())
    # Of brands and categories the name says it all.
    columns = _COLUMNS if found["by"] == "product" else [name for name in _COLUMNS if name != "brand"]
    if chosen := tables.chosen(rows, columns, key=key, says=says):
        _onward(chosen)


def _asked() -> dict[str, str]:
    """What is asked for, as it was chosen; the address of the page holds it too."""
    left, middle, right = st.columns([4.8, 3.05, 1.7], vertical_alignment="bottom")
    with left:
        last = choose.one_of("Range", "last", _RANGES, "7d" if not _names_dates() else _DATES)
    with middle:
        by = choose.one_of("Of", "by", _KINDS, "product")
    with right:
        category = st.text_input(
            "Category", key="category", type="search", bind="query-params", max_chars=256, placeholder="all"
        )
    asked = {"by": by, "category": (category or "").strip()} | _segment()
    return asked | (_dates() if last == _DATES else {"last": last})


def _segment() -> dict[str, str]:
    """Whose events alone count: those of a segment by the method that decides; no choice where none are kept."""
    if not (kept := _kept()):
        return {}
    if "whose" not in st.session_state:
        st.session_state["whose"] = _addressed()
    own = st.session_state["whose"]
    # One that is not kept any more, or never was, is asked for too: the API says which there are.
    options = [_EVERYONE, *kept] if own in kept else list(dict.fromkeys([_EVERYONE, own, *kept]))
    with st.columns([7.85, 1.7])[0]:
        chosen = st.selectbox("Users", options, key="whose", format_func=lambda one: _whose(one, kept))
    features, _, number = chosen.partition(" ")
    asked = {"segment": number, "features": features} if number else {}
    for name in ("segment", "features"):
        st.query_params.pop(name, None)
    st.query_params.update(asked)
    return asked


def _kept() -> dict[str, str]:
    """Features and number of each segment -> what it is called; none where that cannot be had."""
    try:
        found = api().segments(method=DECIDES)["features"]
    except Trouble:
        return {}
    return {
        f"{features} {one['segment']}": segment_charts.called(one)
        for features, summary in found.items()
        for one in sorted(summary["segments"].get(DECIDES, []), key=lambda one: one["segment"])
    }


def _addressed() -> str:
    """The segment that the address of the page names."""
    features, number = st.query_params.get("features", FEATURES[0]), st.query_params.get("segment", "")
    return f"{features} {int(number)}" if features in FEATURES and number.isdecimal() else _EVERYONE


def _whose(one: str, kept: Mapping[str, str]) -> str:
    """Such as segment 2 Buys often, by behaviour."""
    features, _, number = one.partition(" ")
    return f"Segment {kept.get(one, number)}, by {features}" if number else "Everyone"


def _names_dates() -> bool:
    return "from" in st.query_params or "to" in st.query_params


def _dates() -> dict[str, str]:
    left, right, _ = st.columns([2, 2, 5])
    begin = _date(left, "From", "from", "Unset: seven days before the end")
    end = _date(right, "To, without that day", "to", "Unset: up to the newest event")
    return {"from": begin, "to": end}


def _date(place: Any, label: str, key: str, says: str) -> str:
    """A day, or nothing."""
    day = place.date_input(
        label, None, date(1970, 1, 1), date(2099, 12, 31), key=key, help=says, format="YYYY-MM-DD", bind="query-params"
    )
    return day.isoformat() if day else ""


def _says(found: Found) -> None:
    rising = len(found["trending"])
    first = f"the first {rising}" if rising == _MOST else look.count(rising)
    one, several = found["by"], _KINDS[found["by"]].lower()
    what = f"{first} {one if rising == 1 else several}"
    within = f" of {look.plain(found['category'])}" if found["category"] else ""
    range_ = f"{look.when(found['from'])} to {look.when(found['to'])}"
    st.caption(f"{range_}: {what}{within} that grew faster than {_whole(found)}. {_compared(found)}.")


def _whole(found: Found) -> str:
    """With whose growth each is compared."""
    return "the shop" if found["segment"] is None else f"segment {found['segment']} as a whole"


def _compared(found: Found) -> str:
    """With what, in words."""
    earlier = found["earlier"]
    if look.moment(earlier[0]["from"]) >= look.moment(found["from"]):
        since = look.when(found["later"]["from"])
        return f"Too little is from before the range, so what came from {since} on is compared with as long before that"
    return f"Compared with {look.of_kind(len(earlier), 'stretch', 'stretches')} as long before it"


def _growth(one: Found) -> str:
    growth = one["growth_percent"]
    return "new" if growth is None else f"{growth:+,.0f} %"


def _nothing(found: Found) -> None:
    """Why, and what changes it."""
    if found["category"]:
        empty.nothing("Nothing of this category rises in this range. Its name has to be written as the shop writes it.")
        return
    kind = found["by"]
    what = "more events" if kind == "product" else f"more events that name a {kind}"
    empty.nothing(
        f"No {kind} rises in this range: none grew faster than {_whole(found)} and has five users. "
        f"A longer range may change that, and so may {what}.",
        "python -m spark_app run --input path/to/files",
    )


def _onward(row: Found) -> None:
    """The way to what was chosen."""
    label, key = f"All about {look.plain(row['label'])}", row["key"]
    if row["kind"] == "product":
        places.link("products", label, ":material/inventory_2:", product=key)
    elif row["kind"] == "brand":
        places.link("products", f"Products of {look.plain(key)}", ":material/inventory_2:", q=key)
    else:
        st.button(f"Rising products of {look.plain(key)}", on_click=_inside, args=(key,), icon=":material/trending_up:")


def _inside(category: str) -> None:
    st.session_state["by"], st.session_state["category"] = "product", category
