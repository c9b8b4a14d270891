"""The vote service: its parts, its routes and what runs in the background."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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
from common.metrics import total
from common.problem import Problems
from common.queue.producer import RUNNERS, Producer
from common.redis_client import check_write, connect
from common.replica import Heartbeat, Identity, Replica
from common.security import BodyLimit, SecurityHeaders
from vote import routes
from vote.faults import FaultyVoteService
from vote.metrics import Metrics
from vote.page import STATIC, Page
from vote.service import Refusal, VoteService
from vote.settings import Settings
from vote.voter_id import VoterCookies, VoterIds

CHECK_INTERVAL = 1.0  # seconds between two checks of Redis


def create_app(settings: Settings) -> ASGIApp:
    """Return the ASGI app of the vote service."""
    poll = settings.poll
    identity = Identity("vote", socket.gethostname(), settings.app_version)
    tracing.configure("vote", identity.version)
    secret = settings.cookie_secret
    metrics = Metrics(list(poll.options), identity.version)
    problems = Problems(metrics.registry)
    client = connect(settings, "vote")
    redis = Dependency("redis", settings.redis_address)
    voter_ids = VoterIds(secret.get_secret_value() if secret else None)
    page = Page(poll, str(identity), settings.result_url, identity.version)
    producer = Producer(client, metrics, settings.redis_replicas, poll.last_push)
    faults = Faults(client, "vote", identity.name)
    service = VoteService(poll, voter_ids, producer)
    if settings.faults == "enabled":
        service = FaultyVoteService(poll, voter_ids, producer, faults)

    async def check_redis() -> None:
        await voter_ids.agree(client)
        await check_write(client)

    def describe() -> Heartbeat:
        refused = int(total(metrics.refused))
        return Heartbeat(faults=faults.describe(), refused=refused)

    replica = Replica(client, identity, metrics.accepted, describe)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        pushing = [producer.run() for _ in range(RUNNERS)]
        endless = [redis.watch(check_redis, CHECK_INTERVAL), replica.publish(), *pushing]
        if settings.faults == "enabled":
            endless.append(faults.follow())
        async with client, background(*endless):
            yield

    app = FastAPI(
        title="vote",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry=tracing.telemetry(),
        middleware=[Middleware(BodyLimit)],
        routes=[
            Route("/", routes.cast_form, methods=["POST"]),
            Route("/", routes.show_page, middleware=[Middleware(GZipMiddleware)]),
            *health.routes([redis], metrics.registry, ready_when_degraded=True),
            *STATIC.routes,
        ],
        exception_handlers={
            Refusal: routes.report_refusal,
            RequestValidationError: routes.report_bad_body,
            400: routes.report_bad_body,  # not UTF-8, or nested too deeply
            413: routes.report_long_body,
            HTTPException: problems.report,
        },
    )
    app.include_router(routes.router)
    cookies = VoterCookies(voter_ids, poll.revision)
    app.state.parts = routes.Parts(service, cookies, page, redis, metrics, problems)
    # Outermost, so that also the answer to an internal error has the headers.
    return SecurityHeaders(app, identity.headers)
