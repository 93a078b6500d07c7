"""Why a product stands where it does, and how somebody would like it."""

from fastapi import APIRouter, Request, Response

from spark_app.serving import asking, lists, problems, reasons
from spark_app.serving import state as state_
from spark_app.serving.answers import Estimate, Explanation, Session
from spark_app.serving.model import Served
from spark_app.serving.people import Person

router = APIRouter(tags=["explanations"])
MISSING = problems.documented(404)


# By the address, and behind its `?`, where any id may stand.
@router.get("/explain", response_model=Explanation, responses=MISSING)
@router.get("/explain/{user:path}/{product}", response_model=Explanation, responses=MISSING)
def explain(request: Request, user: str, product: str) -> Response:
    """Why a product stands where it does for a user; the parts add up to its score."""
    state = state_.of(request)
    served = state.shown().served
    row, (_, later) = asking.row_of(served, product), asking.met(state, served, user)
    one = asking.anyone(state, served, user, later)
    found = reasons.of(served, one, row)
    name = served.product(row)["name"]
    beside = {"generation": served.id, "user": user, "product": product, "name": name, "folded_in": one.folded}
    return asking.answer(beside | found._asdict() | {"parts": [part._asdict() for part in found.parts]})


@router.get("/estimate", response_model=Estimate, responses=MISSING)
@router.get("/estimate/{user:path}/{product}", response_model=Estimate, responses=MISSING)
def estimate(request: Request, user: str, product: str) -> Response:
    """How a user would like a product."""
    state = state_.of(request)
    served = state.shown().served
    row = asking.row_of(served, product)
    return _estimate(served, user, product, asking.person(state, served, user), row)


@router.post("/estimate/session/{product}", response_model=Estimate, responses=MISSING)
def estimate_of_session(request: Request, product: str, asked: Session) -> Response:
    """How somebody would like a product, by what they do just now on top of what is known of the user."""
    state = state_.of(request)
    served = state.shown().served
    return _estimate(
        served, asked.user, product, asking.somebody(state, served, asked), asking.row_of(served, product)
    )


def _estimate(served: Served, user: str | None, product: str, person: Person, row: int) -> Response:
    place = int(served.place_of_row[row])
    score = lists.score(served, person.user, place) if person.user is not None and place >= 0 else None
    return asking.answer(
        {"generation": served.id, "user": user, "product": product, "estimate": score, "folded_in": person.folded}
    )
