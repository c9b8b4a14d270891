"""The heartbeat of the vote page, which the result page reads to report whether people can vote."""

import redis.asyncio
from redis.exceptions import OutOfMemoryError, ReadOnlyError

from common import keys

TTL = 5_000  # ms; all replicas renew the same key


async def beat(client: redis.asyncio.Redis, served_by: str) -> None:
    """Renew the heartbeat. The write also shows whether Redis would take a vote.

    Args:
        client: The connection to Redis.
        served_by: The name of this replica.

    Raises:
        OutOfMemoryError: Redis is full. The heartbeat goes on, because the page works.
        ReadOnlyError: Redis has become a replica. New connections may lead to the new master.
    """
    try:
        await client.set(keys.VOTE_PAGE, served_by, px=TTL)
    except OutOfMemoryError:
        await client.pexpire(keys.VOTE_PAGE, TTL)  # needs no memory
        raise
    except ReadOnlyError:
        await client.connection_pool.disconnect(inuse_connections=False)
        raise
