"""The live channel: events for all browsers over Socket.IO.

python-socketio manages connections and sessions, and serves clients that poll. A WebSocket client
gets its events through the `send` of its ASGI connection instead: an event is encoded once for all,
and a client that is slow to read holds at most one event of each kind.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, NoReturn

import socketio
import structlog
from starlette.types import Message, Send

from common import tracing
from common.background import start
from common.clock import milliseconds
from common.poll import Poll
from common.security import is_same_host
from result.channel_guard import PING_INTERVAL, PING_TIMEOUT
from result.metrics import Metrics
from result.tallies import Tally

POLLING = "polling"  # the room of the clients that poll, or did when they connected
SYSTEM = "system"  # the event, and the room of those that poll for it
STATUS_INTERVAL = 0.25  # seconds between two looks at the status
SYSTEM_INTERVAL = 0.25  # seconds between two events `system`
MAX_SILENCE = 0.75  # seconds after which an unchanged status is sent again, as a sign of life
MAX_MESSAGE = 16 * 1024  # bytes that a client may send at once
MAX_NAME = 100  # characters of a refused origin in the log

Content = dict[str, Any]

log = structlog.get_logger("live")


class Client:
    """A browser with a WebSocket.

    At most one send is in progress. Meanwhile, only the newest event of each kind waits.
    """

    __slots__ = ("_newest", "_send", "_sending")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._sending: asyncio.Task[None] | None = None
        self._newest: dict[str, Message] = {}  # by event, the oldest kind first

    def offer(self, event: str, message: Message) -> None:
        """Send a message in the place of an older one of this event that still waits."""
        self._newest[event] = message
        if self._sending is None or self._sending.done():
            self._sending = start(self._send_newest())

    async def _send_newest(self) -> None:
        # A closed connection is no error; python-socketio reports it as a disconnect.
        with contextlib.suppress(OSError, RuntimeError):
            while self._newest:
                event = next(iter(self._newest))
                await self._send(self._newest.pop(event))


class Live:
    """Send `message`, `scores` and `pipeline` to each new browser, then every change to all.

    Browsers that connect with `auth: {page: "system"}` get the event `system`, too.

    Args:
        poll: The poll.
        metrics: Counts browsers and broadcasts.
        status: Returns the content of `pipeline`, without the time and the browsers.
        system: Returns the content of `system`.
        ping: Seconds between two pings, and until a client that has not answered one is gone.

    Attributes:
        is_paused: While this returns true, browsers get no `scores` and no `pipeline`. Replace it
            to freeze the result page.
    """

    def __init__(
        self,
        poll: Poll,
        metrics: Metrics,
        status: Callable[[], Content],
        system: Callable[[], Awaitable[Content]],
        ping: tuple[float, float] = (PING_INTERVAL, PING_TIMEOUT),
    ) -> None:
        self.server = socketio.AsyncServer(
            async_mode="asgi",
            ping_interval=ping[0],
            ping_timeout=ping[1],
            max_http_buffer_size=MAX_MESSAGE,
            cors_allowed_origins=self._is_own_page,
            logger=_silent("socketio"),
            engineio_logger=_silent("engineio"),
        )
        self.server.on("connect", self._connect)
        self.server.on("disconnect", self._disconnect)
        self.is_paused: Callable[[], bool] = lambda: False
        self._welcome = {"text": poll.title}  # the classic page waits for this event
        self._scores: str | None = None  # the classic page parses a string
        self._sent: str | None = None  # the scores that all browsers have
        self._metrics = metrics
        self._status = status
        self._system = system
        self._clients: dict[str, Client] = {}  # with a WebSocket, by session id
        self._polling: set[str] = set()  # session ids
        self._watching: set[str] = set()  # session ids of the pages /system
        self._has_refused = False

    async def send_scores(self, tally: Tally) -> None:
        """Send the votes to all, or keep them until a pause ends."""
        self._scores = json.dumps(tally.votes)
        await self._send_scores()

    async def _send_scores(self) -> None:
        if self._scores == self._sent or self.is_paused():
            return
        self._sent = self._scores
        if self.browsers:
            self._metrics.broadcasts.inc()
        with tracing.broadcasting(self.browsers):
            await self._broadcast("scores", self._scores)

    async def follow_status(self) -> NoReturn:
        """Send the status to all when it has changed, and from time to time if it has not."""
        sent: Content = {}
        sent_at = 0.0
        while True:
            await asyncio.sleep(STATUS_INTERVAL)
            if self.is_paused():
                continue
            await self._send_scores()  # those that a pause has held back
            status = self._current_status()
            if _lasting(status) != _lasting(sent) or time.monotonic() - sent_at >= MAX_SILENCE:
                await self._broadcast("pipeline", status)
                sent, sent_at = status, time.monotonic()

    async def follow_system(self) -> NoReturn:
        """Send the event `system` while a page shows it."""
        while True:
            if self._watching:
                content = await self._system()
                message = _message(SYSTEM, content)
                for sid in self._watching & self._clients.keys():
                    self._clients[sid].offer(SYSTEM, message)
                await self.server.emit(SYSTEM, content, room=SYSTEM)
            await asyncio.sleep(SYSTEM_INTERVAL)

    async def _broadcast(self, event: str, content: object) -> None:
        message = _message(event, content)
        for client in self._clients.values():
            client.offer(event, message)
        await self.server.emit(event, content, room=POLLING)

    async def _connect(self, sid: str, environ: dict[str, Any], auth: object = None) -> None:
        # Until this returns, Socket.IO does not notice that a browser leaves. So it must not wait.
        self.server.start_background_task(self._admit, sid, environ, auth)

    async def _admit(self, sid: str, environ: dict[str, Any], auth: object) -> None:
        """Send the first events to a new browser, and from now on all others."""
        if self.server.get_environ(sid) is None:  # its connection has ended meanwhile
            await self.server.disconnect(sid)
            return
        is_watching = isinstance(auth, dict) and auth.get("page") == SYSTEM
        if is_watching:
            self._watching.add(sid)
        if environ["asgi.scope"]["type"] == "websocket":
            client = self._clients[sid] = Client(environ["asgi.send"])
            self._metrics.browsers.set(self.browsers)
            for event, content in self._first_events():
                client.offer(event, _message(event, content))
        else:
            self._polling.add(sid)
            self._metrics.browsers.set(self.browsers)
            await self.server.enter_room(sid, POLLING)
            if is_watching:
                await self.server.enter_room(sid, SYSTEM)
            for event, content in self._first_events():
                await self.server.emit(event, content, to=sid)

    async def _disconnect(self, sid: str, *_: object) -> None:
        self._clients.pop(sid, None)
        self._polling.discard(sid)
        self._watching.discard(sid)
        self._metrics.browsers.set(self.browsers)

    def _first_events(self) -> Iterator[tuple[str, object]]:
        yield "message", self._welcome
        if self.is_paused():
            self._sent = None  # this browser has no scores: send them to all when the pause ends
            return
        if self._scores is not None:
            yield "scores", self._scores
        yield "pipeline", self._current_status()

    def _current_status(self) -> Content:
        return {"now": milliseconds(), "browsers": self.browsers} | self._status()

    @property
    def browsers(self) -> int:
        """The number of connected browsers."""
        return len(self._clients) + len(self._polling)

    @property
    def sids(self) -> list[str]:
        """The session ids of all connected browsers."""
        return [*self._clients, *self._polling]

    def _is_own_page(self, origin: str | None, environ: Mapping[str, Any]) -> bool:
        """Return whether a page of this origin may listen."""
        if origin is None:  # a program: Socket.IO admits it anyway, without CORS headers
            return False
        host = environ.get("HTTP_HOST", "")
        if is_same_host(origin, host, environ.get("HTTP_X_FORWARDED_HOST", "")):
            return True
        if not self._has_refused:  # only the first one: strangers must not fill the log
            self._has_refused = True
            advice = "if it is yours, configure the proxy to pass the header Host"
            names = {"origin": origin[:MAX_NAME], "host": host[:MAX_NAME]}
            log.warning("refused the page of another host", **names, advice=advice)
        return False


def _message(event: str, content: object) -> Message:
    """Encode an event: Engine.IO type 4 (message), then Socket.IO type 2 (event)."""
    return {"type": "websocket.send", "text": f"42{json.dumps([event, content])}"}


def _lasting(status: Content) -> Content:
    """Return the status without what changes all the time."""
    return {key: value for key, value in status.items() if key not in ("now", "as_of")}


def _silent(name: str) -> logging.Logger:
    """Return a library's logger that says nothing: strangers must not fill the log."""
    logger = logging.getLogger(name)
    logger.setLevel(logging.CRITICAL)
    return logger
