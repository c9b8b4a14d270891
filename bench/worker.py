"""Ballots that one worker commits per second, next to a bare loop of the same upsert."""

import asyncio
import hashlib
import statistics
import time

import asyncpg
import redis.asyncio

from bench.row import Row
from bench.system import System
from common.clock import microseconds
from common.queue import keys
from common.queue.message import Ballot, encode
from worker.store import UPSERT

BATCH = 5_000  # ballots; the worker's default
CHUNK = 10_000  # messages in one push
PILE = "{votes}:bench"  # where ballots lie until all of them are released at once
POLL = 0.01  # seconds
FILL = """
INSERT INTO {table} (id, vote)
SELECT md5(number::text), 'b' FROM generate_series(0, $1::bigint - 1) AS number ORDER BY 1
"""


async def measure(system: System) -> list[Row]:
    """Give the same ballots to both, in turns; half of them are from voters who have voted."""
    voters, count = system.size(1_000_000, 10_000), system.size(500_000, 20_000)
    connection = await asyncpg.connect(system.database_url, command_timeout=600)
    await connection.execute("CREATE TABLE bare (LIKE votes INCLUDING ALL)")  # without triggers
    for table in ("votes", "bare"):
        await connection.execute(FILL.format(table=table), voters)
        await connection.execute(f"VACUUM (ANALYZE) {table}")
    await connection.execute("CHECKPOINT")
    ours, limit = [], []
    async with redis.asyncio.Redis.from_url(system.redis_url) as client:
        await system.ready("worker")
        for turn in range(system.size(4, 1)):
            ballots = [
                _ballot(number, voters) for number in range(turn * count, (turn + 1) * count)
            ]
            limit.append(count / await _bare(connection, ballots))
            ours.append(count / await _worker(client, ballots))
        dead = await client.llen(keys.DEAD)
    counted = dict(await connection.fetch("SELECT vote, count(*) FROM votes GROUP BY vote"))
    tallies = dict(await connection.fetch("SELECT vote, voters FROM tallies"))
    if dead or counted != tallies:
        raise RuntimeError(f"{dead} dead letters; tallies {tallies}, counted {counted}")
    await connection.close()
    return [
        Row(
            "worker: ballots committed",
            "/s",
            statistics.median(ours),
            statistics.median(limit),
            "bare upsert loop",
            min_ratio=0.85,
        )
    ]


def _ballot(number: int, voters: int) -> Ballot:
    """Return a ballot of a voter in the table if the number is even, else of a new one."""
    voter = number // 2 % voters if number % 2 == 0 else voters + number
    return Ballot(hashlib.md5(str(voter).encode()).hexdigest(), "a", microseconds(), "bench")


async def _bare(connection: asyncpg.Connection, ballots: list[Ballot]) -> float:
    """Return the seconds that a loop needs: no queue, no decoding, no tallies."""
    batches = [
        encode(sorted(ballots[first : first + BATCH], key=lambda each: each.voter_id))
        for first in range(0, len(ballots), BATCH)
    ]
    upsert = UPSERT.replace("votes", "bare")
    began = time.perf_counter()
    for batch in batches:
        await connection.execute(upsert, batch.decode())
    return time.perf_counter() - began


async def _worker(client: redis.asyncio.Redis, ballots: list[Ballot]) -> float:
    """Return the seconds that the worker needs."""
    messages = [encode(each) for each in ballots]
    for first in range(0, len(messages), CHUNK):
        await client.rpush(PILE, *messages[first : first + CHUNK])
    began = time.perf_counter()
    await client.rename(PILE, keys.VOTES)
    while True:
        if not await _left(client):
            return time.perf_counter() - began
        await asyncio.sleep(POLL)


async def _left(client: redis.asyncio.Redis) -> int:
    """Return how many ballots wait or are claimed."""
    names = [key async for key in client.scan_iter(keys.claimed("*"))]
    return sum([await client.llen(name) for name in (keys.VOTES, *names)])
