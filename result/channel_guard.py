"""A guard in front of Socket.IO: browsers only listen, so they may send very little.

It passes on what a client needs to connect, to stay connected and to leave. The libraries behind it
answer whatever a client sends, and keep each answer until the client has read it.
"""

import asyncio
import contextlib
import time
from collections import deque
from typing import Any
from urllib.parse import parse_qs

import socketio
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.security import MAX_BODY
from result.guarded_websocket import GuardedWebSocket

PATH = "/socket.io/"
MAX_SESSIONS = 600  # that poll, in one replica
PING_INTERVAL = 10  # seconds
PING_TIMEOUT = 10  # seconds
RETRY_AFTER = 5  # seconds
END_TIMEOUT = 1.0  # seconds that a client has to read that its session ends
MAX_CONNECT = 1024  # characters
MAX_HEAD = 8 * 1024  # bytes of the headers of a request
MAX_KEPT = 1024  # characters of the address and of the headers that are kept
HEADERS = (  # that Engine.IO and `Live` read
    b"accept-encoding", b"connection", b"content-length", b"host", b"origin", b"upgrade",
    b"x-forwarded-host", b"x-forwarded-proto",
)  # fmt: skip

# Packets of Engine.IO and Socket.IO, protocol versions 4 and 5.
CLOSE, PONG, CONNECT, DISCONNECT = "1", "3", "40", "41"
SEPARATOR = "\x1e"  # between the packets of one post


class ChannelGuard:
    """Pass on only what listening needs, to a server of python-socketio.

    A client that sends anything else loses its session. A client may connect to Socket.IO once in
    a session, waits in one poll at a time, and has to poll between two pongs, because a poll brings
    the ping.

    A session that polls costs memory until its ping times out, and some of it for `PING_INTERVAL`
    after its end. One client could open thousands each second, so the sessions that poll are
    limited, and so are new ones. A WebSocket costs its client a connection.

    Socket.IO keeps all that it gets of the first request with the session, so it gets little.

    Args:
        app: The server as an ASGI app, and the app behind it.
        server: The server.
        max_sessions: The limit on sessions that poll, and on new ones within `PING_INTERVAL`.
    """

    def __init__(
        self, app: ASGIApp, server: socketio.AsyncServer, max_sessions: int = MAX_SESSIONS
    ) -> None:
        self._app = app
        self._engine = server.eio
        self._max_sessions = max_sessions
        self._serve_limited = RequestBodyLimitMiddleware(self._serve_request, MAX_BODY)
        self._websockets = 0
        self._opened_at: deque[float] = deque(maxlen=max_sessions)  # monotonic, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket."""
        # Socket.IO also serves the path without the last slash.
        if scope["type"] == "lifespan" or not f"{scope['path']}/".startswith(PATH):
            await self._app(scope, receive, send)
            return
        kept = _shorten(scope)
        if scope["type"] == "websocket":
            if kept is None:
                await send({"type": "websocket.close"})
                return
            self._websockets += 1
            try:
                await self._serve_websocket(kept, receive, send)
            finally:
                self._websockets -= 1
        elif kept is None:
            text = f"address or headers are too long: more than {MAX_KEPT} or {MAX_HEAD} bytes\n"
            await PlainTextResponse(text, 431)(scope, receive, send)
        else:
            await self._serve_limited(kept, receive, send)

    async def allows(self, sid: str | None, packet: str) -> bool:
        """Return whether the client of a session may send this packet now."""
        if packet == CONNECT or (packet.startswith("40{") and len(packet) <= MAX_CONNECT):
            return await self._is_first(sid, CONNECT)
        return packet in (PONG, DISCONNECT, CLOSE) and await self._session(sid) is not None

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        sid = _parameter(scope, "sid")
        # Engine.IO would let a WebSocket open a session that polls.
        is_allowed = _parameter(scope, "transport") == "websocket"
        if not is_allowed or (sid is not None and not await self._is_first(sid, "upgrade")):
            await send({"type": "websocket.close"})
            return
        connection = GuardedWebSocket(self.allows, sid, receive, send)
        try:
            await self._app(scope, connection.receive, connection.send)
        except OSError:
            pass  # the client is gone
        finally:
            if sid is not None and connection.is_upgrading:
                await self._end(sid)  # Engine.IO would answer no more polls of this session

    async def _serve_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        sid = _parameter(scope, "sid")
        response: Response | None = None
        if request.headers.get("upgrade", "").lower() == "websocket":
            # Without "Connection: upgrade" the server does not take it for a WebSocket.
            response = PlainTextResponse("a WebSocket needs the header Connection: upgrade\n", 400)
        elif sid is None:
            if not self._can_open():
                headers = {"retry-after": str(RETRY_AFTER)}
                text = "too many clients poll; use a WebSocket\n"
                response = PlainTextResponse(text, 503, headers)
            else:
                await self._open(scope, send)
                return
        elif request.method == "POST":
            try:
                body = await request.body()
            except ClientDisconnect:
                return
            receive = _replay(body)
            if not await self._allows_body(sid, body):
                await PlainTextResponse("this channel only sends\n", 400)(scope, receive, send)
                await self._end(sid)
                return
        elif request.method == "GET" and (session := await self._session(sid)) is not None:
            await self._poll(sid, session, scope, receive, send)
            return
        await (response or self._app)(scope, receive, send)

    async def _open(self, scope: Scope, send: Send) -> None:
        """Open a session. It keeps nothing of the connection of this request."""
        answer: list[Message] = []

        async def collect(message: Message) -> None:
            answer.append(message)

        await self._app(scope, _replay(b""), collect)
        for message in answer:
            await send(message)

    async def _poll(
        self, sid: str, session: dict[str, Any], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Pass on a poll, unless another one of the session waits.

        Engine.IO does not notice that the client has gone, so one could leave thousands behind.
        """

        async def note_answer(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                session["has polled"] = True
            await send(message)

        if session.get("is polling"):
            await PlainTextResponse("one poll at a time\n", 400)(scope, receive, send)
            await self._end(sid)
            return
        session["is polling"] = True
        try:
            await self._app(scope, receive, note_answer)
        finally:
            session["is polling"] = False

    def _can_open(self) -> bool:
        """Return whether one more session may poll, and note it."""
        now = time.monotonic()
        if len(self._engine.sockets) - self._websockets >= self._max_sessions:
            return False
        if len(self._opened_at) == self._max_sessions and now - self._opened_at[0] < PING_INTERVAL:
            return False
        self._opened_at.append(now)
        return True

    async def _allows_body(self, sid: str, body: bytes) -> bool:
        packets = body.decode(errors="replace").split(SEPARATOR)
        session = await self._session(sid)
        if session is None or CLOSE in packets[:-1]:
            return False
        if PONG in packets and not session.pop("has polled", False):
            return False
        return all([await self.allows(sid, packet) for packet in packets])

    async def _session(self, sid: str | None) -> dict[str, Any] | None:
        """Return what is known of a session; None if it has ended."""
        try:
            session: dict[str, Any] = await self._engine.get_session(sid)
        except KeyError:
            return None
        return session

    async def _is_first(self, sid: str | None, step: str) -> bool:
        """Return whether a session takes a step for the first time."""
        session = await self._session(sid)
        if session is None or step in session:
            return False
        session[step] = True
        return True

    async def _end(self, sid: str) -> None:
        """End a session. Do not wait, as Engine.IO would, until its client has read everything."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_TIMEOUT):
                await self._engine.disconnect(sid)
        await self._session(sid)  # Engine.IO forgets an ended session when it is asked for it


def _parameter(scope: Scope, name: str) -> str | None:
    """Return a parameter of the address, as Engine.IO reads it."""
    query = parse_qs(scope["query_string"].decode(errors="replace"))
    return query[name][0] if name in query else None


def _shorten(scope: Scope) -> Scope | None:
    """Return what Socket.IO gets of a request; None if its head is too long."""
    kept = {name: value for name, value in scope["headers"] if name in HEADERS}
    size = sum(len(name) + len(value) for name, value in scope["headers"])
    address = len(scope["path"]) + len(scope["query_string"])
    if size > MAX_HEAD or address + sum(map(len, kept.values())) > MAX_KEPT:
        return None
    return {**scope, "headers": list(kept.items())}


def _replay(body: bytes) -> Receive:
    """Return the ASGI callable that delivers a body as a whole."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    return receive
