"""Both pages without stores: apps whose answers the tests choose."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import socketio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from common.poll import OPTION_LETTERS, Poll
from common.security import SecurityHeaders
from common.templating import milliseconds, version_hue
from result import page as result_page
from vote import page as vote_page

PERIOD = 0.5  # seconds between two states of the pipeline


def poll_of(*names: str, title: str = "Which one?", closes_at: datetime | None = None) -> Poll:
    options = dict(zip(OPTION_LETTERS, names or ("Cats", "Dogs"), strict=False))
    return Poll(title, options, closes_at)


@dataclass
class VotePage:
    """The vote page. Everything that a test may change is a field."""

    poll: Poll = field(default_factory=poll_of)
    state: str = "open"
    choice: str | None = None
    # To a vote by script: the status, and JSON, HTML or where to redirect.
    answer: tuple[int, Any] = (202, {})
    votes: list[dict[str, str]] = field(default_factory=list)  # what the script has sent
    hold: asyncio.Event | None = None  # until it is set, votes get no answer

    @property
    def app(self) -> ASGIApp:
        routes = [
            Route("/", self._vote, methods=["POST"]),
            Route("/", self._show),
            *vote_page.STATIC.routes,
        ]
        return SecurityHeaders(Starlette(routes=routes))

    async def _show(self, request: Request) -> Response:
        page = vote_page.Page(self.poll, "replica-1", "http://127.0.0.1:9/")
        html = page.render(request, choice=self.choice, state=self.state)
        response = HTMLResponse(html)
        vote_page.LOCALES.remember(request, response)
        return response

    async def _vote(self, request: Request) -> Response:
        assert request.headers["accept"] == "application/json"
        self.votes.append(dict(parse_qsl((await request.body()).decode())))
        if self.hold:
            await self.hold.wait()
        status, content = self.answer
        if status in (202, 303):
            self.choice = self.votes[-1]["vote"]
        if status == 303:
            return RedirectResponse(content, status)
        return (
            HTMLResponse(content, status)
            if isinstance(content, str)
            else JSONResponse(content, status)
        )


class ResultPage:
    """The result page with its live channel."""

    def __init__(self, poll: Poll | None = None, **counts: int) -> None:
        self.poll = poll or poll_of()
        self.counts = {letter: counts.get(letter, 0) for letter in self.poll.options}
        self.degraded = False
        self.is_silent = False
        self.changes: dict[str, Any] = {}  # to a pipeline where all is well
        self._server = socketio.AsyncServer(async_mode="asgi")
        self._server.on("connect", self._connect)

    @property
    def app(self) -> ASGIApp:
        app = Starlette(routes=[*self._routes, *result_page.STATIC.routes])
        return SecurityHeaders(socketio.ASGIApp(self._server, app))

    @property
    def _routes(self) -> list[Route]:
        return [Route("/", self._show)]

    @property
    def _page(self) -> result_page.Page:
        served_by = "voting-result-7d9f8b6c5-m28v2, 0.2.0"
        return result_page.Page(self.poll, "https://vote.example.org/", served_by)

    async def send_counts(self, **counts: int) -> None:
        self.counts |= counts
        await self._server.emit("scores", json.dumps(self.counts))

    async def send_pipeline(self, **changes: Any) -> None:
        self.changes = changes
        await self._server.emit("pipeline", self._pipeline())

    async def _connect(self, session: str, _: dict[str, Any], auth: Any = None) -> None:
        await self._server.emit("scores", json.dumps(self.counts), to=session)
        self._server.start_background_task(self._follow, session)

    async def _follow(self, session: str) -> None:
        while self._server.manager.is_connected(session, "/"):
            if not self.is_silent:
                await self._server.emit("pipeline", self._pipeline(), to=session)
            await asyncio.sleep(PERIOD)

    async def _show(self, request: Request) -> Response:
        html = self._page.render(
            request,
            tallies=self.counts,
            as_of=datetime.now(UTC),
            final=self.changes.get("final", False),
            degraded=self.degraded,
        )
        response = HTMLResponse(html)
        result_page.LOCALES.remember(request, response)
        return response

    def _pipeline(self) -> dict[str, Any]:
        now = milliseconds(datetime.now(UTC))
        closes_at = self.poll.closes_at
        return {
            "now": now,
            "browsers": 2,
            "as_of": now,
            "poll": self.poll.revision,
            "text": self.poll.text_hash,
            "closes_at": milliseconds(closes_at) if closes_at else None,
            "final": False,
            "postgres": store("available"),
            "redis": store("available"),
            "waiting": 0,
            "claimed": 0,
            "dead": 0,
            "workers": [worker("worker-1")],
            "vote_page": True,
            "last_commit": None,
        } | self.changes


class SystemPage(ResultPage):
    """The system page, next to the result page."""

    def __init__(self, *replicas: dict[str, Any], **changes: Any) -> None:
        super().__init__()
        self.content: dict[str, Any] = {
            "replicas": list(replicas),
            "waiting": 0,
            "claimed": 0,
            "stored": 0,
            "dead": 0,
            "browsers": 1,
            "commits": 0.0,
            "abandoned": {},
            "latency": None,
            "redis": store("available"),
            "postgres": store("available"),
            "servers": {"redis": None, "postgres": None},
            "faults": [],
            "presenter": False,
        } | changes

    async def send(self, *replicas: dict[str, Any], **changes: Any) -> None:
        """Change the content, and send it at once."""
        self.content |= {"replicas": list(replicas)} | changes
        await self._server.emit("system", self._now(), room="system")

    @property
    def _routes(self) -> list[Route]:
        return [
            *super()._routes,
            Route("/system", self._show_system),
            Route("/system/login", lambda _: JSONResponse(False)),
        ]

    async def _connect(self, session: str, _: dict[str, Any], auth: Any = None) -> None:
        if auth == {"page": "system"}:
            await self._server.enter_room(session, "system")
            await self._server.emit("system", self._now(), to=session)
        await super()._connect(session, _)

    async def _show_system(self, request: Request) -> Response:
        return HTMLResponse(self._page.render_system(request, self._now()))

    def _now(self) -> dict[str, Any]:
        return self.content | {"now": milliseconds(datetime.now(UTC))}


def replica(service: str, name: str = "m28v2", **changes: Any) -> dict[str, Any]:
    """A replica that has run for a minute."""
    own: dict[str, Any] = {
        "vote": {"refused": 0},
        "worker": {"claimed": 0, "commits": 0.0},
    }
    return {
        "service": service,
        "name": f"{service}-7d9f8b6c5-{name}",
        "version": "0.2.0",
        "started_at": milliseconds(datetime.now(UTC)) - 60_000,
        "state": "idle",
        "rate": 0.0,
        "faults": [],
        "gone_since": None,
        "hue": version_hue(changes.get("version", "0.2.0")),
        **own.get(service, {"browsers": 1}),
        **changes,
    }


def store(state: str, *, refused: bool = False) -> dict[str, Any]:
    return {"state": state, "since": milliseconds(datetime.now(UTC)), "refused": refused}


def worker(name: str, *, alive: bool = True, state: str = "idle") -> dict[str, Any]:
    return {"name": name, "alive": alive, "state": state, "last_commit": None}
