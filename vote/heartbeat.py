"""The sign of life of the vote page, by which the result page knows that people can vote.

It is also how vote finds out whether Redis would take a vote: both are writes that need memory.
"""

import contextlib

import redis.asyncio
import redis.exceptions

from common import keys, redis_client

LIFE = 5_000  # ms; all replicas renew one and the same key
ROOM = 512 * 1024  # bytes, some 5,000 votes: the memory in use goes up and down by less


async def beat(client: redis.asyncio.Redis, name: str, *, was_full: bool = False) -> None:
    """Raises what Redis answers while it takes no votes: it is full, or a replica.

    `was_full`: it was at the last beat; then it is until there is `ROOM`, not only for one vote.
    Where this user may not, there is no sign of life, and nothing is found out: no harm.
    """
    try:
        await client.set(keys.VOTE_PAGE, name, px=LIFE)
        if was_full:
            # It changes nothing, the key being there. But Redis must hold it to look at it.
            await client.set(keys.VOTE_PAGE, bytes(ROOM), px=LIFE, nx=True)
    except redis.exceptions.NoPermissionError:
        pass
    except redis.exceptions.OutOfMemoryError:
        with contextlib.suppress(*redis_client.Away):  # that needs no memory: the page is well
            await client.pexpire(keys.VOTE_PAGE, LIFE)
        raise
