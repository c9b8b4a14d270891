"""The sign of life of the vote page."""

import redis.asyncio

from common import dependency, keys
from tests import store, until
from vote import heartbeat

Client = redis.asyncio.Redis


async def is_beating(client: Client) -> bool:
    return await client.pttl(keys.VOTE_PAGE) > heartbeat.LIFE - dependency.PING_INTERVAL * 1_000


async def test_it_beats(vote_url: str, client: Client) -> None:
    await until.true(lambda: is_beating(client))
    assert await client.pttl(keys.VOTE_PAGE) <= heartbeat.LIFE
    await client.delete(keys.VOTE_PAGE)
    await until.true(lambda: is_beating(client))


async def test_it_beats_while_redis_is_full(vote_url: str, client: Client) -> None:
    await until.true(lambda: is_beating(client))
    async with store.full(client):
        await client.pexpire(keys.VOTE_PAGE, heartbeat.LIFE // 2)
        await until.true(lambda: is_beating(client))
