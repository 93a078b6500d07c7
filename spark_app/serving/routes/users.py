"""Users: who there are, what each has met, and who is like whom."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from spark_app.forgetting.run import ForgetError
from spark_app.locks import LockedError
from spark_app.serving import (
    alike,
    asking,
    describing,
    fitting,
    forgetting,
    histories,
    people,
    problems,
    recents,
    search,
)
from spark_app.serving import state as state_
from spark_app.serving.answers import History, SimilarUsers, Users
from spark_app.serving.interest_answers import UserInterests
from spark_app.serving.looks import Matches, Recents
from spark_app.serving.problems import Problem
from spark_app.serving.queries import Cursor, Limit, Search
from spark_app.serving.risers import Question
from spark_app.serving.segment_answers import UserSegments
from spark_app.serving.state_answers import Receipt
from spark_app.storage import tables
from spark_app.storage.tables import DamagedError
from spark_app.timeline import matches, spans
from spark_app.timeline.recency import LAST, Kind

router = APIRouter(tags=["users"])
# Of the same days as what listeners are told, so that they are read once for both.
_LOOKED_THROUGH = Question(None, None, spans.LAST, "product", None, matches.MOST)


@router.get("/users", response_model=Users, responses=problems.documented(410))
def users(
    request: Request,
    limit: Limit = 100,
    cursor: Cursor = None,
    q: Search = None,
    order: Annotated[Literal["id", "events"], Query(description="by id, or the most active first")] = "id",
) -> Response:
    """Every user that the generation has met; with `q` those whose id begins so, then those that have it anywhere."""
    shown, offset = asking.begun(state_.of(request), cursor)
    served = shown.served
    rows = search.users(served, q, histories.users(served, order))
    part, following = asking.part(served, rows, offset, limit)
    found = [served.users[int(row)] for row in part]
    return asking.answer({"generation": served.id, "next_cursor": following, "users": found})


@router.get("/users/{user:path}/segment", response_model=UserSegments, responses=problems.documented(404, 503))
def segment(request: Request, user: str) -> Response:
    """Which segments a user is in, by each method on each set of features for which segments are kept."""
    state = state_.of(request)
    found = state.segments.of(user)
    if not found:
        asking.met(state, state.shown().served, user)
    generation = state.shelf.current and state.shelf.current.served.id
    return asking.answer({"generation": generation, "user": user, "segments": found})


@router.get("/users/{user:path}/interests", response_model=UserInterests, responses=problems.documented(404, 503))
def interests(request: Request, user: str) -> Response:
    """Which group of interest a user's posts are in."""
    state = state_.of(request)
    kept = state.interests.now()
    found = kept and kept.of(user)
    if not found:
        asking.met(state, state.shown().served, user)
    generation = state.shelf.current and state.shelf.current.served.id
    return asking.answer({"generation": generation, "user": user, "interests": found})


@router.get("/users/{user:path}/similar", response_model=SimilarUsers, responses=problems.documented(404, 503))
def similar(
    request: Request,
    user: str,
    limit: Limit = 10,
    by: Annotated[
        Literal["factors", "segments"],
        Query(description="the model's factors, with what happened since; or what the newest segments were made of"),
    ] = "factors",
) -> Response:
    """Who is most like a user."""
    state = state_.of(request)
    served = state.shown().served
    if by == "segments":
        newest = state.segments.newest()
        rows = newest.alike(user, limit) if newest is not None else []
        if not rows and not state.segments.of(user):
            asking.met(state, served, user)
        return asking.answer({"generation": served.id, "user": user, "users": rows})
    user_id, later = asking.met(state, served, user)
    one = people.known(served, user_id, later)
    found = [{"user": name, "score": score} for name, score in alike.users(served, one, user_id, limit)]
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
    user_id, later = asking.met(state, served, user)
    part, following = asking.part(served, histories.of(served, user_id, later, order), offset, limit)
    products = [describing.of_product(served, state.fresh, met["product"]) | met for _, met in part]
    return asking.answer({
        "generation": served.id, "user": user, "folded_in": len(people.happened(served, later)), "products": products,
        "next_cursor": following,
    })  # fmt: skip


@router.delete(
    "/users/{user:path}", response_model=Receipt, tags=["admin"], responses=problems.documented(409, 422, 503)
)
def forget(request: Request, user: str) -> Response:
    """Remove all that is held of a user, which may take minutes, and answer with the receipt."""
    state = state_.of(request)
    try:
        receipt = forgetting.forget(state.settings, user)
    except ValueError as error:
        raise Problem(422, "Not valid", str(error)) from None
    except (LockedError, ForgetError, DamagedError) as error:
        raise Problem(409, "Not now", str(error), headers={"Retry-After": "60"}) from None
    except OSError as error:
        raise Problem(503, "Not now", str(error), headers={"Retry-After": "60"}) from error
    state.look()
    return asking.answer(receipt.as_dict())


@router.get("/users/{user:path}/trending", response_model=Matches, responses=problems.documented(404, 503))
def trending(request: Request, user: str, limit: Limit = 10) -> Response:
    """What rises of late, the best first, among the brands that a user turned to last."""
    state = state_.of(request)
    served = state.shown().served
    asking.met(state, served, user)
    # Before anything is in the table, nothing rises in it.
    risers = fitting.risers(served, state.risers.ask(_LOOKED_THROUGH)) if tables.version(state.settings) >= 0 else []
    return asking.answer(fitting.told(served, state.fresh, user, risers, limit))


@router.get("/users/{user:path}/brands", response_model=Recents, responses=problems.documented(404))
def brands(
    request: Request,
    user: str,
    limit: Annotated[int, Query(ge=1, le=LAST, description="how many at the most")] = LAST,
    kind: Annotated[Kind, Query(description="distinct brands, or distinct products")] = "brand",
) -> Response:
    """What a user turned to last, the newest first, with what happened since the generation."""
    state = state_.of(request)
    served = state.shown().served
    asking.met(state, served, user)
    return asking.answer(recents.told(served, state.fresh, user, kind, limit))
