"""The result service: its parts, its routes and what runs in the background."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import socketio
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp

from common import __version__, health
from common.background import background
from common.dependency import Dependency
from common.redis_client import connect
from common.security import MAX_BODY, SecurityHeaders
from result import routes
from result.live import Live
from result.metrics import Metrics
from result.page import STATIC, Page
from result.pipeline import Pipeline
from result.polling_limit import PollingLimit
from result.settings import Settings
from result.status import Status
from result.tallies import Tallies


def create_app(settings: Settings) -> ASGIApp:
    """Return the ASGI app of the result service, the live channel included."""
    poll = settings.poll
    metrics = Metrics()
    postgres = Dependency("postgres", settings.database_address)
    redis = Dependency("redis", settings.redis_address)
    client = connect(settings, "result")
    tallies = Tallies(settings, poll, postgres, metrics)
    pipeline = Pipeline(client, redis, poll) if settings.has_redis else None
    status = Status(poll, tallies, pipeline)
    live = Live(poll, metrics, status.event)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        endless = [tallies.follow(live.send_scores), live.follow_status()]
        if pipeline:
            endless.append(pipeline.follow())
        async with client, background(*endless):
            yield

    app = FastAPI(
        title="result",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        routes=[
            Route("/", routes.show_page, middleware=[Middleware(GZipMiddleware)]),
            *health.routes(
                [postgres],
                metrics.registry,
                optional=[redis] if pipeline else [],
                ready_when_degraded=True,
            ),
            *STATIC.routes,
        ],
    )
    app.state.status = status
    app.state.page = Page(poll, settings.vote_url)
    app.include_router(routes.router)
    with_live = PollingLimit(socketio.ASGIApp(live.server, app), live.server)
    # Outermost, so that also the answer to an internal error has the headers.
    return SecurityHeaders(RequestBodyLimitMiddleware(with_live, MAX_BODY))
