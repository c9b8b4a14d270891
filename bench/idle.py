"""What one replica of each service asks of the stores while nobody votes or watches."""

import asyncio
from typing import Any

import asyncpg
import redis.asyncio

from bench.row import Row
from bench.system import System

MAX_COMMANDS = 20.0  # per second
MAX_TRANSACTIONS = 1.0  # per second
MAX_LOG = 10.0  # MB per day
REST = 5.0  # seconds until the services are idle
DAY = 24 * 60 * 60  # seconds
TRANSACTIONS = """
SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()
"""


async def measure(system: System) -> list[Row]:
    """Measure with faults enabled, as `make run` does."""
    faults: dict[str, Any] = {"FAULTS": "enabled", "PRESENTER_TOKEN": "a token for this run"}
    await asyncio.gather(*(system.ready(name, **faults) for name in ("vote", "worker", "result")))
    await asyncio.sleep(REST)
    before = await _count(system)
    seconds = system.size(60, 5)
    await asyncio.sleep(seconds)
    after = await _count(system)
    commands, transactions, log = (
        (end - start) / seconds for start, end in zip(before, after, strict=True)
    )
    return [
        Row("idle: commands in Redis", "/s", commands, max_value=MAX_COMMANDS),
        Row("idle: transactions in Postgres", "/s", transactions, max_value=MAX_TRANSACTIONS),
        Row("idle: log of Redis", "MB/day", log * DAY / 1e6, max_value=MAX_LOG),
    ]


async def _count(system: System) -> tuple[int, int, int]:
    """Return the commands, those in scripts included, the transactions, and the log in bytes."""
    async with redis.asyncio.Redis.from_url(system.redis_url) as client:
        commands = (await client.info("stats"))["total_commands_processed"]
        log = (await client.info("persistence"))["aof_current_size"]
    connection = await asyncpg.connect(system.database_url)
    transactions = await connection.fetchval(TRANSACTIONS)
    await connection.close()
    return int(commands), int(transactions), int(log)
