"""The vote service: the page, the two ways to cast a vote, and what operators need."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import redis.exceptions
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from common import __version__ as version
from common import (
    asset,
    ballot,
    concurrency,
    dependency,
    health,
    missing,
    redis_client,
    security,
)
from vote import cast, heartbeat, metric, page, queue, settings, shortcut, voter

MAX_BODY = 16 * 1024  # bytes; a form with one vote has a few dozen
RETRY_AFTER = 2  # seconds


class VoteApp:
    """The routes, and what they share."""

    def __init__(self, configured: settings.Settings) -> None:
        self.poll = configured.poll()
        self.metrics = metric.Metrics(self.poll.option_ids)
        self.client = redis_client.connect(
            configured, "vote", timeout=ballot.PUSH_TIMEOUT, retries=0
        )
        self.redis = dependency.Dependency(
            "redis", configured.redis_address(), self.metrics.registry
        )
        secret = configured.cookie_secret
        self.voters = voter.Voters(secret.get_secret_value() if secret else None)
        self.queue = queue.Queue(self.client, self.redis, self.metrics)
        self.caster = cast.Caster(self.poll, self.voters, self.queue)
        self.name = socket.gethostname()
        self.page = page.Page(self.poll, self.name, configured.result_url)

    @contextlib.asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Watches Redis while the app runs, and shows it that the app does."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            await concurrency.cancel(watching)
            await self.queue.close()
            await self.client.aclose()

    async def _watch(self) -> None:
        await self.queue.open()
        await self.redis.watch(self._ask)

    async def _ask(self) -> None:
        """Raises where Redis is away, or takes no vote: then it is away for voters."""
        try:
            await self.voters.agree(self.client)
            self.redis.answered()
            await heartbeat.beat(self.client, self.name, was_full=self.redis.is_full)
        except redis.exceptions.ReadOnlyError:
            # A master once, now a replica: a new connection may lead to the new master.
            await self.client.connection_pool.disconnect()
            raise

    async def page_or_vote(self, request: Request) -> Response:
        """One route for both, so that the answer to another method names them all."""
        return await (self.cast_form if request.method == "POST" else self.show)(request)

    async def show(self, request: Request) -> Response:
        """GET /: the page, which marks the voter's own choice."""
        state = "away" if self.redis.is_away else "open"
        is_known = self._is_known(request)
        response = self._page(request, state, 200, is_known=is_known)
        if self.voters.can_sign and not is_known:
            # Minted with the page, so that two taps on it are one voter's. Another's choice goes.
            forgotten = "" if cast.CHOICE_COOKIE in request.cookies else None
            self._remember(request, response, self.voters.mint(), forgotten)
        return response

    async def cast_form(self, request: Request) -> Response:
        """POST /: a form; answered by a redirect once Redis has acknowledged the vote."""
        tried: str | None = None
        try:
            self._check(request, "application/x-www-form-urlencoded")
            try:
                form = parse_qs((await _body(request)).decode(), max_num_fields=10)
            except ValueError:
                raise cast.Refusal(
                    400, "bad_request", "the form is not URL-encoded UTF-8"
                ) from None
            tried, edition = (form.get(name, [None])[-1] for name in ("vote", "poll"))
            if cast.REFUSAL in request.scope:
                raise request.scope[cast.REFUSAL]
            taken = await self.caster.cast(request.cookies.get(voter.COOKIE), tried, edition)
        except cast.Refusal as refusal:
            self.metrics.refused.labels(reason=refusal.state).inc()
            is_known = self._is_known(request)
            page_told = self._page(request, refusal.state, refusal.status, tried, is_known=is_known)
            return self._unsure(request, refusal, page_told)
        response = RedirectResponse("./", 303, {"cache-control": "no-store"})
        self._remember(request, response, taken.voter_id, taken.vote)
        return response

    async def cast_json(self, request: Request) -> Response:
        """POST /api/votes: the same for programs, 202 once Redis has acknowledged the vote."""
        try:
            self._check(request, "application/json")
            try:
                content = json.loads(await _body(request))
            except (ValueError, RecursionError):
                raise cast.Refusal(400, "bad_request", "the body is not JSON") from None
            if not isinstance(content, dict):
                content = {}
            if cast.REFUSAL in request.scope:
                raise request.scope[cast.REFUSAL]
            taken = await self.caster.cast(
                request.cookies.get(voter.COOKIE), content.get("vote"), content.get("poll")
            )
        except cast.Refusal as refusal:
            self.metrics.refused.labels(reason=refusal.state).inc()
            return self._unsure(request, refusal, self._problem(refusal))
        response = JSONResponse(cast.told(taken), 202, {"cache-control": "no-store"})
        self._remember(request, response, taken.voter_id, taken.vote)
        return response

    def _check(self, request: Request, media_type: str) -> None:
        if security.is_cross_site(request.headers):
            raise cast.Refusal(403, "cross_site", "a vote is cast from the vote page itself")
        given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if given != media_type:
            raise cast.Refusal(
                415, "bad_request", f"the content type is {given!r}, not {media_type}"
            )

    def _is_known(self, request: Request) -> bool:
        return self.voters.recognise(request.cookies.get(voter.COOKIE)) is not None

    def _page(
        self,
        request: Request,
        state: str,
        status: int,
        tried: str | None = None,
        *,
        is_known: bool,
    ) -> Response:
        # The choice is not signed: it says something of a voter whom we know, or nothing.
        choice = None
        if is_known and state != "unsure":
            choice = self.caster.choice(request.cookies.get(cast.CHOICE_COOKIE))
        made = self.page.render(request, choice=choice, state=state, tried=tried)
        # Not no-store: that would keep the page out of the browser's back/forward cache.
        headers = {"cache-control": "no-cache, private"}
        if status == 503:
            headers["retry-after"] = str(RETRY_AFTER)
        gzipped = asset.accepts_gzip(request.headers)
        if gzipped:  # the middleware says it of the others
            headers |= {"content-encoding": "gzip", "vary": "Accept-Encoding"}
        response = HTMLResponse(made.gzipped if gzipped else made.html, status, headers)
        page.LOCALES.remember(request, response)
        return response

    def _problem(self, refusal: cast.Refusal) -> Response:
        content: dict[str, object] = {"reason": refusal.state, "detail": refusal.detail}
        if refusal.status in (409, 422):
            content["options"] = [option.id for option in self.poll.options]
        headers = {"retry-after": str(RETRY_AFTER)} if refusal.status == 503 else None
        return JSONResponse(content, refusal.status, headers)

    def _unsure(self, request: Request, refusal: cast.Refusal, response: Response) -> Response:
        """What may have been taken is this voter's, and what they chose before may be no more."""
        if refusal.voter_id is not None:
            self._remember(request, response, refusal.voter_id, "")
        return response

    def _remember(
        self, request: Request, response: Response, voter_id: str, choice: str | None = None
    ) -> None:
        secure = request.url.scheme == "https"
        known = request.cookies.get(voter.COOKIE)
        response.raw_headers += self.caster.cookies(voter_id, choice, known=known, secure=secure)


def create_app(configured: settings.Settings) -> ASGIApp:
    """The ASGI app of the vote service."""
    service = VoteApp(configured)
    app = FastAPI(
        title="vote",
        version=version,
        lifespan=service.lifespan,
        docs_url=None,
        redoc_url=None,
        exception_handlers={404: missing.answer},
        routes=[
            Route("/", service.page_or_vote, methods=["GET", "POST"]),
            *health.routes([service.redis], service.metrics.registry),
        ],
    )
    app.add_api_route(
        "/api/votes", service.cast_json, methods=["POST"], status_code=202, openapi_extra=_OPENAPI
    )
    app.mount("/static", page.ASSETS.app)
    app.add_middleware(GZipMiddleware, minimum_size=500)
    # Around everything: also the answer to a fault of ours has the headers.
    protected = security.SecurityHeaders(app, [page.ASSETS.text("vote.css")])
    return shortcut.Shortcut(protected, service.caster)


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise cast.Refusal(413, "too_large", f"the body is longer than {MAX_BODY} bytes")
    except ClientDisconnect:
        raise HTTPException(400, "the client hung up") from None
    return bytes(body)


_OPENAPI = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["vote"],
                    "properties": {
                        "vote": {"type": "string", "example": "a"},
                        "poll": {
                            "type": "string",
                            "description": "of which page: as data-poll in it; may be left out",
                        },
                    },
                }
            }
        },
    }
}
