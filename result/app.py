"""The result service: its parts, its routes and what runs in the background."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import socketio
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp

from common import __version__, health, tracing
from common.background import background
from common.dependency import Dependency
from common.faults import Faults
from common.problem import Problems
from common.redis_client import connect
from common.replica import Heartbeat, Identity, Replica
from common.security import BodyLimit, SecurityHeaders
from result import presenter, routes
from result.audience import Audience
from result.channel_guard import ChannelGuard
from result.faults import drop_connections
from result.heartbeats import Heartbeats
from result.live import Live
from result.metrics import Metrics
from result.page import STATIC, Page
from result.pipeline import Pipeline
from result.presenter import Presenter
from result.settings import Settings
from result.status import Status
from result.system import System
from result.tallies import Tallies


def create_app(settings: Settings) -> ASGIApp:
    """Return the ASGI app of the result service, the live channel included."""
    poll = settings.poll
    identity = Identity("result", socket.gethostname(), settings.app_version)
    tracing.configure("result", identity.version)
    metrics = Metrics(identity.version)
    problems = Problems(metrics.registry)
    postgres = Dependency("postgres", settings.database_address)
    redis = Dependency("redis", settings.redis_address)
    client = connect(settings, "result")
    audience = Audience()
    tallies = Tallies(settings, poll, postgres, metrics, audience)
    heartbeats = Heartbeats(client, identity)
    pipeline = Pipeline(client, redis, poll, heartbeats, audience)
    status = Status(poll, tallies, pipeline)
    system = System(
        status,
        client,
        presenter=settings.faults == "enabled",
        sentinels=bool(settings.redis_sentinels),
    )
    faults = Faults(client, "result", identity.name)
    live = Live(poll, metrics, status.event, system.content)

    def describe() -> Heartbeat:
        state = "waiting for postgres" if postgres.state == "unavailable" else "idle"
        return Heartbeat(state=state, browsers=live.browsers, faults=faults.describe())

    replica = Replica(client, identity, metrics.broadcasts, describe)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        endless = [
            tallies.follow(live.send_scores),
            heartbeats.follow(),
            pipeline.follow(),
            live.follow_status(),
            live.follow_system(),
            audience.follow(lambda: live.browsers),
            replica.publish(),
        ]
        if settings.faults == "enabled":
            live.is_paused = lambda: faults.value("result-freeze") > 0
            endless += [faults.follow(), drop_connections(live, faults)]
        async with client, background(*endless):
            yield

    app = FastAPI(
        title="result",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(BodyLimit)],
        exception_handlers={
            HTTPException: problems.report,
            RequestValidationError: problems.report_invalid,
        },
        routes=[
            Route("/", routes.show_page, middleware=[Middleware(GZipMiddleware)]),
            Route("/system", routes.show_system, middleware=[Middleware(GZipMiddleware)]),
            *health.routes(
                [postgres], metrics.registry, optional=[redis], ready_when_degraded=True
            ),
            *STATIC.routes,
        ],
    )
    app.state.audience = audience
    app.state.status = status
    app.state.system = system
    app.state.page = Page(poll, settings.vote_url, str(identity))
    app.include_router(routes.router)
    if settings.faults == "enabled" and settings.presenter_token:
        app.state.presenter = Presenter(client, settings.presenter_token.get_secret_value())
        app.include_router(presenter.router)
    with_live = ChannelGuard(socketio.ASGIApp(live.server, app), live.server)
    # Outermost, so that also the answer to an internal error has the headers.
    return SecurityHeaders(with_live, identity.headers)
