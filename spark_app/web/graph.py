"""The graph: who is recommended what, to zoom into, to filter and to walk in from node to node."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pictures import interactive
from pictures.layout import lay_out
from pictures.reading import groups
from spark_app.web import choose, empty, look, places, tables
from spark_app.web.asking import api

_COMMUNITIES, _NAMES, _NEIGHBOURS = 100, 9, 200
_PRODUCTS, _USERS = 84, 190
_HEIGHT = 660
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
            _drawn(found, tuple(sorted(filters.items())), colouring, chosen)
    _communities(communities)


def _filters(communities: Found) -> tuple[dict[str, Any], interactive.Colouring]:
    """What is asked for, as it was chosen."""
    hubs = {one["community"]: _hubs(one) for one in communities["communities"]}
    columns = st.columns([2.2, 3, 2, 2, 1.6], vertical_alignment="bottom")
    with columns[0]:
        colouring: interactive.Colouring = st.segmented_control(
            "Colours show", ["community", "type"], default="community", required=True, key="colours"
        ) or "community"  # fmt: skip
    with columns[1]:
        community = _community(hubs)
    with columns[2]:
        user = choose.user("user")
    with columns[3]:
        product = choose.product_id("product")
    with columns[4], st.popover("How many"):
        products = st.slider("Products at the most", 1, 500, _PRODUCTS, key="most-products")
        users = st.slider("Users at the most", 0, 1000, _USERS, key="most-users")
    filters = {"community": community, "user": user, "product": product, "products": products, "users": users}
    return filters, colouring


def _community(hubs: Mapping[int, str]) -> int | None:
    """One of them, which the address of the page names by its number."""
    if "community" not in st.session_state:
        asked = st.query_params.get("community", "")
        st.session_state["community"] = int(asked) if asked.isdecimal() and int(asked) in hubs else None
    chosen: int | None = st.selectbox(
        "Community", list(hubs), key="community", index=None, placeholder="all",
        format_func=lambda number: f"{number}: {hubs.get(number, '')}",
    )  # fmt: skip
    if chosen is None:
        st.query_params.pop("community", None)
    else:
        st.query_params["community"] = str(chosen)
    return chosen


def _says(found: Found) -> None:
    """N of M, and what M is of."""
    shown, there, whole = found["shown"], found["found"], found["all"]
    parts = [f"{look.count(shown[kind])} of {look.of_kind(there[kind], kind[:-1])}" for kind in ("users", "products")]
    said = f"{' and '.join(parts)} shown, with {look.of_kind(shown['edges'], 'recommendation')}."
    if there != whole:
        said += f" The whole graph has {look.count(whole['users'])} and {look.count(whole['products'])}."
    st.caption(f"{said} Wheel or +/- to zoom, drag to move, press a node to see what it is joined with.")


def _drawn(
    found: Found, filters: tuple[tuple[str, Any], ...], colouring: interactive.Colouring, chosen: str | None
) -> None:
    nodes, edges, discs = _placed(found["generation"], filters, found)
    dark = st.context.theme.type == "dark"
    figure = interactive.figure(nodes, edges, discs, colouring=colouring, chosen=chosen, dark=dark)
    figure.update_layout(height=_HEIGHT, modebar={"bgcolor": "rgba(0,0,0,0)", "color": look.GREY})
    says = f"{len(nodes)} users and products, joined by {len(edges)} recommendations"
    st.plotly_chart(
        figure, theme=None, key="graph", config=_CONFIG, on_select=_pressed, selection_mode="points", alt=says
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _placed(
    generation: str, filters: tuple[tuple[str, Any], ...], _found: Found  # noqa: ARG001 - what it is kept under
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Nodes with their places, edges, and the discs of communities; worked out once for a generation and a filter."""
    nodes = pd.DataFrame(_found["vertices"]).set_index("id")
    nodes["name"] = nodes["label"].fillna(nodes.index.to_series().str[2:])
    nodes["group"] = groups(nodes["community"])
    ranked = nodes[nodes["type"] == "product"].sort_values("degree", ascending=False, kind="stable")
    # Of each community the first is named, or the first few where there is one alone: more would lie on one another.
    nodes["hub"] = nodes.index.isin(ranked.groupby("group").head(max(1, _NAMES // nodes["group"].nunique())).index)
    edges = pd.DataFrame(_found["edges"], columns=["src", "dst", "score", "rank"])
    placed, discs = lay_out(nodes, edges)
    return placed, edges, discs


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
