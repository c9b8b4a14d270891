"""Vote when the master becomes a replica, and new connections lead to another one."""

import asyncio
import contextlib
import typing
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pydantic
import pytest
import redis.asyncio

import vote.app
import vote.settings
from common import keys
from standalone import store as standalone_store
from tests import place, served, store, until
from tests.integration import visitor

Client = redis.asyncio.Redis
VOTES = 6  # so many that both connections that push are met


class Address:
    """A TCP address behind which one Redis is, or another; connections that are there stay."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(self.url)
        if parts.scheme == "unix":
            inner = await asyncio.open_unix_connection(parts.path)
        else:
            inner = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(_copy(reader, inner[1]), _copy(inner[0], writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.closing(writer), contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)


@pytest.fixture
async def other() -> AsyncIterator[str]:
    """The URL of a second Redis."""
    with (
        place.opened("vote-other-") as path,
        standalone_store.opened(path) as opened,
    ):
        opened.wait_valkey(opened.start_valkey())
        yield opened.redis_url


@contextlib.asynccontextmanager
async def replica(client: Client) -> AsyncIterator[None]:
    """In this block that server is a replica; its master need not answer."""
    order = typing.cast("typing.Any", client).execute_command
    await order("REPLICAOF", "127.0.0.1", "1")
    try:
        yield
    finally:
        await order("REPLICAOF", "NO", "ONE")


async def is_ready(guest: visitor.Visitor, *, so: bool = True) -> bool:
    return ((await guest.get("/readyz")).status == 200) == so


async def test_votes_go_to_the_new_master(stores: store.Stores, client: Client, other: str) -> None:
    address = Address(stores.redis_url)
    async with await asyncio.start_server(address.pass_on, "127.0.0.1", 0) as server:
        login = f":{password}@" if (password := urlsplit(stores.redis_url).password) else ""
        url = f"redis://{login}127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        configured = vote.settings.Settings(redis_url=pydantic.SecretStr(url))
        async with (
            served.opened(vote.app.create_app(configured)) as vote_url,
            visitor.opened(vote_url) as guest,
            Client.from_url(other) as promoted,
        ):
            assert (await guest.vote("a")).status == 303
            address.url = other
            async with replica(client):
                votes = await asyncio.gather(*(guest.vote("b") for _ in range(VOTES)))
                assert [each.status for each in votes] == [303] * VOTES
                # The watch leaves the old one as well: it has shown the new one that vote lives.
                await until.true(lambda: _lives(promoted))
                await until.true(lambda: is_ready(guest))
                assert len(await visitor.ballots(promoted)) == VOTES
    assert len(await visitor.ballots(client)) == 1


async def _lives(client: Client) -> bool:
    return bool(await client.exists(keys.VOTE_PAGE))


async def test_a_replica_without_a_master_is_away(guest: visitor.Visitor, client: Client) -> None:
    async with replica(client):
        await until.true(lambda: is_ready(guest, so=False))
        reason = (await guest.get("/readyz")).json["dependencies"]["redis"]["reason"]
        assert reason.startswith("it is a replica: "), reason
        assert (await guest.vote("a")).status == 503
    await until.true(lambda: is_ready(guest))
    assert (await guest.vote("a")).status == 303
