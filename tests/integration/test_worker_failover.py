"""The worker when the address of Redis leads to another server."""

import contextlib
from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from common import ballot, keys
from tests import address, fail_over, service, store, until

Client = redis.asyncio.Redis
WITHIN = 5.0  # seconds to be at the new server


@contextlib.asynccontextmanager
async def two_servers() -> AsyncIterator[tuple[Client, Client, address.Address, str]]:
    """Clients of both, an address that leads to the first one, and the URL of the second."""
    with fail_over.valkey() as first, fail_over.valkey() as second:
        async with (
            Client.from_url(first) as old,
            Client.from_url(second) as new,
            address.opened(first) as moving,
        ):
            yield old, new, moving, second


@pytest.mark.parametrize("votes", [0, 1])
async def test_the_worker_goes_where_the_address_leads(
    stores: store.Stores, services: service.Services, votes: int
) -> None:
    """Idle as well as with votes."""
    async with two_servers() as (old, new, moving, target):
        for number in range(votes):
            await new.rpush(keys.VOTES, ballot.encode(ballot.Ballot(str(number), "a", 1)))
        environment = {"DATABASE_URL": stores.database_url, "REDIS_URL": moving.url}
        worker = await services.ready("worker", **environment)
        moving.target = target
        async with fail_over.replica(old):

            async def is_at_the_new_one() -> bool:
                return await new.scard(keys.WORKERS) == 1 and not await new.exists(keys.VOTES)

            await until.true(is_at_the_new_one, WITHIN, lambda: worker.log)
            await worker.ready(WITHIN)
        await worker.terminate()


async def test_a_worker_that_was_busy_waits_for_votes_where_the_address_leads(
    stores: store.Stores, services: service.Services
) -> None:
    """A server that becomes a replica hangs up on who waits for votes, and on nobody else."""
    async with two_servers() as (old, new, moving, target):

        async def waits(client: Client) -> bool:
            clients = await client.client_list()
            return ("worker-waiting", "blmove") in [(each["name"], each["cmd"]) for each in clients]

        async def is_taken() -> bool:
            return not await old.exists(keys.VOTES)

        environment = {"DATABASE_URL": stores.database_url, "REDIS_URL": moving.url}
        worker = await services.ready("worker", **environment)
        await until.true(lambda: waits(old))
        await stores.postgres.stop()
        await old.rpush(keys.VOTES, ballot.encode(ballot.Ballot("1", "a", 1)))
        await until.true(is_taken)
        moving.target = target
        async with fail_over.replica(old):
            await until.true(lambda: waits(new), WITHIN, lambda: worker.log)
        await worker.terminate()
