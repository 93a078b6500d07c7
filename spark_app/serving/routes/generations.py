"""Generations: what was trained, what was published, and why or why not."""

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response

from spark_app import generations
from spark_app.generations import Generation
from spark_app.serving import asking, problems
from spark_app.serving import state as state_
from spark_app.serving.problems import Problem
from spark_app.serving.state_answers import Generations, Reloaded

router = APIRouter(tags=["generations"])


@router.get("/generations", response_model=Generations, responses=problems.documented(503))
def listed(request: Request) -> Response:
    """All whole generations, the newest first."""
    settings = state_.of(request).settings
    try:
        published, held = generations.published(settings), generations.held(settings)
    except (OSError, ValueError, KeyError, LookupError) as error:
        detail = f"what is published cannot be read: {error}"
        raise Problem(503, "Not readable now", detail, headers={"Retry-After": "5"}) from error
    found = [_described(one, published, held) for one in reversed(generations.listed(settings))]
    said = [one for one in found if one is not None]
    return asking.answer({"generation": published and published.id, "held": held or None, "generations": said})


@router.post("/reload", response_model=Reloaded, tags=["admin"])
def reload(request: Request) -> Response:
    """Look now whether another generation is published, and serve that."""
    state = state_.of(request)
    changed = state.look()
    return asking.answer({"generation": state.shown().served.id, "changed": changed})


def _described(one: Generation, published: Generation | None, held: str) -> dict[str, Any] | None:
    """None for one that is being removed just now, or whose own files are damaged."""
    try:
        metrics, manifest = one.metrics, one.manifest
    except (OSError, ValueError, KeyError) as error:
        structlog.get_logger().warning("generation cannot be read", generation=one.id, error=str(error))
        return None
    is_published = published is not None and one.id == published.id
    return {
        "id": one.id,
        "created_at": manifest["created_at"],
        "published": is_published,
        "state": _state(metrics, manifest, held=is_published and one.id == held, published=is_published),
        "engine": metrics["engine"],
        "algorithm": metrics.get("algorithm", "als"),
        "feedback": metrics.get("feedback"),
        "sound": not manifest.get("fault"),
        "reason": metrics.get("reason"),
        "parent": manifest.get("parent"),
        **manifest["counts"],
        "events": manifest.get("events", {}),
        **{name: metrics.get(name) for name in ("cut", "overlap_at_10", "fold_in_overlap_at_10")},
        "metrics": metrics["metrics"],
        "baselines": metrics.get("baselines", {}),
        "seconds": metrics.get("seconds", {}),
    }


def _state(metrics: Mapping[str, Any], manifest: Mapping[str, Any], *, held: bool, published: bool) -> str:
    """What became of it, in a word."""
    was = metrics.get("published", published)
    if published:
        return "held" if held else "published" if was else "promoted"
    if manifest.get("rebuilt_from"):
        return "rebuilt"
    return "was published" if was else "refused"
