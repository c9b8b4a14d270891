"""The short way to a browser: a WebSocket frame that was made once, written to many connections.

The server's own `send` is a coroutine that has each message encoded, framed and copied anew for
each client; see bench/README.md for what this saves. Under another server than uvicorn nothing
changes but the speed.
"""

import asyncio
import typing

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode

Connection = WebSocketsSansIOProtocol
_NO_HEADERS = Headers()


class Inbox:
    """What a client has said and nobody has fetched yet, for one who fetches it.

    It has of asyncio.Queue what the server asks for, without the four deques of that, which are
    3 KiB for each client; see bench/README.md.
    """

    __slots__ = ("_messages", "_waiting")

    def __init__(self, before: "asyncio.Queue[typing.Any]") -> None:
        self._messages = [before.get_nowait() for _ in range(before.qsize())]
        self._waiting: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        return not self._messages

    def put_nowait(self, message: typing.Any) -> None:
        self._messages.append(message)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def get(self) -> typing.Any:
        """The oldest message, once there is one."""
        while not self._messages:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        return self._messages.pop(0)


def frame(text: str) -> bytes:
    """The whole WebSocket frame of a text message from a server."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


def connection_of(send: typing.Any) -> Connection | None:
    """The connection behind the ASGI `send` of a WebSocket, if it is uvicorn's."""
    connection = getattr(send, "__self__", None)
    return connection if isinstance(connection, Connection) else None


def forget_handshake(connection: Connection) -> None:
    """Lets go of what nobody asks for once the connection is open."""
    # The parser keeps the request itself.
    connection.request.path, connection.request.headers = "", _NO_HEADERS
    del connection.request, connection.response
    connection.queue = Inbox(connection.queue)  # type: ignore[assignment]


def leave(connection: Connection) -> None:
    """Ends a connection whose client does not read: it would wait for that without end."""
    if connection.transport.get_write_buffer_size():
        connection.transport.abort()


def write(connection: Connection, framed: bytes) -> bool:
    """Writes a whole frame; False if `send` has to: the client is slow, or on its way out."""
    transport = connection.transport
    if transport.is_closing() or connection.close_sent or not connection.writable.is_set():
        return False
    transport.write(framed)
    return True
