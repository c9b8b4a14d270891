"""The sign of life of the vote page, by which the result page knows that people can vote."""

import asyncio
import contextlib
import typing

import redis.asyncio

from common import keys, redis_client

INTERVAL = 0.5  # seconds
LIFE = 5_000  # ms; all replicas renew one and the same key


async def keep(client: redis.asyncio.Redis, name: str) -> typing.NoReturn:
    """Beats until cancelled. Where Redis cannot, or this user may not, there is none: no harm."""
    while True:
        with contextlib.suppress(*redis_client.Away):
            # Not SET each time: a full Redis refuses that, while the page is well.
            if not await client.pexpire(keys.VOTE_PAGE, LIFE):
                await client.set(keys.VOTE_PAGE, name, px=LIFE)
        await asyncio.sleep(INTERVAL)
