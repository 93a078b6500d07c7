"""How the process is: alive, ready, and its numbers."""

from fastapi import APIRouter, Request, Response

from spark_app.serving import measures, problems, state
from spark_app.serving.answers import Live, Ready

router = APIRouter(tags=["health"])


@router.head("/health/live", include_in_schema=False)
@router.get("/health/live")
async def live() -> Live:
    """Whether the process answers; needs no key."""
    return Live()


@router.head("/health/ready", include_in_schema=False)
@router.get("/health/ready", responses=problems.documented(503))
async def ready(request: Request) -> Ready:
    """Whether a generation is loaded; needs no key."""
    return Ready(generation=state.of(request).shown().served.id)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Metrics for Prometheus, in base units."""
    return Response(state.of(request).measures.exposed(), media_type=measures.MEDIA_TYPE)
