"""Heartbeats of replicas and sessions that no test has started."""

import json

import msgspec
from redis.asyncio import Redis

from common import keys
from common.replica import Heartbeat

FOR_LONG = 60_000  # ms


async def replica(
    client: Redis, service: str, name: str, ms: int = FOR_LONG, **fields: object
) -> None:
    """Publish a heartbeat that lives for `ms`."""
    content = msgspec.convert({"service": service, "name": name, **fields}, Heartbeat)
    await client.set(keys.replica(f"{service}:{name}"), msgspec.json.encode(content), px=ms)
    await client.sadd(keys.REPLICAS, f"{service}:{name}")


async def session(client: Redis, name: str, content: dict[str, object], ms: int = FOR_LONG) -> None:
    """Register a session of a worker whose heartbeat lives for `ms`."""
    await client.set(keys.heartbeat(name), json.dumps(content), px=ms)
    await client.sadd(keys.SESSIONS, name)
