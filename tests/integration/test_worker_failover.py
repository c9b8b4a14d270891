"""The worker when the address of Redis leads to another server."""

import pytest
import redis.asyncio

from common import ballot, keys
from tests import address, fail_over, service, store, until

Client = redis.asyncio.Redis
WITHIN = 5.0  # seconds to be at the new server


@pytest.mark.parametrize("votes", [0, 1])
async def test_the_worker_goes_where_the_address_leads(
    stores: store.Stores, services: service.Services, votes: int
) -> None:
    """Idle as well as with votes."""
    with fail_over.valkey() as first, fail_over.valkey() as second:
        async with (
            Client.from_url(first) as old,
            Client.from_url(second) as new,
            address.opened(first) as moving,
        ):
            for number in range(votes):
                await new.rpush(keys.VOTES, ballot.encode(ballot.Ballot(str(number), "a", 1)))
            environment = {"DATABASE_URL": stores.database_url, "REDIS_URL": moving.url}
            worker = await services.ready("worker", **environment)
            moving.target = second
            async with fail_over.replica(old):

                async def is_at_the_new_one() -> bool:
                    return await new.scard(keys.WORKERS) == 1 and not await new.exists(keys.VOTES)

                await until.true(is_at_the_new_one, WITHIN, lambda: worker.log)

                async def waits_there_for_votes() -> bool:
                    return "worker-waiting" in [each["name"] for each in await new.client_list()]

                await until.true(waits_there_for_votes, WITHIN, lambda: worker.log)
                await worker.ready(WITHIN)
            await worker.terminate()
