"""Vote when the master becomes a replica, and new connections lead to another one."""

import asyncio
from collections.abc import Iterator

import pydantic
import pytest
import redis.asyncio

import vote.app
import vote.settings
from common import keys
from tests import address, fail_over, served, store, until
from tests.integration import visitor

Client = redis.asyncio.Redis
VOTES = 6  # so many that both connections that push are met


@pytest.fixture
def other() -> Iterator[str]:
    """The URL of a second Redis."""
    with fail_over.valkey() as url:
        yield url


async def is_ready(guest: visitor.Visitor, *, so: bool = True) -> bool:
    return ((await guest.get("/readyz")).status == 200) == so


async def test_votes_go_to_the_new_master(stores: store.Stores, client: Client, other: str) -> None:
    async with address.opened(stores.redis_url) as moving:
        configured = vote.settings.Settings(redis_url=pydantic.SecretStr(moving.url))
        async with (
            served.opened(vote.app.create_app(configured)) as vote_url,
            visitor.opened(vote_url) as guest,
            Client.from_url(other) as promoted,
        ):
            assert (await guest.vote("a")).status == 303
            moving.target = other
            async with fail_over.replica(client):
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
    async with fail_over.replica(client):
        await until.true(lambda: is_ready(guest, so=False))
        reason = (await guest.get("/readyz")).json["dependencies"]["redis"]["reason"]
        assert reason.startswith("it is a replica: "), reason
        assert (await guest.vote("a")).status == 503
    await until.true(lambda: is_ready(guest))
    assert (await guest.vote("a")).status == 303
