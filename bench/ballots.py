"""Ballots and voters in any number, the same ones in Redis and in Postgres."""

import hashlib
import typing
from collections.abc import Sequence

import asyncpg
import redis.asyncio

from common import ballot, keys
from worker import schema

CHUNK = 10_000  # messages in one push
PILE = "{votes}:bench-pile"  # where ballots lie until all of them are to wait at once

# As md5() of Postgres makes it; spread over the index as the ids of real voters are.
FILL = """
INSERT INTO votes (id, vote, cast_at)
SELECT md5(number::text), CASE WHEN number % 3 = 0 THEN 'b' ELSE 'a' END, 'epoch'
FROM generate_series(0, $1::bigint - 1) AS number
ORDER BY 1
"""


def make(number: int, voters: int) -> ballot.Ballot:
    """By turns from a voter that `fill` has stored, for the other option, and from a new one."""
    known, is_new = divmod(number, 2)
    voter = voters + known if is_new else known % voters
    voter_id = hashlib.md5(str(voter).encode()).hexdigest()
    return ballot.Ballot(voter_id, "ab"[number // 7 % 2], ballot.now())


async def fill(connection: asyncpg.Connection, voters: int) -> None:
    """The schema, with so many voters who have voted."""
    await schema.apply(connection)
    await connection.execute(FILL, voters, timeout=600)
    await connection.execute("VACUUM (ANALYZE) votes", timeout=600)
    await connection.execute("CHECKPOINT", timeout=600)


async def pile(client: redis.asyncio.Redis, messages: Sequence[bytes]) -> None:
    """All of them, where no worker looks."""
    for first in range(0, len(messages), CHUNK):
        await client.rpush(PILE, *messages[first : first + CHUNK])


async def release(client: redis.asyncio.Redis) -> None:
    """All of the pile waits for the workers, at once."""
    await client.rename(PILE, keys.VOTES)


async def left(client: redis.asyncio.Redis) -> int:
    """How many ballots wait or are claimed."""
    async with client.pipeline(transaction=True) as together:
        together.llen(keys.VOTES)
        for name in typing.cast("set[bytes]", await client.smembers(keys.WORKERS)):
            together.llen(keys.claimed(name.decode()))
        return sum(await together.execute())
