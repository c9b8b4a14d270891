"""Events for every browser at once: encoded once, and written to each WebSocket at once.

python-socketio's own emit makes a task for each client, whose packet goes through a queue and by
a time-out to another task of that client, which writes it. Here the WebSocket itself stands in the
place of that queue. See bench/README.md for what that saves.
"""

import asyncio
import contextlib
import types
import typing
from collections.abc import Coroutine, Generator, Iterable

import engineio.exceptions
import engineio.packet
import socketio
import socketio.packet
from starlette.types import Message

from result import mailbox, wire

TURN = 2_500  # clients that are written to until others have a turn of the event loop
CLOSE_TIMEOUT = 1.0  # seconds
UPGRADE_TIMEOUT = 10.0  # seconds for the handshake of a client that polled; it polls on meanwhile
POLL_END = 0.1  # seconds between two ends of its poll: it upgrades between two polls
NOOP = engineio.packet.Packet(engineio.packet.NOOP)

Environ = dict[str, typing.Any]


class Fanout:
    """Sends events to many clients of `server`."""

    def __init__(self, server: socketio.AsyncServer) -> None:
        self._engine = server.eio
        self._packet = server.packet_class
        # Engine.IO's table of what its server, here ASGI, provides.
        self._engine._async = self._engine._async | {"websocket": Channel}
        self._engine.create_queue = mailbox.Mailbox

    async def emit(self, event: str, content: object, clients: Iterable[str]) -> None:
        """Sends to `clients`, named by their Engine.IO ids. None of them makes others wait.

        A browser that is slow to read gets the newest of each event, and not all of them.
        """
        message = self._packet(socketio.packet.EVENT, data=[event, content]).encode()
        packet = engineio.packet.Packet(engineio.packet.MESSAGE, message)
        text = packet.encode()
        framed = wire.frame(text)
        for number, client in enumerate(list(clients), 1):
            socket = self._engine.sockets.get(client)
            if socket is None or socket.closed:
                continue
            if isinstance(socket.queue, Channel):
                socket.queue.offer(event, text, framed)
            elif socket.queue.is_left(self._silence):
                await self._let_go(client)
            else:  # it polls
                socket.queue.offer(event, packet)
            if number % TURN == 0:
                await asyncio.sleep(0)

    @property
    def _silence(self) -> float:
        """Seconds after which one who does not come, or say anything, is gone."""
        return float(self._engine.ping_interval + self._engine.ping_timeout)

    async def _let_go(self, client: str) -> None:
        """Ends a session that answers pings and does not come for its packets."""
        socket = self._engine.sockets.pop(client)
        await socket.close(wait=False, abort=True, reason=self._engine.reason.PING_TIMEOUT)


class Channel:
    """One client's WebSocket, in the place of its queue once it is open.

    The interface is that of python-engineio's WebSocket, plus what it uses of a queue.
    """

    __slots__ = (
        "_client",
        "_connection",
        "_newest",
        "_next",
        "_receive",
        "_send",
        "_server",
        "_writing",
    )

    def __init__(self, handler: types.MethodType, server: typing.Any) -> None:
        self._client: typing.Any = handler.__self__  # an engineio.async_socket.AsyncSocket
        self._server = server
        self._writing: asyncio.Task[None] | None = None  # while the client is slow to read
        # For after that, and only made then: what is in order, and what a newer one replaces.
        self._next: list[str]
        self._newest: dict[str, str]  # by its event

    async def __call__(self, environ: Environ) -> str:
        self._receive, self._send = environ["asgi.receive"], environ["asgi.send"]
        self._connection = wire.connection_of(self._send)
        await self._send({"type": "websocket.accept"})
        # Kept as long as the client, and of no more use:
        environ["asgi.scope"].clear()
        environ.clear()
        if self._connection:
            wire.forget_handshake(self._connection)
        try:
            if not self._client.connected or await self._upgrade():
                self._take_over()
                await self._follow()
        finally:
            if self._client.queue is self:
                reason = self._server.reason.TRANSPORT_CLOSE
                await self._client.close(wait=False, abort=True, reason=reason)
            await self._close()
        return ""

    def offer(self, event: str, text: str, framed: bytes) -> None:
        """Writes `text` now, or when the client has read enough, unless a newer one comes.

        `framed`: the same as a frame.
        """
        if self._writing is not None:
            self._newest[event] = text
        elif self._connection is None or not wire.write(self._connection, framed):
            self._write(text)

    async def put(self, packet: engineio.packet.Packet) -> None:
        """Writes `packet`, in the order of the calls."""
        text = packet.encode()
        if self._writing is None:
            self._write(text)
        elif len(self._next) < mailbox.MOST_WAITING:
            self._next.append(text)
        elif self._connection is not None:  # it asks and asks, and does not read the answers
            wire.leave(self._connection)

    def empty(self) -> bool:
        return True

    # A poll that was under way when this took the queue's place goes on with these.

    def task_done(self) -> None:
        pass

    def get_nowait(self) -> typing.NoReturn:
        raise asyncio.QueueEmpty

    async def join(self) -> None:
        pass

    async def _upgrade(self) -> bool:
        """The handshake of a client that polls.

        It gets all by its polls until that is through: a proxy may let the WebSocket in, and then
        nothing through it. Of several at once the first to be through is the one.
        """
        try:
            async with asyncio.timeout(UPGRADE_TIMEOUT):
                if self._message(await self._receive()) != "2probe":
                    return False
                await self._send({"type": "websocket.send", "text": "3probe"})
                ending = asyncio.create_task(self._end_polls())
                try:
                    said = self._message(await self._receive())
                    return said == "5" and not self._client.upgraded
                finally:
                    ending.cancel()
        except TimeoutError:
            return False

    async def _end_polls(self) -> None:
        while True:
            if self._client.queue.empty():
                await self._client.queue.put(NOOP)
            await asyncio.sleep(POLL_END)

    def _take_over(self) -> None:
        client = self._client
        client.connected = client.upgraded = True
        waiting, client.queue = client.queue, self
        while not waiting.empty():
            self._write(waiting.get_nowait().encode())
        waiting.put_nowait(NOOP)  # ends a poll that is under way

    async def _follow(self) -> None:
        """Hears the client until either side ends it."""
        silence = self._server.ping_interval + self._server.ping_timeout  # seconds
        while True:
            try:
                async with asyncio.timeout(silence):
                    message = self._message(await self._receive())
            except TimeoutError:
                return
            if message is None:
                return
            try:
                await self._client.receive(engineio.packet.Packet(encoded_packet=message))
            except engineio.exceptions.UnknownPacketError:
                pass
            except (ValueError, IndexError, engineio.exceptions.SocketIsClosedError):
                return  # not Engine.IO's protocol, or too late

    def _message(self, event: Message) -> str | bytes | None:
        """What came; None at the end, and in place of one that is too long."""
        if event["type"] != "websocket.receive":
            return None
        message: str | bytes = event.get("text") or event.get("bytes") or ""
        return None if len(message) > self._server.max_http_buffer_size else message

    def _write(self, text: str) -> None:
        if self._writing is not None:
            self._next.append(text)
            return
        sending = self._send({"type": "websocket.send", "text": text})
        # The first step without a task: it is the last one too, unless the client is slow.
        try:
            awaited = sending.send(None)
        except StopIteration:
            pass
        except (OSError, RuntimeError):  # it has hung up: `_follow` hears that too
            pass
        else:
            self._next, self._newest = [], {}
            self._writing = asyncio.create_task(self._write_on(sending, awaited))

    async def _write_on(self, sending: Coroutine[typing.Any, None, None], awaited: object) -> None:
        with contextlib.suppress(OSError):
            await _resume(sending, awaited)
            while self._next or self._newest:
                text = (
                    self._next.pop(0) if self._next else self._newest.pop(next(iter(self._newest)))
                )
                await self._send({"type": "websocket.send", "text": text})
        self._writing = None

    async def _close(self) -> None:
        with contextlib.suppress(OSError, RuntimeError, TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._send({"type": "websocket.close"})
        if self._writing is not None:
            self._writing.cancel()
        if self._connection is not None:
            wire.leave(self._connection)


@types.coroutine
def _resume(
    coroutine: Coroutine[typing.Any, None, None], awaited: object
) -> Generator[object, None, None]:
    """Awaits the rest of `coroutine`, whose first step has yielded `awaited`."""
    try:
        yield awaited
    except BaseException:
        coroutine.close()
        raise
    yield from coroutine
