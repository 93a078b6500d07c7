"""The user-product graph: the part of it that is to be drawn, its communities, and what is around one user.

`/graph/communities` is no user: who is called so is asked for with `/graph?user=communities`, as any other user may be.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from spark_app.mapped.graph_maps import GraphMaps
from spark_app.serving import asking, drawn, ego, problems
from spark_app.serving import state as state_
from spark_app.serving.drawn import Asked, Community
from spark_app.serving.graph_answers import Communities, Ego, Graph
from spark_app.serving.model import Served
from spark_app.serving.problems import Problem
from spark_app.serving.queries import Limit

router = APIRouter(tags=["graph"])

_Name = Annotated[str | None, Query(max_length=256, description="this one, and what is joined to it")]


@router.get("/graph", response_model=Graph, responses=problems.documented(404, 409))
def graph(
    request: Request,
    community: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="its users and products alone")] = None,
    product: _Name = None,
    user: _Name = None,
    products: Annotated[int, Query(ge=1, le=500, description="that are shown at the most")] = 84,
    users: Annotated[int, Query(ge=0, le=1000, description="that are shown at the most")] = 190,
) -> Response:
    """The part of the recommendation graph that is to be drawn: the most recommended products, a sample of their users.

    Without a filter each of the largest communities has a fair share. Filters combine: shown is what passes all.
    """
    served = state_.of(request).shown().served
    whole = _graph(served)
    rows = _product(served, whole, product) if product else None, _user(served, whole, user) if user else None
    asked = Asked(community, *rows, products, users)
    if community is not None and not drawn.has(whole, community):
        raise Problem(404, "Unknown community", f"generation {served.id} has no community {community}")
    found = drawn.part(served, whole, asked)
    edges, (all_users, all_products) = drawn.edges(served, found), drawn.in_all(whole)
    return asking.answer({
        "generation": served.id,
        "shown": {"users": len(found.users), "products": len(found.products), "edges": len(edges)},
        "found": {"users": found.users_found, "products": found.products_found},
        "all": {"users": all_users, "products": all_products},
        "vertices": list(drawn.vertices(served, whole, found)), "edges": edges,
    })  # fmt: skip


@router.get("/graph/communities", response_model=Communities, responses=problems.documented(409))
def communities(request: Request, limit: Limit = 20) -> Response:
    """The communities of the graph, the largest first, with their most recommended products."""
    served = state_.of(request).shown().served
    found, every = drawn.communities(_graph(served), limit)
    told = [_told(served, one) for one in found]
    return asking.answer({"generation": served.id, "all": every, "communities": told})


@router.get("/graph/{user:path}", response_model=Ego, responses=problems.documented(404, 409))
def around(
    request: Request,
    user: str,
    users: Annotated[int, Query(ge=0, le=500, description="others that are shown at the most")] = 30,
) -> Response:
    """A user, what is recommended to them, and others to whom that is recommended too."""
    served = state_.of(request).shown().served
    whole = _graph(served)
    found = ego.around(served, whole, _user(served, whole, user), users)
    return asking.answer({
        "generation": served.id, "user": user, "vertices": list(drawn.vertices(served, whole, found.shown)),
        "edges": drawn.edges(served, found.shown), "users_shown": len(found.shown.users) - 1,
        "users_of_these_products": found.others,
    })  # fmt: skip


def _graph(served: Served) -> GraphMaps:
    if served.maps.graph is None:
        raise Problem(409, "No graph", f"generation {served.id} has no graph")
    return served.maps.graph


def _product(served: Served, whole: GraphMaps, name: str) -> int:
    """Its row; Problem 404 for one that is unknown, or recommended to nobody."""
    row = asking.row_of(served, name)
    if not whole.products["degree"][row]:
        detail = f"product {name!r} is recommended to nobody in generation {served.id}"
        raise Problem(404, "Not in the graph", detail, product=name)
    return row


def _user(served: Served, whole: GraphMaps, name: str) -> int:
    """Its row; Problem 404 for one without a list."""
    row = served.users.find(name)
    if row < 0 or not whole.users["degree"][row]:
        raise Problem(404, "Unknown user", f"{name!r} has no list in generation {served.id}", user=name)
    return row


def _told(served: Served, one: Community) -> dict[str, Any]:
    names, degrees = served.maps.products["name"], served.maps.graph.products["degree"] if served.maps.graph else ()
    hubs = [
        {"product": served.products[row], "name": names[row].as_py(), "degree": int(degrees[row])}
        for row in one.hubs.tolist()
    ]
    return {"community": one.number, "users": one.users, "products": one.products, "hubs": hubs}
