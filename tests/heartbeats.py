"""The heartbeats of replicas, as tests hear and send them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import NoReturn

import msgspec
from redis.asyncio import Redis

from common.background import background
from common.redis_client import UNAVAILABLE
from common.replica import Heartbeat, channel, listen
from tests import until

INTERVAL = 0.2  # seconds between two heartbeats that a test sends

Heard = dict[tuple[str, str], Heartbeat]


@contextlib.asynccontextmanager
async def heard(client: Redis) -> AsyncIterator[Heard]:
    """Yield the newest heartbeat by service and name; it changes while the block runs."""
    newest: Heard = {}

    async def follow() -> NoReturn:
        while True:
            with contextlib.suppress(*UNAVAILABLE):
                async for heartbeat in listen(client):
                    newest[heartbeat.service, heartbeat.name] = heartbeat
            await asyncio.sleep(until.POLL)

    async with background(follow()):
        yield newest


@contextlib.asynccontextmanager
async def sent(client: Redis, service: str, name: str, **fields: object) -> AsyncIterator[None]:
    """Send heartbeats of a replica while the block runs. Then it is gone without a last one."""
    heartbeat = msgspec.convert({"service": service, "name": name, **fields}, Heartbeat)

    async def send() -> NoReturn:
        while True:
            with contextlib.suppress(*UNAVAILABLE):
                await client.publish(channel(client), msgspec.json.encode(heartbeat))
            await asyncio.sleep(INTERVAL)

    async with background(send()):
        yield
