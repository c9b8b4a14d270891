"""A proxy that lets a WebSocket in, and then nothing through it, in either direction."""

import asyncio
import base64
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field

from tests import service

HOST = "127.0.0.1"
CHUNK = 64 * 1024  # bytes
UPGRADE = re.compile(rb"^upgrade: *websocket\r$", re.IGNORECASE | re.MULTILINE)
KEY = re.compile(rb"^sec-websocket-key: *(\S+)\r$", re.IGNORECASE | re.MULTILINE)
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # of RFC 6455
AWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass
class Proxy:
    """What came by it."""

    url: str
    requests: list[str] = field(default_factory=list)  # the first line of each WebSocket
    open: int = 0  # WebSockets that both sides hold open


@contextlib.asynccontextmanager
async def opened(behind: str, *, welcomes: bool = False) -> AsyncIterator[Proxy]:
    """A proxy in front of the service at `behind`; all its connections end with the block.

    `welcomes`: it lets a WebSocket in by itself, also while the service is away.
    """
    port = service.free_port()
    proxy = Proxy(f"http://{HOST}:{port}")
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            if welcomes and UPGRADE.search(head):
                await _welcome(proxy, head, reader, writer)
            else:
                await _join(proxy, int(behind.rpartition(":")[2]), head, reader, writer)
        writer.close()
        tasks.discard(task)

    server = await asyncio.start_server(handle, HOST, port)
    try:
        yield proxy
    finally:
        server.close()
        for task in tasks.copy():
            task.cancel()


async def _welcome(
    proxy: Proxy, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    proxy.requests.append(_first_line(head))
    key = KEY.search(head)
    assert key is not None
    accept = base64.b64encode(hashlib.sha1(key[1] + MAGIC, usedforsecurity=False).digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    await _hand_on(reader)


async def _join(
    proxy: Proxy,
    port: int,
    head: bytes,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    try:
        inner_reader, inner_writer = await asyncio.open_connection(HOST, port)
    except OSError:
        writer.write(AWAY)
        return
    try:
        inner_writer.write(head)
        if not UPGRADE.search(head):
            await _first_of(_hand_on(reader, inner_writer), _hand_on(inner_reader, writer))
            return
        proxy.requests.append(_first_line(head))
        writer.write(await inner_reader.readuntil(b"\r\n\r\n"))
        proxy.open += 1
        try:
            await _first_of(_hand_on(reader), _hand_on(inner_reader))
        finally:
            proxy.open -= 1
    finally:
        inner_writer.close()


def _first_line(head: bytes) -> str:
    return head.partition(b"\r\n")[0].decode()


async def _hand_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None = None
) -> None:
    """Until the end of `reader`; to nowhere if there is no `writer`."""
    with contextlib.suppress(OSError):
        while words := await reader.read(CHUNK):
            if writer:
                writer.write(words)
                await writer.drain()


async def _first_of(*directions: Coroutine[None, None, None]) -> None:
    tasks = [asyncio.ensure_future(each) for each in directions]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
