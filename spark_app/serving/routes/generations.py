"""Generations: what was trained, what was published, and why or why not."""

from typing import Any

from fastapi import APIRouter, Request, Response

from spark_app import generations
from spark_app.generations import Generation
from spark_app.serving import asking
from spark_app.serving import state as state_
from spark_app.serving.answers import Generations, Reloaded

router = APIRouter(tags=["generations"])


@router.get("/generations", response_model=Generations)
def listed(request: Request) -> Response:
    """All whole generations, the newest first."""
    settings = state_.of(request).settings
    published = generations.published(settings)
    found = [_described(one, published) for one in reversed(generations.listed(settings))]
    return asking.answer({"generation": published and published.id, "generations": found})


@router.post("/reload", response_model=Reloaded, tags=["admin"])
def reload(request: Request) -> Response:
    """Look now whether another generation is published, and serve that."""
    state = state_.of(request)
    changed = state.look()
    return asking.answer({"generation": state.shown().served.id, "changed": changed})


def _described(one: Generation, published: Generation | None) -> dict[str, Any]:
    metrics, manifest = one.metrics, one.manifest
    return {
        "id": one.id,
        "created_at": manifest["created_at"],
        "published": published is not None and one.id == published.id,
        "engine": metrics["engine"],
        "algorithm": metrics.get("algorithm", "als"),
        "sound": one.is_sound,
        "reason": metrics.get("reason"),
        **manifest["counts"],
        "metrics": metrics["metrics"],
    }
