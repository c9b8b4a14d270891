"""A fail-over of Redis: its address leads to another server, and the old one is a replica now."""

import asyncio
import contextlib
import typing
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

from standalone import store as standalone_store
from tests import place


@contextlib.contextmanager
def valkey() -> Iterator[str]:
    """The URL of one more server."""
    with (
        place.opened("vote-test-") as path,
        standalone_store.opened(path) as stores,
    ):
        stores.wait_valkey(stores.start_valkey())
        yield stores.redis_url


class Address:
    """A TCP address, `url`, that leads to the server at the URL `target`, later to another.

    Connections stay where they are, as those through a Service of Kubernetes do.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(self.target)
        if parts.scheme == "unix":
            inner = await asyncio.open_unix_connection(parts.path)
        else:
            inner = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(_copy(reader, inner[1]), _copy(inner[0], writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.closing(writer), contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)


@contextlib.asynccontextmanager
async def opened(target: str) -> AsyncIterator[Address]:
    """An address that leads to `target` at first."""
    moving = Address(target)
    async with await asyncio.start_server(moving.serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        password = urlsplit(target).password
        login = f":{password}@" if password else ""
        moving.url = f"redis://{login}{host}:{port}/0"
        yield moving


@contextlib.asynccontextmanager
async def replica(client: typing.Any) -> AsyncIterator[None]:
    """While the block runs, that server is a replica, whose master does not answer."""
    await client.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        yield
    finally:
        await client.execute_command("REPLICAOF", "NO", "ONE")
