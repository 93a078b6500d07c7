"""The graph: who is recommended what, to zoom into, to filter and to walk in from node to node."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pictures.interactive import Colouring
from spark_app.web import choose, drawing, empty, look, places, tables
from spark_app.web.asking import api

_COMMUNITIES, _NEIGHBOURS = 100, 200
_PRODUCTS, _USERS = 60, 120
_CONFIG = {"displaylogo": False, "scrollZoom": True, "modeBarButtonsToRemove": ["select2d", "lasso2d", "toImage"]}
Found = Mapping[str, Any]


@empty.told
def show() -> None:
    """The page."""
    st.title("Graph", anchor=False)
    communities = api().communities(_COMMUNITIES)
    filters, colouring = _filters(communities)
    if (found := empty.known(lambda: api().graph(**filters))) is None:
        return
    _says(found)
    if found["vertices"]:
        left, right = st.columns([2.6, 1], gap="medium")
        with right:
            chosen = _chosen(found)
        with left:
            largest = tuple(one["community"] for one in communities["communities"])
            _drawn(found, tuple(sorted(filters.items())), colouring, chosen, largest)
    _communities(communities)


def _filters(communities: Found) -> tuple[dict[str, Any], Colouring]:
    """What is asked for, as it was chosen."""
    hubs = {one["community"]: _hubs(one) for one in communities["communities"]}
    columns = st.columns([2.2, 3, 2, 2, 1.6], vertical_alignment="bottom")
    with columns[0]:
        colouring: Colouring = st.segmented_control(
            "Colours show", ["community", "type"], default="community", required=True, key="colours"
        ) or "community"  # fmt: skip
    with columns[1]:
        community = _community(hubs, communities["generation"])
    with columns[2]:
        user = choose.user("user")
    with columns[3]:
        product = choose.product_id("product")
    with columns[4], st.popover("How many"):
        products = st.slider("Products at the most", 1, 500, _PRODUCTS, key="most-products")
        users = st.slider("Users at the most", 0, 1000, _USERS, key="most-users")
    filters = {"community": community, "user": user, "product": product, "products": products, "users": users}
    return filters, colouring


def _community(hubs: Mapping[int, str], generation: str) -> int | None:
    """One of them, which the address of the page names by its number; there it may be none of the largest."""
    _asked(hubs, generation)
    own = st.session_state["community"]
    numbers = [*hubs] if own is None or own in hubs else [own, *hubs]
    chosen: int | None = st.selectbox(
        "Community", numbers, key="community", index=None, placeholder="all",
        format_func=lambda number: f"{number}: {hubs[number]}" if number in hubs else str(number),
    )  # fmt: skip
    if chosen is None:
        st.query_params.pop("community", None)
    else:
        st.query_params["community"] = str(chosen)
    return chosen


def _asked(hubs: Mapping[int, str], generation: str) -> None:
    """Begin with what the address says; a number of another generation, which may be nobody's now, is forgotten."""
    if "community" not in st.session_state:
        asked = st.query_params.get("community", "")
        st.session_state["community"] = int(asked) if asked.isdecimal() else None
    elif st.session_state["community"] not in hubs and st.session_state.get("community-of") != generation:
        st.session_state["community"] = None
    st.session_state["community-of"] = generation


def _says(found: Found) -> None:
    """N of M, and what M is of."""
    shown, there, whole = found["shown"], found["found"], found["all"]
    parts = [f"{look.count(shown[kind])} of {look.of_kind(there[kind], kind[:-1])}" for kind in ("users", "products")]
    said = f"{' and '.join(parts)} shown, with {look.of_kind(shown['edges'], 'recommendation')}."
    if there != whole:
        said += f" The whole graph has {look.count(whole['users'])} and {look.count(whole['products'])}."
    st.caption(f"{said} Wheel or +/- to zoom, drag to move, press a node to see what it is joined with.")


def _drawn(
    found: Found, filters: tuple[tuple[str, Any], ...], colouring: Colouring, chosen: str | None,
    largest: tuple[int, ...],
) -> None:  # fmt: skip
    dark = st.context.theme.type == "dark"
    figure = _figure(found["generation"], filters, colouring, chosen, dark, largest, found)
    shown = found["shown"]
    says = f"{shown['users'] + shown['products']} users and products, joined by {shown['edges']} recommendations"
    st.plotly_chart(
        figure, theme=None, key="graph", config=_CONFIG, on_select=_pressed, selection_mode="points", alt=says
    )


# As it is, for all who look: nobody changes it, and to make a copy takes as long as to draw it.
@st.cache_resource(max_entries=64, show_spinner=False)
def _figure(
    generation: str, filters: tuple[tuple[str, Any], ...], colouring: Colouring, chosen: str | None,
    dark: bool, largest: tuple[int, ...], _found: Found,
) -> go.Figure:  # fmt: skip
    return drawing.figure(_placed(generation, filters, largest, _found), colouring, chosen, dark)


@st.cache_data(max_entries=64, show_spinner=False)
def _placed(
    generation: str, filters: tuple[tuple[str, Any], ...], largest: tuple[int, ...], _found: Found,  # noqa: ARG001
) -> drawing.Places:  # fmt: skip
    """Worked out once for a generation, a filter and the largest communities, which are another answer's."""
    return drawing.placed(_found, largest)


def _pressed() -> None:
    """The node that was pressed is the one that is chosen."""
    points = st.session_state["graph"]["selection"]["points"]
    if points and points[0].get("customdata"):
        st.session_state["node"] = points[0]["customdata"][0]


def _chosen(found: Found) -> str | None:
    """The node that is chosen, here or in the picture, with its neighbours and the ways on."""
    by_id = {one["id"]: one for one in found["vertices"]}
    if st.session_state.get("node") not in by_id:
        st.session_state["node"] = None
    node = st.selectbox(
        "Node", list(by_id), key="node", index=None, placeholder="press one, or choose here",
        format_func=lambda one: _named(by_id[one]) if one in by_id else one,
    )  # fmt: skip
    if node is None:
        return None
    one, own = by_id[node], node[2:]
    st.text(_named(one))
    st.caption(f"{one['type']}, {look.of_kind(one['degree'], 'recommendation')}, community {one['community']}, "
               f"PageRank {look.decimal(one['pagerank'], 6)}")  # fmt: skip
    _neighbours(node, found["edges"], by_id)
    page, icon = ("user", ":material/person:") if one["type"] == "user" else ("products", ":material/inventory_2:")
    name = "user" if one["type"] == "user" else "product"
    places.link(page, f"All about {look.plain(own)}", icon, **{name: own})
    st.button("The graph around it", key="around", on_click=_around, args=(name, own), icon=":material/hub:")
    return str(node)


def _neighbours(node: str, edges: Sequence[Found], by_id: Mapping[str, Found]) -> None:
    """Those that are shown: what is recommended to a user, or to whom a product is."""
    end = "dst" if node.startswith("u:") else "src"
    near = [(by_id[edge[end]], edge) for edge in edges if node in (edge["src"], edge["dst"])]
    rows = [{"neighbour": _named(other), "rank": edge["rank"], "score": edge["score"]} for other, edge in near]
    rows.sort(key=lambda row: (row["rank"], row["neighbour"]))
    columns = ["neighbour", "rank", "score"]
    tables.shown(rows[:_NEIGHBOURS], columns, key="neighbours", says="Its neighbours", height=380)
    shown = look.count(min(len(rows), _NEIGHBOURS))
    st.caption(f"{shown} of {look.of_kind(by_id[node]['degree'], 'neighbour')} shown.")


def _around(name: str, own: str) -> None:
    """Filter by this node alone."""
    st.session_state.update({"user": "", "product": "", "community": None} | {name: own})


def _named(vertex: Found) -> str:
    own = vertex["id"][2:]
    return f"{vertex['label']} ({own})" if vertex["label"] not in (None, "", own) else own


def _hubs(community: Found) -> str:
    return ", ".join(hub["name"] or hub["product"] for hub in community["hubs"])


def _communities(found: Found) -> None:
    rows = [one | {"hubs": _hubs(one)} for one in found["communities"]]
    st.subheader("Communities", anchor=False)
    tables.shown(rows, ["community", "users", "products", "hubs"], key="communities", says="The largest communities")
    st.caption(f"{look.count(len(rows))} of {look.count(found['all'])} shown; hubs are recommended most often.")
