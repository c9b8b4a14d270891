"""The vote service: its parts, its routes and what runs in the background."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp

from common import __version__, health
from common.background import background
from common.dependency import Dependency
from common.redis_client import connect
from common.security import SecurityHeaders
from vote import heartbeat, routes
from vote.metrics import Metrics
from vote.page import STATIC, Page
from vote.queue import RUNNERS, Queue
from vote.settings import Settings
from vote.voter_id import VoterIds


def create_app(settings: Settings) -> ASGIApp:
    """Return the ASGI app of the vote service."""
    poll = settings.poll
    served_by = socket.gethostname()
    secret = settings.cookie_secret
    metrics = Metrics(poll.option_ids)
    client = connect(settings, "vote")
    redis = Dependency("redis", settings.redis_address)
    voter_ids = VoterIds(secret.get_secret_value() if secret else None)
    queue = Queue(client, metrics)

    async def check_redis() -> None:
        await voter_ids.agree(client)
        await heartbeat.beat(client, served_by)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        pushing = [queue.run() for _ in range(RUNNERS)]
        async with client, background(redis.watch(check_redis), *pushing):
            yield

    app = FastAPI(
        title="vote",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # Without an exporter, the hooks of OpenTelemetry only cost time for each vote.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        routes=[
            Route("/", routes.show_page, middleware=[Middleware(GZipMiddleware)]),
            Route("/", routes.CastForm(), methods=["POST"]),
            *health.routes([redis], metrics.registry, ready_when_degraded=True),
            *STATIC.routes,
        ],
        exception_handlers={
            routes.Refusal: routes.report_refusal,
            RequestValidationError: routes.report_invalid_body,
            400: routes.report_unreadable_body,  # not UTF-8, or nested too deeply
        },
    )
    app.state.service = routes.VoteService(
        poll=poll,
        page=Page(poll, served_by, settings.result_url),
        voter_ids=voter_ids,
        queue=queue,
        redis=redis,
        metrics=metrics,
    )
    app.include_router(routes.router)
    return SecurityHeaders(app)  # outermost, so that also the answer to an internal error has them
