"""What Streamlit runs for each look at the page: the pages, and beside them what is served just now."""

import streamlit as st

from spark_app.web import graph, interests, look, now, places, products, segments, trending, user
from spark_app.web.asking import Trouble, api

_EVERY = 3.0


def main() -> None:
    """One of the pages, by its address."""
    st.set_page_config(page_title="Millstream", page_icon=look.MARK, layout="wide")
    st.html(f"<style>{look.STYLE}</style>")
    st.logo(look.MARK, size="large")
    pages = {
        "now": st.Page(now.show, title="Now", icon=":material/monitoring:", url_path="now", default=True),
        "user": st.Page(user.show, title="A user", icon=":material/person:", url_path="user"),
        "products": st.Page(products.show, title="Products", icon=":material/inventory_2:", url_path="products"),
        "trending": st.Page(trending.show, title="Trending", icon=":material/trending_up:", url_path="trending"),
        "segments": st.Page(segments.show, title="Segments", icon=":material/groups:", url_path="segments"),
        "interests": st.Page(interests.show, title="Interests", icon=":material/interests:", url_path="interests"),
        "graph": st.Page(graph.show, title="Graph", icon=":material/hub:", url_path="graph"),
    }
    places.remember(pages)
    page = st.navigation(list(pages.values()))
    with st.sidebar:
        _served()
    page.run()


@st.fragment(run_every=_EVERY)
def _served() -> None:
    """Which generation is served; when it is another, all that is shown is asked for anew."""
    try:
        found = api().status()
    except Trouble:
        st.caption("No API answers.")
        return
    generation = found["generation"]
    name = f"Generation {look.plain(generation)}" if generation else "No generation yet"
    st.caption(f"{name}  \n{look.count(found['accepted'])} events")
    before = st.session_state.get("generation", generation)
    st.session_state["generation"] = generation
    if before != generation:
        st.rerun()


main()
