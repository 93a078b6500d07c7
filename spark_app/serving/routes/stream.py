"""What happens, as it happens: server-sent events."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from spark_app.serving import stream

router = APIRouter(tags=["status"])

# OpenAPI 3.0 has no word for a stream: its schema is that of each event.
_EVENT = {"type": "object", "required": ["id", "event", "data"], "properties": {
    "id": {"type": "string", "example": "9bd548-1"}, "event": {"type": "string", "example": "generation"},
    "data": {"type": "string", "description": "JSON"},
}}  # fmt: skip
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"description": "events, one after the other", "content": {stream.MEDIA_TYPE: {"schema": _EVENT}}}
}
# A proxy that gathers what it passes on would keep events back.
_HEADERS = {"x-accel-buffering": "no"}


class _Told(Response):
    """Sends events for as long as its client stays."""

    def __init__(self, source: stream.Stream, events: int | None, seconds: float | None) -> None:
        super().__init__(media_type=stream.MEDIA_TYPE)
        self.source, self.events, self.seconds = source, events, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Join, tell, and leave however it ends."""
        with self.source.joined() as listener:
            told = self.source.told(listener, events=self.events, seconds=self.seconds)
            await StreamingResponse(told, headers=_HEADERS, media_type=stream.MEDIA_TYPE)(scope, receive, send)


@router.get("/stream", response_class=Response, responses=_ANSWER)
async def listen(
    request: Request,
    events: Annotated[int | None, Query(ge=1, le=1000, description="ends after so many")] = None,
    seconds: Annotated[float | None, Query(gt=0, le=3600, description="ends after so many")] = None,
) -> Response:
    """Tell of another generation, other groups of users, counts and what rises, as server-sent events.

    What is so now is told at once: `generation` (its id and when it was trained, null before the first) and `counts`
    (events by what became of them, and how far it is to the next training, as in /status), `trending` (the ten that
    rise most in the last seven days, without their buckets), `segments` and `interests` (which are kept, and when they
    were made). A comment is sent while nothing happens. Of each event a slow reader gets the newest alone.
    """
    return _Told(request.app.state.stream, events, seconds)
