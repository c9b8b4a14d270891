"""The worker when the address of Redis leads to another server."""

import contextlib
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from common.queue import keys
from common.queue.message import Ballot, encode
from tests import address, fail_over, until
from tests.address import Address
from tests.service import Services
from tests.store import Stores

WITHIN = 5.0  # seconds to be at the new server


@contextlib.asynccontextmanager
async def two_servers() -> AsyncIterator[tuple[Redis, Redis, Address, str]]:
    """Yield clients of both, an address that leads to the first one, and the URL of the second."""
    with fail_over.valkey() as first, fail_over.valkey() as second:
        async with (
            Redis.from_url(first) as old,
            Redis.from_url(second) as new,
            address.opened(first) as moving,
        ):
            yield old, new, moving, second


@pytest.mark.parametrize("is_busy", [False, True])
async def test_the_worker_follows_the_address(
    stores: Stores, services: Services, is_busy: bool
) -> None:
    """The old server becomes a replica. It closes only connections that wait for votes."""
    async with two_servers() as (old, new, moving, target):
        await new.rpush(keys.VOTES, encode(Ballot("1", "a", 1)))
        environment = {"DATABASE_URL": stores.database_url, "REDIS_URL": moving.url}
        worker = await services.ready("worker", **environment)
        if is_busy:
            await stores.postgres.stop()
            await old.rpush(keys.VOTES, encode(Ballot("2", "a", 1)))
        moving.target = target
        async with fail_over.replica(old):

            async def is_at_the_new_one() -> bool:
                return await new.scard(keys.SESSIONS) == 1 and not await new.exists(keys.VOTES)

            if is_busy:
                await stores.postgres.start()
            await until.true(is_at_the_new_one, WITHIN, lambda: worker.log)
            await worker.ready(WITHIN)
        assert await worker.terminate() == 0
