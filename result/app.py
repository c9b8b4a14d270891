"""The result service: the page, the live channel, the numbers for programs."""

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator

import socketio
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from common import __version__ as version
from common import (
    concurrency,
    dependency,
    health,
    missing,
    poll,
    redis_client,
    security,
    template,
)
from result import live, metric, page, pipeline, settings, tally, trouble


class ResultApp:
    """The routes, and what they share."""

    def __init__(self, configured: settings.Settings) -> None:
        self.poll = configured.poll()
        self.metrics = metric.Metrics()
        registry = self.metrics.registry
        self.postgres = dependency.Dependency("postgres", configured.database_address(), registry)
        self.tallies = tally.Tallies(configured, self.poll, self.postgres, self.metrics)
        self.redis: dependency.Dependency | None = None
        self.pipeline: pipeline.Pipeline | None = None
        if configured.has_redis:
            self.redis = dependency.Dependency("redis", configured.redis_address(), registry)
            self.client = redis_client.connect(configured, "result", timeout=pipeline.TIMEOUT)
            self.pipeline = pipeline.Pipeline(self.client, self.redis, self.poll)
        self.live = live.Live(self.poll, self.metrics, self._status)
        self.page = page.Page(self.poll, configured.vote_url)

    @contextlib.asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Follows the tallies and the pipeline while the app runs."""
        endless = [lambda: self.tallies.follow(self.live.broadcast), self.live.follow_status]
        if self.pipeline:
            endless.append(self.pipeline.follow)
        following = [asyncio.create_task(concurrency.persist(each)) for each in endless]
        try:
            yield
        finally:
            await concurrency.cancel(*following)
            if self.pipeline:
                await self.client.aclose()

    async def show(self, request: Request) -> Response:
        """GET /: the page, with the numbers of this moment."""
        latest = self.tallies.latest
        html = self.page.render(
            request,
            tallies=latest.voters if latest else None,
            as_of=latest.as_of if latest else None,
            final=self._is_final(),
            troubles=trouble.findings(
                self._status(), datetime.datetime.now(datetime.UTC), closed=self.poll.is_closed()
            ),
        )
        response = HTMLResponse(html, headers={"cache-control": "no-cache, private"})
        page.LOCALES.remember(request, response)
        return response

    async def results(self) -> Response:
        """GET /api/results: the options with their votes, the total, and as of when."""
        latest = self.tallies.latest
        headers = {"cache-control": "no-store"}
        if latest is None:
            detail = f"no result was read yet: Postgres: {self.postgres.reason}"
            return JSONResponse({"detail": detail}, 503, headers | {"retry-after": "2"})
        return JSONResponse(_results(self.poll, latest, final=self._is_final()), headers=headers)

    def _is_final(self) -> bool:
        """The poll is closed, and the numbers were read after the last vote was in them."""
        latest = self.tallies.latest
        if latest is None or not self.postgres.is_up:
            return False
        if self.pipeline is None:
            return pipeline.is_settled(self.poll, latest.as_of)
        drained_at = self.pipeline.drained_at
        return bool(self.pipeline.latest and drained_at and drained_at <= latest.as_of)

    def _status(self) -> live.Status:
        latest = self.tallies.latest
        queue = self.pipeline.latest if self.pipeline else None
        workers = queue.workers if queue else None
        commits = [each.last_commit for each in workers or [] if each.last_commit]
        return {
            "as_of": _ms(latest.as_of) if latest else None,
            "poll": self.poll.edition,
            "closes_at": template.milliseconds(self.poll.closes_at)
            if self.poll.closes_at
            else None,
            "final": self._is_final(),
            "postgres": _dependency(self.postgres),
            "redis": _dependency(self.redis)
            if self.redis
            else {"state": "unused", "since": None, "refused": False},
            "waiting": queue.waiting if queue else None,
            "claimed": queue.claimed if queue else None,
            "dead": queue.dead if queue else None,
            "workers": None if workers is None else [each._asdict() for each in workers],
            "vote_page": queue.vote_page if queue else None,
            "last_commit": max(commits, default=None),
        }


def create_app(configured: settings.Settings) -> ASGIApp:
    """The ASGI app of the result service, Socket.IO included."""
    service = ResultApp(configured)
    app = FastAPI(
        title="result",
        version=version,
        lifespan=service.lifespan,
        docs_url=None,
        redoc_url=None,
        exception_handlers={404: missing.answer},
        routes=[
            Route("/", service.show),
            *health.routes(
                [service.postgres],
                service.metrics.registry,
                optional=[service.redis] if service.redis else [],
            ),
        ],
    )
    app.add_api_route("/api/results", service.results, methods=["GET", "HEAD"])
    app.mount("/static", page.ASSETS.app)
    app.add_middleware(GZipMiddleware, minimum_size=500)
    # Around everything: also the live channel and the answer to a fault of ours have the headers.
    return security.SecurityHeaders(
        socketio.ASGIApp(service.live.server, app), [page.ASSETS.text("result.css")]
    )


def _results(asked: poll.Poll, latest: tally.Tally, *, final: bool) -> dict[str, object]:
    return {
        "title": asked.title,
        "options": [
            {"id": option.id, "name": option.name, "votes": latest.voters[option.id]}
            for option in asked.options
        ],
        "total": sum(latest.voters.values()),
        "as_of": latest.as_of.isoformat(),
        "final": final,
    }


def _dependency(each: dependency.Dependency) -> dict[str, object]:
    return {
        "state": "up" if each.is_up else "unknown" if each.is_unknown else "away",
        "since": _ms(each.since),
        "refused": each.is_refused,
    }


def _ms(moment: datetime.datetime) -> int:
    return int(moment.timestamp() * 1000)
