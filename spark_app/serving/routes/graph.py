"""The user-product graph, as it is around one user."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from spark_app.serving import asking, ego, problems
from spark_app.serving import state as state_
from spark_app.serving.answers import Ego
from spark_app.serving.problems import Problem

router = APIRouter(tags=["graph"])


@router.get("/graph/{user:path}", response_model=Ego, responses=problems.documented(404))
def graph(
    request: Request,
    user: str,
    users: Annotated[int, Query(ge=0, le=500, description="others that are shown at the most")] = 30,
) -> Response:
    """A user, what is recommended to them, and others to whom that is recommended too."""
    served = state_.of(request).shown().served
    found = ego.around(served.generation, user, users)
    if found is None:
        raise Problem(404, "Unknown user", f"{user!r} has no list in generation {served.id}", user=user)
    return asking.answer({
        "generation": served.id, "user": user, "vertices": found.vertices, "edges": found.edges,
        "users_shown": found.shown, "users_of_these_products": found.others,
    })  # fmt: skip
