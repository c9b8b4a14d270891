"""The live channel: what every browser is sent over Socket.IO."""

import asyncio
import json
import logging
import time
import typing
from collections.abc import Callable

import socketio
import structlog

from common import poll, security
from result import fanout, metric, tally

STATUS_INTERVAL = 0.25  # seconds between two looks at the status
STATUS_SILENCE = 0.75  # seconds after which an unchanged status is sent again: it is a sign of life
PING_INTERVAL = 10  # seconds; a browser whose network died is noticed after this and the next
PING_TIMEOUT = 10  # seconds

MAX_REFUSED = 10  # pages of other hosts that the log tells of
MAX_NAME = 100  # characters of such a host

Status = dict[str, typing.Any]

log = structlog.get_logger("live")


class Live:
    """Sends `message` and `scores` on connect, as the classic page expects, then each change.

    `status` makes the content of the event `pipeline`, without the time and the browsers.
    """

    def __init__(
        self, asked: poll.Poll, metrics: metric.Metrics, status: Callable[[], Status]
    ) -> None:
        self.server = socketio.AsyncServer(
            async_mode="asgi",
            transports=["websocket", "polling"],
            ping_interval=PING_INTERVAL,
            ping_timeout=PING_TIMEOUT,
            cors_allowed_origins=self._is_ours,
            # What a stranger sends is no event of ours: it must not fill the log.
            logger=_silent("socketio"),
            engineio_logger=_silent("engineio"),
        )
        self.server.eio.disconnect = self._drop
        self.server.on("connect", self._connect)
        self.server.on("disconnect", self._disconnect)
        self._welcome = {"text": asked.title}
        self._metrics = metrics
        self._status = status
        self._scores: str | None = None
        self._refused: set[tuple[str, str]] = set()  # origins, and the hosts that were asked
        self._fanout = fanout.Fanout(self.server)
        self._browsers: dict[str, str] = {}  # the ids of Engine.IO by those of Socket.IO

    async def broadcast(self, latest: tally.Tally) -> None:
        """Sends the scores of `latest` to all."""
        # The classic page parses a string.
        self._scores = json.dumps(latest.voters)
        if self._browsers:
            await self._fanout.emit("scores", self._scores, self._browsers.values())
            self._metrics.broadcasts.inc()

    async def follow_status(self) -> typing.NoReturn:
        """Sends the status when it changed, and now and then when it did not."""
        sent: Status | None = None
        sent_at = 0.0
        while True:
            status = self._with_browsers()
            due = time.monotonic() - sent_at >= STATUS_SILENCE
            if self._browsers and (due or _stripped(status) != _stripped(sent)):
                await self._fanout.emit("pipeline", status, self._browsers.values())
                sent, sent_at = status, time.monotonic()
            await asyncio.sleep(STATUS_INTERVAL)

    def _is_ours(self, origin: str | None, environ: typing.Mapping[str, typing.Any]) -> bool:
        """Whether a page of `origin` may listen. Says once what a proxy does wrong."""
        if origin is None:  # no browser
            return False
        host = environ.get("HTTP_HOST", "")
        if security.is_same_host(origin, host, environ.get("HTTP_X_FORWARDED_HOST", "")):
            return True
        names = origin[:MAX_NAME], host[:MAX_NAME]
        if names not in self._refused and len(self._refused) < MAX_REFUSED:
            self._refused.add(names)
            log.warning(
                "a page of another host is refused: a proxy in front must hand on the header Host",
                origin=names[0],
                host=names[1],
            )
        return False

    async def _connect(self, sid: str, *_: object) -> None:
        await self.server.emit("message", self._welcome, to=sid)
        # What one alone is told leaves a turn of the loop later, a broadcast at once: it would
        # overtake. So there is none for this one until it was told the newest.
        told: str | None = None
        while told != self._scores:
            told = self._scores
            await self.server.emit("scores", told, to=sid)
        client = self.server.manager.eio_sid_from_sid(sid, "/")
        if client is None:  # it has left meanwhile
            return
        self._browsers[sid] = client
        self._metrics.browsers.set(len(self._browsers))
        await self.server.emit("pipeline", self._with_browsers(), to=sid)

    async def _disconnect(self, sid: str, *_: object) -> None:
        self._browsers.pop(sid, None)
        self._metrics.browsers.set(len(self._browsers))

    async def _drop(self, client: str) -> None:
        """Ends the session of a client whose post cannot be read.

        Engine.IO's own way waits until the client has fetched all that it is still to be told. One
        that does not fetch would leave its post without an answer, and the connection open, for
        good.
        """
        engine = self.server.eio
        if session := engine.sockets.pop(client, None):
            await session.close(wait=False, reason=engine.reason.TRANSPORT_ERROR)

    def _with_browsers(self) -> Status:
        return {
            "now": time.time_ns() // 1_000_000,
            "browsers": len(self._browsers),
        } | self._status()


def _silent(name: str) -> logging.Logger:
    logger = logging.getLogger(name)
    logger.setLevel(logging.CRITICAL)
    return logger


def _stripped(status: Status | None) -> Status | None:
    """`status` without what changes all the time."""
    if status is None:
        return None
    return {key: value for key, value in status.items() if key not in ("now", "as_of")}
