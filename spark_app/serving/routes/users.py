"""Users: who there are, what each has met, and who is like whom."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from spark_app.serving import alike, asking, histories, problems
from spark_app.serving import state as state_
from spark_app.serving.answers import History, SimilarUsers, Users
from spark_app.serving.queries import Cursor, Limit

router = APIRouter(tags=["users"])


@router.get("/users", response_model=Users, responses=problems.documented(410))
def users(
    request: Request,
    limit: Limit = 100,
    cursor: Cursor = None,
    order: Annotated[Literal["id", "events"], Query(description="by id, or the most active first")] = "id",
) -> Response:
    """Every user that the generation has met."""
    shown, offset = asking.begun(state_.of(request), cursor)
    served = shown.served
    rows = histories.users(served, order)
    part = rows[offset : offset + limit].tolist()
    following = asking.following(served, offset + len(part), len(rows) > offset + limit)
    return asking.answer(
        {"generation": served.id, "next_cursor": following, "users": [served.users[row] for row in part]}
    )


@router.get("/users/{user:path}/similar", response_model=SimilarUsers, responses=problems.documented(404))
def similar(request: Request, user: str, limit: Limit = 10) -> Response:
    """Who is most like a user."""
    state = state_.of(request)
    served = state.shown().served
    one = asking.known_user(state, served, user)
    found = [{"user": name, "score": score} for name, score in alike.users(served, one, served.user_id(user), limit)]
    return asking.answer({"generation": served.id, "user": user, "users": found})


@router.get("/users/{user:path}/history", response_model=History, responses=problems.documented(404, 410))
def history(
    request: Request,
    user: str,
    limit: Limit = 100,
    cursor: Cursor = None,
    order: Annotated[
        Literal["time", "surprise"], Query(description="the newest first, or what fits the user least")
    ] = "time",
) -> Response:
    """What a user has met, with what happened since the generation."""
    state = state_.of(request)
    shown, offset = asking.begun(state, cursor)
    served = shown.served
    one = asking.known_user(state, served, user)
    rows = histories.of(served, served.user_id(user), state.fresh.of(user), one, order)
    part = rows[offset : offset + limit]
    products = [
        (asking.described(state, served, row) if row >= 0 else {}) | histories.shown(met) for row, met in part
    ]
    return asking.answer({
        "generation": served.id, "user": user, "folded_in": one.folded, "products": products,
        "next_cursor": asking.following(served, offset + len(part), len(rows) > offset + limit),
    })  # fmt: skip
