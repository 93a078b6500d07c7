"""Events that are posted: judged as the stream judges them, kept, and counted from the next request on."""

from collections import Counter
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request, Response

from spark_app.serving import asking, problems
from spark_app.serving import state as state_
from spark_app.serving.answers import Event, Posted
from spark_app.serving.inbox import NotKeptError
from spark_app.serving.problems import Problem
from spark_app.serving.receiving import NotJsonError, Received, TooManyError
from spark_app.serving.state import State

router = APIRouter(tags=["events"])

_ONE = Event.model_json_schema()
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {"schema": {"anyOf": [_ONE, {"type": "array", "items": _ONE}]}},
        "application/x-ndjson": {"schema": {"type": "string"}},
    },
}


@router.post(
    "/events", status_code=202, response_model=Posted, openapi_extra={"requestBody": _BODY},
    responses=problems.documented(400, 413, 422, 503),
)  # fmt: skip
async def post(request: Request) -> Response:
    """Take in one event, an array of them, or one a line; each is answered. The same event_id counts once."""
    state = state_.of(request)
    body = await request.body()
    try:
        received = await to_thread.run_sync(_taken, state, body, limiter=state.posting)
    except NotJsonError as error:
        raise Problem(400, "Not JSON", str(error)) from None
    except TooManyError as error:
        raise Problem(413, "Too many events", str(error)) from None
    except NotKeptError as error:
        raise Problem(503, "Not kept", str(error), headers={"Retry-After": "5"}) from None
    shown = state.shelf.current
    return asking.answer({"generation": shown and shown.served.id} | _answered(received), status=202)


def _taken(state: State, body: bytes) -> Received:
    """Kept, and counted from now on; both may have to wait, so not where requests are answered."""
    received = state.receiver().receive(body)
    state.fresh.posted(received.events)
    return received


def _answered(received: Received) -> dict[str, Any]:
    counts = Counter(answer.status for answer in received.answers)
    return {
        "accepted": counts["accepted"],
        "duplicates": counts["duplicate"],
        "rejected": counts["rejected"],
        "events": [answer._asdict() for answer in received.answers],
    }
