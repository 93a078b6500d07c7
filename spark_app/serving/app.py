"""The API as an ASGI app: state, layers and routes put together. Making it starts nothing."""

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

from spark_app.serving import description, news, problems
from spark_app.serving import state as state_
from spark_app.serving.envelope import Envelope
from spark_app.serving.gauges import Gauges
from spark_app.serving.guard import Guard
from spark_app.serving.keys import Keys
from spark_app.serving.measures import Measures
from spark_app.serving.routes import (
    docs,
    events,
    explanations,
    generations,
    graph,
    health,
    interests,
    popular,
    products,
    recommendations,
    segments,
    stats,
    status,
    stream,
    trending,
    users,
)
from spark_app.serving.stream import Stream
from spark_app.settings import Settings

_ABOUT = """Recommendations, and what stands behind them, from the published generation and the newest events.

Errors are problem details (RFC 9457). When keys are set, each request but those for health needs one in `X-API-Key`."""
# FastAPI's own telemetry would do again what the envelope does.
_NO_TELEMETRY: Any = dict.fromkeys(("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False)
# Routes are tried in this order: what is asked most comes first.
_NOUNS = (
    recommendations, events, health, users, products, popular, trending, segments, interests, explanations, graph,
    generations, stats, status, stream, docs,
)  # fmt: skip


def create(settings: Settings) -> FastAPI:
    """The app on the data folder of the settings; what runs beside the requests starts with its lifespan."""
    state = state_.made(settings, Measures())
    app = FastAPI(
        title="Millstream", version="1", description=_ABOUT, openapi_url=None,
        redirect_slashes=False, telemetry=_NO_TELEMETRY, lifespan=_lifespan,
    )  # fmt: skip
    app.state.millstream = state
    app.state.stream = Stream({name: functools.partial(says, state) for name, says in news.SOURCES.items()})
    state.measures.registry.register(Gauges(state))
    # The last that is added is the outermost.
    app.add_middleware(Guard, serve=settings.serve)
    app.add_middleware(Envelope, measures=state.measures)
    problems.add_to(app)
    for noun in _NOUNS:
        # As they are: a router that is included is asked anew at each request what its routes are.
        app.router.routes.extend(noun.router.routes)
    needs_key = bool(Keys(settings.serve))
    app.openapi = functools.cache(lambda: description.described(app, needs_key=needs_key))  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """What runs beside the requests, from the first to the last."""
    log = structlog.get_logger()
    log.info("serving", routes=len(app.routes))
    state = app.state.millstream
    await run_in_threadpool(state.start)
    try:
        yield
    finally:
        app.state.stream.close()
        await run_in_threadpool(state.stop)
        log.info("serving ended")
