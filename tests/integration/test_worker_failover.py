"""A fail-over of Redis: its address leads to another server, and the old one is a replica now."""

import asyncio
import contextlib
import typing
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest
import redis.asyncio

from common import ballot, keys
from standalone import store as standalone_store
from tests import place, service, store, until

Client = redis.asyncio.Redis
WITHIN = 5.0  # seconds to be at the new server


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
    """A TCP address that leads to one server, and after a while to another.

    Connections stay where they are, as those through a Service of Kubernetes do.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = await asyncio.open_unix_connection(urlsplit(self.target).path)
        await asyncio.gather(_copy(reader, inner[1]), _copy(inner[0], writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.closing(writer), contextlib.suppress(ConnectionError):
        while data := await reader.read(4096):
            writer.write(data)


@contextlib.asynccontextmanager
async def opened(target: str) -> AsyncIterator[Address]:
    """An address that leads to `target` at first."""
    moving = Address(target)
    async with await asyncio.start_server(moving.serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        moving.url = f"redis://{host}:{port}/0"
        yield moving


@contextlib.asynccontextmanager
async def replica(client: typing.Any) -> AsyncIterator[None]:
    """While the block runs, that server is a replica, whose master does not answer."""
    await client.replicaof("127.0.0.1", 1)
    try:
        yield
    finally:
        await client.replicaof("NO", "ONE")


@pytest.mark.parametrize("votes", [0, 1])
async def test_the_worker_goes_where_the_address_leads(
    stores: store.Stores, services: service.Services, votes: int
) -> None:
    """Idle as well as with votes."""
    with valkey() as first, valkey() as second:
        async with (
            Client.from_url(first) as old,
            Client.from_url(second) as new,
            opened(first) as address,
        ):
            for number in range(votes):
                await new.rpush(keys.VOTES, ballot.encode(ballot.Ballot(str(number), "a", 1)))
            environment = {"DATABASE_URL": stores.database_url, "REDIS_URL": address.url}
            worker = await services.ready("worker", **environment)
            address.target = second
            async with replica(old):

                async def is_at_the_new_one() -> bool:
                    return await new.scard(keys.WORKERS) == 1 and not await new.exists(keys.VOTES)

                await until.true(is_at_the_new_one, WITHIN, lambda: worker.log)
                await worker.ready(WITHIN)
            await worker.terminate()
