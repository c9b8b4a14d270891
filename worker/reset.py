"""Delete all votes: `python -m worker --reset --yes`, or when a presenter asks for it."""

import asyncio
import contextlib
from pathlib import Path
from typing import NoReturn

import structlog
from redis.asyncio import Redis

from common import keys, postgres_client, redis_client
from common.dependency import describe
from worker import store
from worker.queue import ANSWER_TIMEOUT, HEARTBEAT_INTERVAL
from worker.settings import Settings

END_CONNECTIONS = (Path(__file__).parent / "sql" / "end_connections.sql").read_text()
INTERVAL = 0.25  # seconds between two looks for a request
WAIT_TIMEOUT = 1_500  # ms until Redis says how many replicas have deleted something
UNAVAILABLE = (*store.UNAVAILABLE, *redis_client.UNAVAILABLE)

log = structlog.get_logger("reset")


async def reset(settings: Settings) -> None:
    """Delete the queue, what workers have claimed, the dead letters and the rows of the table.

    Votes that arrive meanwhile, for about a second, may be deleted, too. The schema stays.

    Raises:
        Exception: One of `UNAVAILABLE`. Nothing is deleted if Postgres cannot empty the table.
            Otherwise some votes may be deleted; call it again.
    """
    connection = await postgres_client.connect(settings, "worker-reset")
    try:
        await connection.execute(END_CONNECTIONS)  # one in the middle of a commit holds a lock
        async with connection.transaction():  # until Redis is empty, Postgres can undo it
            await connection.execute("TRUNCATE votes")  # a trigger updates the tallies
            await _empty_queue(settings)
        await asyncio.sleep(1.2 * HEARTBEAT_INTERVAL)  # all workers notice it
        # Delete the batches that workers had in memory, and let no ended session commit one later.
        await connection.execute(END_CONNECTIONS)
        await connection.execute("TRUNCATE votes")
    finally:
        connection.terminate()
    log.warning("deleted all votes")


async def _empty_queue(settings: Settings) -> None:
    async with redis_client.connect(settings, "worker-reset") as client:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            sessions = await redis_client.read_names(client, keys.SESSIONS)
        # A session without its heartbeat ends. Otherwise it would commit a batch that it has in
        # memory, and then drop other messages, which it claimed after the old ones were deleted.
        names = [*map(keys.claimed, sessions), *map(keys.heartbeat, sessions)]
        await _delete(settings, client, keys.VOTES, keys.DEAD, *names)


async def _delete(settings: Settings, client: Redis, *names: str) -> int:
    """Delete keys. Return how many there were, once no failover can bring them back.

    Raises:
        Exception: One of `UNAVAILABLE`. The keys may be deleted.
    """
    async with asyncio.timeout(ANSWER_TIMEOUT), client.pipeline(transaction=False) as pipeline:
        pipeline.delete(*names)
        if settings.redis_replicas:  # counts for the connection that has sent the command before
            pipeline.wait(settings.redis_replicas, WAIT_TIMEOUT)
        count, *replicas = await pipeline.execute()
    if any(each < settings.redis_replicas for each in replicas):
        raise ConnectionError("Redis does not reach enough replicas")
    return int(count)


async def follow(settings: Settings, client: Redis) -> NoReturn:
    """Delete all votes when a presenter asks for it, until cancelled."""
    while True:
        is_requested = 0
        with contextlib.suppress(*redis_client.UNAVAILABLE):
            # One worker deletes it. Unsure whether that lasts, nobody carries out the request:
            # after a failover it may be there again, when votes have followed.
            is_requested = await _delete(settings, client, keys.RESET)
        if is_requested:
            try:
                await reset(settings)
            except UNAVAILABLE as error:
                log.error("cannot delete all votes: ask again", reason=describe(error))
        await asyncio.sleep(INTERVAL)
