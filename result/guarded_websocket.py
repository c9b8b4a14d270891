"""A WebSocket of the live channel: its client may send little, and has to read."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable

from starlette.types import Message, Receive, Send

from common.background import start

SEND_TIMEOUT = 3.0  # seconds until a client that reads nothing counts as gone
UPGRADE_TIMEOUT = 10.0  # seconds for each step from polling to a WebSocket
UPGRADE = ("2probe", "5")  # the packets of these steps
ACKNOWLEDGEMENT, EVENT = "40", "42"  # packets of Socket.IO, protocol version 5
POLICY_VIOLATION = 1008  # RFC 6455, section 7.4.1

GONE: Message = {"type": "websocket.disconnect", "code": POLICY_VIOLATION}

Allows = Callable[[str | None, str], Awaitable[bool]]  # session id, packet


class GuardedWebSocket:
    """A WebSocket whose client may send little and has to read.

    Events wait until the client has been sent the acknowledgement of its connection to Socket.IO,
    because Engine.IO writes that a moment later than it tells `Live`.

    Args:
        allows: Says whether the client of a session may send a packet.
        sid: The session that has polled until now; None for a new one.
        receive: Returns the next message of the client.
        send: Sends a message to the client.
    """

    def __init__(self, allows: Allows, sid: str | None, receive: Receive, send: Send) -> None:
        self._allows_packet = allows
        self._sid = sid
        self._receive = receive
        self._send = send
        self._steps = list(UPGRADE) if sid else []  # of the upgrade, those to come
        self._is_acknowledged = asyncio.Event()
        if sid:  # Engine.IO sends all packets of a session that has polled, in their order
            self._is_acknowledged.set()
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
            # The first packet of Engine.IO names the session.
            self._sid = json.loads(message["text"][1:])["sid"]
        # Most sends do not have to wait, and take less time than a timeout would.
        sending = start(self._pass_on(message))
        if sending.done():
            return await sending
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await sending  # the timeout cancels it, too
        except TimeoutError:
            self._is_gone = True
            if self._reading is not None:
                self._reading.reschedule(asyncio.get_running_loop().time())
            raise OSError("the client reads nothing") from None

    async def _pass_on(self, message: Message) -> None:
        packet = (message.get("text") or "")[:2]
        if packet == EVENT:
            await self._is_acknowledged.wait()
        await self._send(message)
        if packet == ACKNOWLEDGEMENT:
            self._is_acknowledged.set()

    async def _allows(self, packet: str | None) -> bool:
        if packet is None:  # bytes
            return False
        if not self._steps:
            return await self._allows_packet(self._sid, packet)
        if packet != self._steps[0]:
            return False
        del self._steps[0]
        return True
