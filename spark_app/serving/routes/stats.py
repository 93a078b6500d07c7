"""The numbers of what is served: how large, how old, how far behind the event table."""

import math

from fastapi import APIRouter, Request, Response

from spark_app.serving import asking
from spark_app.serving import state as state_
from spark_app.serving.state_answers import Stats

router = APIRouter(tags=["health"])


@router.get("/stats", response_model=Stats)
def stats(request: Request) -> Response:
    """How large what is served is, how old, and how far behind the event table."""
    state = state_.of(request)
    shown = state.shown()
    served = shown.served
    return asking.answer({
        "generation": served.id,
        "trained_at": served.trained_at,
        "age_seconds": asking.age(state, served),
        **served.manifest["counts"],
        "source": served.source,
        "fallback": served.fallback,
        "factors": int(served.manifest["model"]["factors"]),
        "factors_bytes": served.factors_bytes,
        "swaps": state.shelf.swaps,
        "fault": state.shelf.fault,
        "ranking": shown.ranking,
        "tail": {
            "version": state.tail.version, "lag_seconds": _finite(state.tail.lag), "fault": state.tail.fault,
        },
        "fresh": state.fresh.counts()._asdict(),
    })  # fmt: skip


def _finite(seconds: float) -> float | None:
    return round(seconds, 3) if math.isfinite(seconds) else None
