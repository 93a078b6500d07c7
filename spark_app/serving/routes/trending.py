"""What is rising in any range of time, by the same definition as trending.csv."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from spark_app.segmentation import Features
from spark_app.serving import asking, problems
from spark_app.serving import state as state_
from spark_app.serving.risen import Rising
from spark_app.serving.risers import Question

router = APIRouter(tags=["products"])
_TIME = "a date or a time, ISO-8601; no zone is UTC"


@router.get("/trending", response_model=Rising, responses=problems.documented(404, 503))
def trending(
    request: Request,
    begin: Annotated[str | None, Query(alias="from", max_length=64, description=_TIME)] = None,
    end: Annotated[str | None, Query(alias="to", max_length=64, description="unset: the newest event")] = None,
    last: Annotated[
        str | None, Query(max_length=16, description="in place of `from`: 7d, 36h or 4w before the end; unset: 7d")
    ] = None,
    by: Annotated[Literal["product", "brand", "category"], Query(description="what is counted")] = "product",
    category: Annotated[str | None, Query(max_length=256, description="events of this one alone")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="how many at the most")] = 20,
    segment: Annotated[int | None, Query(ge=1, description="of the users of this segment alone, by K-means")] = None,
    features: Annotated[Features, Query(description="whose segment")] = "behaviour",
) -> Response:
    """What grows faster than the shop as a whole, with buckets to draw; from the event table as it is now."""
    state = state_.of(request)
    found = state.risers.ask(Question(begin, end, last, by, category, limit, segment, features))
    return asking.answer({"generation": state.shelf.current and state.shelf.current.served.id, **found})
