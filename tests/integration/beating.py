"""The heartbeat of a session that no test has started."""

import json

from redis.asyncio import Redis

from common.queue import keys

FOR_LONG = 60_000  # ms


async def session(client: Redis, name: str, content: dict[str, object], ms: int = FOR_LONG) -> None:
    """Register a session of a worker whose heartbeat lives for `ms`."""
    await client.set(keys.heartbeat(name), json.dumps(content), px=ms)
    await client.sadd(keys.SESSIONS, name)
