"""A worker whose Redis or Postgres goes and comes back."""

import asyncio
import typing

import pytest
import redis.asyncio

from common import ballot, keys, redis_client
from tests import store, until
from tests.integration import working
from worker import drain, queue

RESTARTS = 7  # after as many failures in a row the wait is 3 to 5 seconds
BATCH = 4


async def test_after_each_restart_it_is_back_at_once_and_under_one_name(
    stores: store.Stores, client: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "WELL_AFTER", 0.1)
    seen: set[object] = set()

    async def names() -> set[object]:
        try:
            return set(await client.smembers(keys.WORKERS))
        except redis_client.Away:
            return set()

    async def is_back() -> bool:
        found = await names()
        return len(found) == 1 and not found <= seen

    async with working.opened(stores, BATCH):
        await until.true(is_back)
        for _ in range(RESTARTS):
            seen |= await names()
            await asyncio.sleep(drain.WELL_AFTER * 2)  # no vote comes
            await stores.redis.kill()
            await stores.redis.start()
            await until.true(is_back, within=2)


@pytest.mark.parametrize(("first", "claimed"), [(BATCH - 1, BATCH - 1), (BATCH, 2 * BATCH)])
async def test_the_next_batch_is_claimed_meanwhile_only_behind_a_full_one(
    stores: store.Stores, client: redis.asyncio.Redis, first: int, claimed: int
) -> None:
    """With Postgres away: `first` votes come, then twice a batch; so many are claimed."""
    votes = [
        ballot.encode(ballot.Ballot(f"voter-{number}", "a", number))
        for number in range(first + 2 * BATCH)
    ]

    async def lengths() -> tuple[int, int]:
        (name,) = typing.cast("set[bytes]", await client.smembers(keys.WORKERS))
        mine = keys.claimed(name.decode())
        return await client.llen(mine), await client.llen(keys.VOTES)

    async def is_alone() -> bool:
        return await client.scard(keys.WORKERS) == 1

    async with working.opened(stores, BATCH):
        await until.true(is_alone)
        await stores.postgres.stop()
        await client.rpush(keys.VOTES, *votes[:first])

        async def has_claimed() -> bool:
            return (await lengths())[0] == first

        await until.true(has_claimed)
        await client.rpush(keys.VOTES, *votes[first:])

        async def is_so() -> bool:
            return await lengths() == (claimed, len(votes) - claimed)

        await until.true(is_so)
        await asyncio.sleep(queue.HEARTBEAT_INTERVAL * 2)  # and it stays so
        assert await is_so()
        await stores.postgres.start()

        async def are_stored() -> bool:
            return await lengths() == (0, 0)

        await until.true(are_stored)
