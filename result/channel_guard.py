"""A guard in front of Socket.IO: browsers only listen, so they may send very little.

It passes on what a client needs to connect, to stay connected and to leave. The libraries behind it
answer whatever a client sends, and keep each answer until the client has read it.
"""

import asyncio
import contextlib
import json
import time
from collections import deque
from typing import Any
from urllib.parse import parse_qs

import socketio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.background import start

PATH = "/socket.io/"
MAX_SESSIONS = 1_000  # that poll, in one replica
PING_INTERVAL = 10  # seconds
PING_TIMEOUT = 10  # seconds
RETRY_AFTER = 5  # seconds
SEND_TIMEOUT = 3.0  # seconds until a client that reads nothing counts as gone
UPGRADE_TIMEOUT = 10.0  # seconds for each step from polling to a WebSocket
END_TIMEOUT = 1.0  # seconds that a client has to read that its session ends
MAX_CONNECT = 1024  # characters
POLICY_VIOLATION = 1008  # RFC 6455, section 7.4.1

# Packets of Engine.IO and Socket.IO, protocol versions 4 and 5.
CLOSE, PONG, CONNECT, DISCONNECT = "1", "3", "40", "41"
UPGRADE = ("2probe", "5")
SEPARATOR = "\x1e"  # between the packets of one post

GONE: Message = {"type": "websocket.disconnect", "code": POLICY_VIOLATION}


class ChannelGuard:
    """Pass on only what listening needs, to a server of python-socketio.

    A client that sends anything else loses its session. A client may connect to Socket.IO once in
    a session, waits in one poll at a time, and has to poll between two pongs, because a poll brings
    the ping.

    A session that polls costs memory until its ping times out, and some of it for `PING_INTERVAL`
    after its end. One client could open thousands each second, so both numbers are limited. A
    WebSocket costs its client a connection.

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
        self._websockets = 0
        self._opened_at: deque[float] = deque(maxlen=max_sessions)  # monotonic, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket."""
        # Socket.IO also serves the path without the last slash.
        if scope["type"] == "lifespan" or not f"{scope['path']}/".startswith(PATH):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            self._websockets += 1
            try:
                await self._serve_websocket(scope, receive, send)
            finally:
                self._websockets -= 1
        else:
            await self._serve_request(scope, receive, send)

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
        connection = Connection(self, sid, receive, send)
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


class Connection:
    """A WebSocket whose client may send little and has to read.

    Args:
        guard: Says what the client may send.
        sid: The session that has polled until now; None for a new one.
        receive: Returns the next message of the client.
        send: Sends a message to the client.
    """

    def __init__(self, guard: ChannelGuard, sid: str | None, receive: Receive, send: Send) -> None:
        self._guard = guard
        self._sid = sid
        self._receive = receive
        self._send = send
        self._steps = list(UPGRADE) if sid else []  # those to come
        self._reading: asyncio.Timeout | None = None
        self._is_gone = False

    @property
    def is_upgrading(self) -> bool:
        """Whether the session still polls."""
        return bool(self._steps)

    async def receive(self) -> Message:
        """Return the next message, or a disconnect if the client may not send it or is gone."""
        if self._is_gone:
            return GONE
        try:
            async with asyncio.timeout(UPGRADE_TIMEOUT if self._steps else None) as self._reading:
                message = await self._receive()
        except TimeoutError:
            return GONE
        finally:
            self._reading = None
        if message["type"] != "websocket.receive" or await self._allows(message.get("text")):
            return message
        with contextlib.suppress(OSError, RuntimeError):  # it is closed already
            await self.send({"type": "websocket.close", "code": POLICY_VIOLATION})
        self._is_gone = True
        return GONE

    async def send(self, message: Message) -> None:
        """Send a message.

        Raises:
            OSError: The client is gone, or has read nothing for `SEND_TIMEOUT`.
        """
        if self._is_gone:
            raise OSError("the client is gone")
        if self._sid is None and message["type"] == "websocket.send":
            self._sid = json.loads(message["text"][1:])["sid"]  # Engine.IO opens the session
        sending = start(self._pass_on(message))  # a timeout for each would take longer than it
        try:
            await (sending if sending.done() else asyncio.wait_for(sending, SEND_TIMEOUT))
        except TimeoutError:
            self._is_gone = True
            if self._reading is not None:
                self._reading.reschedule(asyncio.get_running_loop().time())
            raise OSError("the client reads nothing") from None

    async def _pass_on(self, message: Message) -> None:
        await self._send(message)

    async def _allows(self, packet: str | None) -> bool:
        if packet is None:  # bytes
            return False
        if not self._steps:
            return await self._guard.allows(self._sid, packet)
        if packet != self._steps[0]:
            return False
        del self._steps[0]
        return True


def _parameter(scope: Scope, name: str) -> str | None:
    """Return a parameter of the address, as Engine.IO reads it."""
    query = parse_qs(scope["query_string"].decode(errors="replace"))
    return query[name][0] if name in query else None


def _replay(body: bytes) -> Receive:
    """Return the ASGI callable that delivers a body as a whole."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    return receive
