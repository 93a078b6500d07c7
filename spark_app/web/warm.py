"""What is slow once, such as the first table and the first chart of a process, is done before anybody looks."""

from threading import Thread

from streamlit.dataframe_util import convert_anything_to_arrow_bytes

from spark_app.web import charts, drawing, tables

_NODE = {"label": None, "degree": 1, "pagerank": 0.5, "community": 0, "component": 0}
_VERTICES = [{"id": f"{kind[0]}:1", "type": kind} | _NODE for kind in ("user", "product")]
_GRAPH = {"vertices": _VERTICES, "edges": [{"src": "u:1", "dst": "p:1", "score": 1.0, "rank": 1}]}


def begin() -> None:
    """Beside whatever else is started."""
    Thread(target=up, name="warm", daemon=True).start()


def up() -> None:
    """A table, a bar and a graph of almost nothing."""
    convert_anything_to_arrow_bytes(tables.frame([{"product": "1", "score": 1.0}], ["product", "score"]))
    charts.bars(["1"], [1.0], "users").to_json()
    drawing.figure(drawing.placed(_GRAPH, [0]), "community", None, dark=False).to_json()
