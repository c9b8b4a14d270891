"""A limit on clients that poll, in front of Socket.IO."""

import socketio
import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

PATH = "/socket.io/"
MAX_SESSIONS = 1_000  # of clients that poll, in one replica
RETRY_AFTER = 5  # seconds

log = structlog.get_logger("live")


class PollingLimit:
    """Answer 503 to a new polling session when there are `MAX_SESSIONS`.

    A session without a connection costs memory until its ping times out, and one client could open
    thousands each second. A WebSocket costs its client a connection and is not limited.
    """

    def __init__(self, app: ASGIApp, server: socketio.AsyncServer) -> None:
        self._app = app
        self._server = server
        self._websockets = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket."""
        if scope["type"] == "websocket":
            self._websockets += 1
            try:
                await self._app(scope, receive, send)
            except ValueError as error:  # a message that is not Engine.IO's protocol
                log.debug("a WebSocket ended", reason=str(error))
            finally:
                self._websockets -= 1
            return
        response = None
        if scope["type"] == "http" and scope["path"].startswith(PATH):
            response = self._refuse(Request(scope))
        await (response or self._app)(scope, receive, send)

    def _refuse(self, request: Request) -> Response | None:
        # Without "Connection: upgrade" the server does not take it for a WebSocket.
        if request.headers.get("upgrade", "").lower() == "websocket":
            return PlainTextResponse("a WebSocket needs the header Connection: upgrade\n", 400)
        sessions = len(self._server.eio.sockets) - self._websockets
        if "sid" in request.query_params or sessions < MAX_SESSIONS:
            return None
        headers = {"retry-after": str(RETRY_AFTER)}
        return PlainTextResponse("too many clients poll; use a WebSocket\n", 503, headers)
