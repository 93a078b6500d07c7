"""How things stand: what was taken in, how far it is to the next training, what is published and who is at work."""

from fastapi import APIRouter, Request, Response

from spark_app.serving import asking
from spark_app.serving import state as state_
from spark_app.serving.state_answers import Status

router = APIRouter(tags=["status"])


@router.get("/status", response_model=Status)
def status(request: Request) -> Response:
    """How things stand, also before the first generation; as `status --json` says it, a second old at the most."""
    state = state_.of(request)
    shown = state.shelf.current
    return asking.answer({"generation": shown and shown.served.id} | state.standing.now())
