"""A proxy in front of Redis, which may lead to another server later, or be slow."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


class Address:
    """A TCP address, `url`, that leads to the server at the URL `target`.

    A new `target` holds for new connections, as in a Service of Kubernetes. `delays`: seconds that
    a command takes to the server, by a word in it. `silent`: how many connections from now on get
    no answer.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.url = ""
        self.delays: dict[bytes, float] = {}
        self.silent = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.silent:
            self.silent -= 1
            with contextlib.closing(writer):
                await reader.read()  # until the client gives up
            return
        parts = urlsplit(self.target)
        if parts.scheme == "unix":
            inner = await asyncio.open_unix_connection(parts.path)
        else:
            inner = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(self._copy(reader, inner[1]), self._copy(inner[0], writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                await asyncio.sleep(sum(self.delays[word] for word in self.delays if word in data))
                writer.write(data)


@contextlib.asynccontextmanager
async def opened(target: str) -> AsyncIterator[Address]:
    """Yield an address that leads to `target` at first."""
    moving = Address(target)
    async with await asyncio.start_server(moving.serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        password = urlsplit(target).password
        login = f":{password}@" if password else ""
        moving.url = f"redis://{login}{host}:{port}/0"
        yield moving
