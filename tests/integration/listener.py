"""A browser at the result page: what it receives over the live channel."""

import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import aiohttp
import socketio

from tests import until

EVENTS = ("message", "scores", "pipeline")


class Event(NamedTuple):
    """One event, and when it was received (s, monotonic)."""

    name: str
    content: Any
    at: float


class Listener:
    """Receives the events `names`, and no others."""

    def __init__(
        self, url: str, names: Sequence[str] = EVENTS, *, reconnection: bool = False
    ) -> None:
        self.url = url
        self.heard: list[Event] = []
        self.client = socketio.AsyncClient(reconnection=reconnection)
        for name in names:
            self.client.on(name, self._receive(name))

    def _receive(self, name: str) -> Callable[[Any], None]:
        return lambda content: self.heard.append(Event(name, content, time.monotonic()))

    def of(self, name: str) -> list[Event]:
        return [event for event in self.heard if event.name == name]

    @property
    def scores(self) -> dict[str, int] | None:
        """The newest scores; None: not received yet."""
        heard = self.of("scores")
        return json.loads(heard[-1].content) if heard else None

    @property
    def status(self) -> dict[str, Any]:
        """The newest status of the pipeline; empty: not received yet."""
        heard = self.of("pipeline")
        return heard[-1].content if heard else {}

    async def sees(self, within: float = 10.0, **scores: int) -> None:
        await until.true(lambda: self.scores == scores, within, lambda: self.scores)

    async def shows(self, within: float = 10.0, **status: object) -> None:
        await until.true(
            lambda: {name: self.status.get(name) for name in status} == status,
            within,
            lambda: self.status,
        )

    async def shows_store(self, name: str, state: str) -> None:
        await until.true(
            lambda: self.status.get(name, {}).get("state") == state, what=lambda: self.status
        )


@contextlib.asynccontextmanager
async def opened(
    url: str, names: Sequence[str] = EVENTS, *transports: str, page: str | None = None
) -> AsyncIterator[Listener]:
    """Connect a browser to the result service at `url`.

    `transports` are tried in this order; the default is WebSocket only. `page` is what the browser
    says that it shows.
    """
    listening = Listener(url, names)
    await listening.client.connect(
        url, transports=list(transports) or ["websocket"], auth={"page": page} if page else None
    )
    try:
        yield listening
    finally:
        engine = listening.client.eio
        await engine.disconnect(abort=True)  # otherwise it waits for the last long poll
        engine.read_loop_task.cancel()


async def get(url: str, path: str) -> tuple[int, Mapping[str, str], str]:
    async with aiohttp.ClientSession() as client, client.get(url + path) as answer:
        return answer.status, answer.headers, await answer.text()


async def total(url: str) -> int:
    return int((await results(url))["total"])


async def results(url: str) -> dict[str, Any]:
    status, headers, text = await get(url, "/api/results")
    assert (status, headers["cache-control"]) == (200, "no-store")
    content: dict[str, Any] = json.loads(text)
    return content
