"""Groups of users with an interest in common, by what they post, and in which of them a new text or picture is."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from spark_app.serving import asking, interest_posts, pictured, problems
from spark_app.serving import state as state_
from spark_app.serving.interest_answers import InterestAsked, InterestAssigned, InterestPoints, InterestsFound
from spark_app.serving.interested import Interests
from spark_app.serving.problems import Problem
from spark_app.serving.state import State
from spark_app.storage import interest_files

router = APIRouter(tags=["interests"])
_BYTES = {"type": "string", "format": "binary"}
_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "example": "Which grinder for a dark roast?"},
        "image": _BYTES | {"description": "PNG, JPEG, WebP, GIF, BMP or TIFF"},
    },
}
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The picture", "content": {kind: {"schema": _BYTES} for kind in pictured.KINDS.values()}}
}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {"schema": InterestAsked.model_json_schema()},
        "multipart/form-data": {"schema": _FORM},
    },
}


@router.get("/interests", response_model=InterestsFound, responses=problems.documented(503))
def interests(
    request: Request,
    brief: Annotated[bool, Query(description="which are kept, and no more: id and made_at")] = False,
) -> Response:
    """The groups that are kept; without any, the command that makes them."""
    state = state_.of(request)
    found = state.interests.now()
    told = found and (
        {name: found.summary[name] for name in ("id", "made_at")} if brief else found.told(state.settings)
    )
    hint = None if found else interest_files.NONE_KEPT
    return asking.answer({"generation": _generation(state), "hint": hint, "interests": told})


@router.get("/interests/points", response_model=InterestPoints, responses=problems.documented(404, 503))
def points(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=5000, description="users at the most, by chance, the same each time")] = 1000,
) -> Response:
    """Where users lie on the map of what they post."""
    state = state_.of(request)
    found = _kept(state)
    every, some = found.points(limit)
    return asking.answer(
        {"generation": _generation(state), "id": found.id, "shown": len(some), "all": every, "points": some}
    )


@router.post(
    "/interests/assign", response_model=InterestAssigned, openapi_extra={"requestBody": _BODY},
    responses=problems.documented(400, 404, 413, 415, 422, 503),
)  # fmt: skip
async def assign(request: Request) -> Response:
    """In which group a text or a picture is; how sure that is, and what is known of the group."""
    state = state_.of(request)
    text, image = await interest_posts.taken(request, state.settings.serve)
    found = await run_in_threadpool(_kept, state)
    asked = await to_thread.run_sync(interest_posts.read, state.settings, text, image, limiter=state.reading)
    told = await run_in_threadpool(found.assigned, state.settings, asked)
    return asking.answer({"generation": _generation(state)} | told)


@router.get("/interests/pictures/{path:path}", response_class=Response, responses=_PICTURE | problems.documented(404))
def picture(request: Request, path: str) -> Response:
    """A picture of the catalogue, by its path in the folder of catalogues."""
    content, kind = pictured.of_catalogue(state_.of(request).settings.interests, path)
    return Response(content, media_type=kind, headers={"cache-control": "private, max-age=300"})


def _kept(state: State) -> Interests:
    """Problem 404 before the first."""
    if (found := state.interests.now()) is None:
        raise Problem(404, "No interests", interest_files.NONE_KEPT)
    return found


def _generation(state: State) -> str | None:
    return state.shelf.current and state.shelf.current.served.id
