"""Delete all votes: `python -m worker --reset --yes`, or when a presenter asks for it."""

import asyncio
from pathlib import Path
from typing import Any, NoReturn

import structlog
from redis.asyncio import Redis

from common import postgres_client, redis_client
from common.dependency import describe
from common.queue import keys
from common.queue.session import ANSWER_TIMEOUT, HEARTBEAT_INTERVAL, WAIT
from worker import store
from worker.settings import Settings

END_CONNECTIONS = (Path(__file__).parent / "sql" / "end_connections.sql").read_text()
PAUSE = 0.25  # seconds after an error of Redis
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
        # memory, and then acknowledge other messages, claimed after the old ones were deleted.
        names = [*map(keys.claimed, sessions), *map(keys.heartbeat, sessions)]
        await _execute(settings, client, "DEL", keys.VOTES, keys.DEAD, *names)


async def _execute(settings: Settings, client: Redis, *command: str | int) -> Any:
    """Execute a command. Return its answer, once no failover can undo what it has deleted.

    Raises:
        Exception: One of `UNAVAILABLE`. The command may be executed.
    """
    async with (
        asyncio.timeout(WAIT + ANSWER_TIMEOUT),
        client.pipeline(transaction=False) as pipeline,
    ):
        pipeline.execute_command(*command)
        if settings.redis_replicas:  # counts for the connection that has sent the command before
            pipeline.wait(settings.redis_replicas, WAIT_TIMEOUT)
        answer, *replicas = await pipeline.execute()
    if any(each < settings.redis_replicas for each in replicas):
        raise ConnectionError("Redis does not reach enough replicas")
    return answer


async def follow(settings: Settings, client: Redis) -> NoReturn:
    """Delete all votes when a presenter asks for it, until cancelled."""
    while True:
        try:
            # One worker takes it. Unsure whether that lasts, nobody carries out the request:
            # after a failover it may be there again, when votes have followed.
            is_requested = await _execute(settings, client, "BLPOP", keys.RESET, WAIT)
        except redis_client.UNAVAILABLE:
            await asyncio.sleep(PAUSE)
            continue
        if is_requested:
            try:
                await reset(settings)
            except UNAVAILABLE as error:
                log.error("cannot delete all votes: ask again", reason=describe(error))
