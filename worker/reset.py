"""Delete all votes: `python -m worker --reset --yes`, or when a presenter asks for it."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any, NoReturn, cast

import structlog
from redis.asyncio import Redis

from common import keys, postgres_client, redis_client
from common.dependency import describe
from worker import store
from worker.queue import ANSWER_TIMEOUT, HEARTBEAT_INTERVAL
from worker.settings import Settings

END_CONNECTIONS = (Path(__file__).parent / "sql" / "end_connections.sql").read_text()
INTERVAL = 0.25  # seconds between two looks for a request
UNAVAILABLE = (*store.UNAVAILABLE, *redis_client.UNAVAILABLE)

log = structlog.get_logger("reset")


async def reset(settings: Settings, client: Redis) -> None:
    """Delete the queue, what workers have claimed, the dead letters and the rows of the table.

    Votes that arrive meanwhile, for about a second, may be deleted, too. The schema stays.

    Raises:
        Exception: One of `UNAVAILABLE`. Nothing is deleted if Postgres cannot empty the table.
            Otherwise some votes may be deleted; call it again.
    """
    connection = await postgres_client.connect(settings, "worker-reset")
    try:
        async with connection.transaction():  # until Redis is empty, Postgres can undo it
            await connection.execute("TRUNCATE votes")  # a trigger updates the tallies
            await _empty_queue(client)
        await asyncio.sleep(1.2 * HEARTBEAT_INTERVAL)  # all workers notice it
        # Delete the batches that workers had in memory. Commits of ended sessions that wait for a
        # lock come first, because Postgres grants it in order.
        await connection.execute(END_CONNECTIONS)
        await connection.execute("TRUNCATE votes")
    finally:
        connection.terminate()
    log.warning("deleted all votes")


async def _empty_queue(client: Redis) -> None:
    async with asyncio.timeout(ANSWER_TIMEOUT):
        members: set[bytes] = await cast("Any", client.smembers(keys.SESSIONS))
        sessions = [member.decode(errors="replace") for member in members]
        # A session without its heartbeat ends. Otherwise it would commit a batch that it has in
        # memory, and then drop other messages, which it claimed after the old ones were deleted.
        await client.delete(
            keys.VOTES,
            keys.DEAD,
            *map(keys.claimed, sessions),
            *map(keys.heartbeat, sessions),
        )


async def reset_once(settings: Settings) -> None:
    """Do the same with a connection of its own."""
    async with redis_client.connect(settings, "worker-reset") as client:
        await reset(settings, client)


async def follow(settings: Settings, client: Redis) -> NoReturn:
    """Delete all votes when a presenter asks for it, until cancelled."""
    while True:
        is_requested = 0
        with contextlib.suppress(*redis_client.UNAVAILABLE):
            async with asyncio.timeout(ANSWER_TIMEOUT):
                is_requested = await client.delete(keys.RESET)  # one worker deletes it
        if is_requested:
            try:
                await reset(settings, client)
            except UNAVAILABLE as error:
                log.error("cannot delete all votes: ask again", reason=describe(error))
        await asyncio.sleep(INTERVAL)
