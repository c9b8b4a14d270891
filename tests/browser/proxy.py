"""A proxy that lets a WebSocket in, and then nothing through it, in either direction."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field

from tests import service

HOST = "127.0.0.1"
CHUNK = 64 * 1024  # bytes
UPGRADE = re.compile(rb"^upgrade: *websocket\r$", re.IGNORECASE | re.MULTILINE)


@dataclass
class Proxy:
    """What came by it."""

    url: str
    requests: list[str] = field(default_factory=list)  # the first line of each WebSocket
    open: int = 0  # WebSockets that both sides hold open


@contextlib.asynccontextmanager
async def opened(behind: str) -> AsyncIterator[Proxy]:
    """A proxy in front of the service at `behind`; all its connections end with the block."""
    port = service.free_port()
    proxy = Proxy(f"http://{HOST}:{port}")
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await _join(proxy, int(behind.rpartition(":")[2]), reader, writer)
        writer.close()
        tasks.discard(task)

    server = await asyncio.start_server(handle, HOST, port)
    try:
        yield proxy
    finally:
        server.close()
        for task in tasks.copy():
            task.cancel()


async def _join(
    proxy: Proxy, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    inner_reader, inner_writer = await asyncio.open_connection(HOST, port)
    try:
        inner_writer.write(head)
        if not UPGRADE.search(head):
            await _first_of(_hand_on(reader, inner_writer), _hand_on(inner_reader, writer))
            return
        proxy.requests.append(head.partition(b"\r\n")[0].decode())
        writer.write(await inner_reader.readuntil(b"\r\n\r\n"))
        proxy.open += 1
        try:
            await _first_of(_hand_on(reader), _hand_on(inner_reader))
        finally:
            proxy.open -= 1
    finally:
        inner_writer.close()


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
