"""A browser at the result page: what it hears on the live channel."""

import contextlib
import json
import time
import typing
from collections.abc import AsyncIterator, Sequence

import aiohttp
import socketio

from tests import until


class Event(typing.NamedTuple):
    """One event, and when it was heard (s, monotonic)."""

    name: str
    content: typing.Any
    at: float


class Listener:
    """Hears the events `names`, and no others."""

    def __init__(self, url: str, names: Sequence[str], *, reconnection: bool = False) -> None:
        self.url = url
        self.heard: list[Event] = []
        self.client = socketio.AsyncClient(reconnection=reconnection)
        for name in names:
            self.client.on(name, self._hear(name))

    def _hear(self, name: str) -> typing.Callable[[typing.Any], None]:
        return lambda content: self.heard.append(Event(name, content, time.monotonic()))

    def of(self, name: str) -> list[Event]:
        """What was heard under `name`, oldest first."""
        return [event for event in self.heard if event.name == name]

    @property
    def scores(self) -> dict[str, int] | None:
        """The newest scores; None: not heard yet."""
        heard = self.of("scores")
        return json.loads(heard[-1].content) if heard else None

    @property
    def status(self) -> dict[str, typing.Any]:
        """The newest status of the pipeline; empty: not heard yet."""
        heard = self.of("pipeline")
        return heard[-1].content if heard else {}

    async def sees(self, within: float = 10.0, **scores: int) -> None:
        """Waits until the newest scores are these."""
        await until.true(lambda: self.scores == scores, within, lambda: self.scores)


@contextlib.asynccontextmanager
async def opened(
    url: str,
    names: Sequence[str] = ("message", "scores", "pipeline"),
    *transports: str,
) -> AsyncIterator[Listener]:
    """A browser that is connected to the result service at `url`.

    `transports` are tried in this order; the first is WebSocket unless they are given.
    """
    listening = Listener(url, names)
    await listening.client.connect(url, transports=list(transports) or ["websocket"])
    try:
        yield listening
    finally:
        engine = listening.client.eio
        # Not the polite way: with long polls, that waits until the last of them ends.
        await engine.disconnect(abort=True)
        engine.read_loop_task.cancel()


async def get(url: str, path: str) -> tuple[int, typing.Mapping[str, str], str]:
    """Status, headers and body of one answer."""
    async with aiohttp.ClientSession() as client, client.get(url + path) as answer:
        return answer.status, answer.headers, await answer.text()


async def results(url: str) -> dict[str, object]:
    """What /api/results tells."""
    status, headers, text = await get(url, "/api/results")
    assert (status, headers["cache-control"]) == (200, "no-store")
    content: dict[str, object] = json.loads(text)
    return content
