"""Groups of users who are alike: what `python -m spark_app segments` has found."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from spark_app.segmentation import DECIDES, Features, Method
from spark_app.serving import asking, problems
from spark_app.serving import state as state_
from spark_app.serving.problems import Problem
from spark_app.serving.segment_answers import SegmentPoints, SegmentProfiles, SegmentsFound
from spark_app.serving.segmented import Segments

router = APIRouter(tags=["users"])
_Of = Annotated[Features | None, Query(description="what users are compared by; unset: what was made last")]
_By = Annotated[Method, Query(description="how they were put together")]
# What of a summary is of one method.
_BY_METHOD = ("methods", "segments")


@router.get("/segments", response_model=SegmentsFound, responses=problems.documented(503))
def segments(
    request: Request,
    features: Annotated[Features | None, Query(description="what users are compared by; unset: all there are")] = None,
    method: Annotated[Method | None, Query(description="segments by this one alone")] = None,
    brief: Annotated[bool, Query(description="which are kept, and no more: id, features, made_at")] = False,
) -> Response:
    """The segments that are kept, as segments.json has them; without any, the command that makes them."""
    state = state_.of(request)
    found = state.segments.now(features)
    newest = max(found, key=lambda one: one.id, default=None)
    return asking.answer({
        "generation": state.shelf.current and state.shelf.current.served.id,
        "latest": newest and newest.features,
        "hint": None if found else _hint(features),
        "features": {one.features: _brief(one) if brief else _by(one.summary, method) for one in found},
    })  # fmt: skip


@router.get("/segments/points", response_model=SegmentPoints, responses=problems.documented(404, 503))
def points(
    request: Request,
    features: _Of = None,
    method: _By = DECIDES,
    limit: Annotated[int, Query(ge=1, le=5000, description="users at the most, by chance, the same each time")] = 1000,
) -> Response:
    """Where users lie on the first two components, to be drawn as a map."""
    found = _one(request, features)
    every, some = found.points(method, limit)
    return asking.answer(_about(request, found, method) | {"shown": len(some), "all": every, "points": some})


@router.get("/segments/profiles", response_model=SegmentProfiles, responses=problems.documented(404, 503))
def profiles(request: Request, features: _Of = None, method: _By = DECIDES) -> Response:
    """The mean of each column in each segment, beside that of all users."""
    found = _one(request, features)
    told = {"columns": found.summary.get("columns", []), "profiles": found.profiles(method)}
    return asking.answer(_about(request, found, method) | told)


def _one(request: Request, features: Features | None) -> Segments:
    """Of these features, or the newest; Problem 404 where none are kept."""
    found = max(state_.of(request).segments.now(features), key=lambda one: one.id, default=None)
    if found is None:
        raise Problem(404, "No segments", _hint(features))
    return found


def _about(request: Request, found: Segments, method: Method) -> dict[str, Any]:
    shown = state_.of(request).shelf.current
    return {"generation": shown and shown.served.id, "id": found.id, "features": found.features, "method": method}


def _hint(features: Features | None) -> str:
    command = f"`python -m spark_app segments --features {features or 'behaviour'}`"
    return f"no segments{f' of {features}' if features else ''} are kept yet: {command} makes them"


def _brief(one: Segments) -> dict[str, Any]:
    return {"id": one.id, "features": one.features, "made_at": one.summary.get("made_at")}


def _by(summary: dict, method: Method | None) -> dict:
    """A summary, or what it says of one method and of all."""
    if method is None:
        return summary
    return summary | {
        name: {one: said for one, said in summary.get(name, {}).items() if one == method} for name in _BY_METHOD
    }
