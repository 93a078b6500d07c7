"""Products: found by words, a part at a time; what is known of one, what is like it, who should get it; the popular."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from spark_app.web import charts, choose, empty, look, places, tables
from spark_app.web.asking import Trouble, api

_PART, _ALIKE, _POPULAR = 25, 10, 20
_SHOWN = ["product", "name", "brand", "category", "price"]
Found = Mapping[str, Any]


@empty.told
def show() -> None:
    """The page."""
    st.title("Products", anchor=False)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        words = st.text_input(
            "Search", key="q", type="search", bind="query-params", live="400ms", max_chars=256,
            placeholder="id, or words of name, brand or category",
        )  # fmt: skip
        _found((words or "").strip())
    with right:
        product = choose.product_id("product")
        _one(product) if product else _popular()


def _found(words: str) -> None:
    """A part of what was found, and the way to the next; a row that is chosen is shown beside it."""
    cursors = _cursors(words)
    try:
        found = api().products(words, _PART, cursors[-1])
    except Trouble as trouble:
        if trouble.kind != "gone":
            raise
        # The generation whose parts these were is not served any more.
        del cursors[1:]
        found = api().products(words, _PART)
    if not found["products"]:
        empty.nothing("No product has these words.")
        return
    key = f"found-{words}-{len(cursors)}"
    tables.chosen(found["products"], _SHOWN, key=key, says="Products that were found", then=_take)
    _turn(cursors, len(found["products"]), found["next_cursor"])


def _take(row: Found) -> None:
    st.session_state["product"] = row["product"]


def _turn(cursors: list[str | None], shown: int, following: str | None) -> None:
    """To the part before and to the next."""
    first = _PART * (len(cursors) - 1)
    said = f"{look.count(first + 1)} to {look.count(first + shown)}" + (", more follow" if following else "")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Back", disabled=len(cursors) == 1, on_click=_back, args=(cursors,), icon=":material/arrow_back:")
        st.button(
            "Next", disabled=not following, on_click=cursors.append, args=(following,), icon=":material/arrow_forward:"
        )
        st.caption(said)


def _back(cursors: list[str | None]) -> None:
    cursors.pop()


def _cursors(words: str) -> list[str | None]:
    """The way from the beginning to the part that is shown; other words begin anew."""
    kept = st.session_state.setdefault("cursors", {})
    if words not in kept:
        kept.clear()
        kept[words] = [None]
    way: list[str | None] = kept[words]
    return way


def _popular() -> None:
    found = api().popular(_POPULAR)
    st.subheader("Most popular", anchor=False)
    if not found["products"]:
        empty.nothing("Nothing is popular yet.")
        return
    names = [one["name"] or one["product"] for one in found["products"]]
    figure = charts.bars(names, [one["users"] for one in found["products"]], "distinct users")
    charts.shown(figure, "popular", "Most popular products")
    if found["source"] == "recent":
        st.caption("In the order in which new users are offered them: users of late count more.")


def _one(product: str) -> None:
    if (found := empty.known(lambda: api().product(product))) is None:
        return
    _known(found)
    places.link("graph", "Its place in the graph", ":material/hub:", product=product)
    _alike(product)
    _buyers(product)


def _known(found: Found) -> None:
    st.subheader(look.plain(found["name"] or found["product"]), anchor=False)
    facts = [("id", found["product"]), ("brand", found["brand"]), ("category", found["category"])]
    facts += [("price", look.decimal(found["price"], 2)), ("users", look.count(found["users"]))]
    facts += [("in stock", {True: "yes", False: "no", None: "not said"}[found["in_stock"]])]
    rules = found["rule"] or "none"
    facts += [("in lists", _listed(found)), ("rules of the shop", rules)]
    rows = [{"what": name, "value": look.ABSENT if value in (None, "") else str(value)} for name, value in facts]
    tables.shown(rows, ["what", "value"], key="known", says="What is known of the product")


def _listed(found: Found) -> str:
    if found["hidden"]:
        return "no, a rule hides it"
    return "yes" if found["recommended"] else "no, the model does not know it yet"


@empty.told
def _alike(product: str) -> None:
    st.markdown("**Most like it**")
    rows = api().similar(product, _ALIKE)["products"]
    if not rows:
        st.caption("Nothing is like it.")
        return
    tables.shown(rows, ["name", "product", "score"], key="alike", says="Products most like it")


@empty.told
def _buyers(product: str) -> None:
    st.markdown("**Who should get it**, of those whose list may hold it")
    rows = api().buyers(product, _ALIKE)["users"]
    if not rows:
        st.caption("Nobody whom the model knows.")
        return
    if chosen := tables.chosen(rows, ["user", "score"], key=f"buyers-{product}", says="Users who should get it"):
        places.link("user", f"Open {look.plain(chosen['user'])}", ":material/person:", user=chosen["user"])
