"""An audience of many WebSocket clients in one process, cheap enough not to be what is measured.

`python -m bench.audience PORT COUNT PROTOCOL`, with PROTOCOL `socket.io` or `bare`. It talks in
lines of JSON: it says `{"connected": COUNT}`, is then told on stdin what to look for, one text a
line, and says `{"seen": …, "first": …, "last": …}` once each client has got a message with it
(s, monotonic, which all processes of a machine share).
"""

import asyncio
import base64
import json
import os
import sys
import time
import typing
from collections.abc import AsyncIterator

import uvloop

PARALLEL = 100  # connections that are being opened at once
OPEN_TIMEOUT = 20.0  # seconds for one
PATHS = {"socket.io": "/socket.io/?EIO=4&transport=websocket", "bare": "/"}
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA


class Audience:
    """All clients, and what they look for."""

    def __init__(self, count: int, protocol: str) -> None:
        self.count = count
        self.protocol = protocol
        self.path = PATHS[protocol]
        self.wanted: bytes | None = None
        self.seen = 0
        self.first = 0.0

    def look_for(self, text: str) -> None:
        self.wanted, self.seen = text.encode(), 0

    def heard(self, client: "Client", message: bytes) -> None:
        wanted = self.wanted
        if wanted is None or client.saw is wanted or wanted not in message:
            return
        client.saw = wanted
        self.seen += 1
        if self.seen == 1:
            self.first = time.monotonic()
        if self.seen == self.count:
            say({"seen": wanted.decode(), "first": self.first, "last": time.monotonic()})


class Client(asyncio.Protocol):
    """One WebSocket client, which speaks just enough of Engine.IO and Socket.IO."""

    __slots__ = ("audience", "buffer", "opened", "saw", "shaken", "transport")

    def __init__(self, audience: Audience) -> None:
        self.audience = audience
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.saw: bytes | None = None
        self.shaken = False
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = self.transport = typing.cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            (
                f"GET {self.audience.path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: {key}\r\n\r\n"
            ).encode()
        )

    def data_received(self, data: bytes) -> None:
        data = self.buffer + data
        if not self.shaken:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self.buffer = head
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                raise SystemExit(f"no WebSocket: {head.decode(errors='replace')}")
            self.shaken = True
            if self.audience.protocol == "bare":
                self.opened.set_result(None)
        self.buffer = self._take_frames(data)

    def _take_frames(self, data: bytes) -> bytes:
        """Hears all whole frames in `data`; returns the rest. A server's frames have no mask."""
        start = 0
        while len(data) - start >= 2:
            length, body = data[start + 1], start + 2
            if length >= 126:
                width = 2 if length == 126 else 8
                body += width
                if len(data) < body:
                    break
                length = int.from_bytes(data[body - width : body], "big")
            if len(data) < body + length:
                break
            self._take(data[start] & 0x0F, data[body : body + length])
            start = body + length
        return data[start:]

    def _take(self, opcode: int, message: bytes) -> None:
        if opcode == PING:
            self._send(PONG, message)
        elif opcode == CLOSE:
            self.transport.close()
        elif opcode == TEXT:
            if self.audience.protocol == "socket.io" and not message.startswith(b"42"):
                self._take_protocol(message)
            self.audience.heard(self, message)

    def _take_protocol(self, message: bytes) -> None:
        if message.startswith(b"0"):  # open: join the namespace
            self._send(TEXT, b"40")
        elif message == b"2":  # Engine.IO's ping
            self._send(TEXT, b"3")
        elif message.startswith(b"40") and not self.opened.done():
            self.opened.set_result(None)

    def _send(self, opcode: int, message: bytes) -> None:
        # A mask of zeros: the standard asks for a mask, and changes nothing by this one.
        self.transport.write(bytes((0x80 | opcode, 0x80 | len(message), 0, 0, 0, 0)) + message)

    def connection_lost(self, _: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("the server closed the connection"))


async def lines() -> AsyncIterator[str]:
    """The lines of stdin."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line.decode().strip()


def say(content: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


async def attend(port: int, count: int, protocol: str) -> None:
    """Connects `count` clients, then looks for each line of stdin until that ends."""
    loop = asyncio.get_running_loop()
    audience = Audience(count, protocol)
    free = asyncio.Semaphore(PARALLEL)
    # Addresses of our own: one alone has too few ports for many thousand connections.
    sources = [f"127.0.0.{2 + number}" for number in range(1 + count // 20_000)]
    clients = []

    async def open_one(number: int) -> None:
        async with free, asyncio.timeout(OPEN_TIMEOUT):
            source = (sources[number % len(sources)], 0) if sys.platform == "linux" else None
            _, client = await loop.create_connection(
                lambda: Client(audience), "127.0.0.1", port, local_addr=source
            )
            clients.append(client)
            await client.opened

    await asyncio.gather(*map(open_one, range(count)))
    say({"connected": count})
    async for line in lines():
        audience.look_for(line)
        say({"looking": line})


if __name__ == "__main__":
    port, count, protocol = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(attend(int(port), int(count), protocol))
