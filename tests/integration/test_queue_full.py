"""Redis without a byte to spare: it takes no vote, and the worker still makes room."""

import json
import time
import typing

import pytest
import redis.asyncio

from common import keys
from tests import service, store, until
from worker import queue

Client = redis.asyncio.Redis
BEATS = 6  # of a worker: its status with another time
VOTES = [b'{"voter_id":"%d","vote":"a","cast_at":%d}' % (each, each) for each in range(5)]


async def test_every_step_of_a_worker_works(client: Client) -> None:
    await client.rpush(keys.VOTES, *VOTES)
    async with store.full(client):
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            await client.rpush(keys.VOTES, b"one more")
        session = queue.Session(client, client, "w")
        await session.sign_on({"state": "idle"})
        assert await session.beat({"state": "draining"}) == queue.Lengths(5, 0, 0)
        assert await session.claim(3) == VOTES[:3]
        await session.drop(2, [b"dead"])
        assert await session.beat({"state": "idle"}) == queue.Lengths(2, 1, 1)
        assert await session.put_back() == 1
        assert await client.lrange(keys.VOTES, 0, -1) == VOTES[2:]


async def test_who_waits_looks_from_time_to_time(client: Client) -> None:
    session = queue.Session(client, client, "w")
    await session.sign_on({})
    assert await session.claim(5) == []
    async with store.full(client):
        started = time.monotonic()
        assert await session.claim_next(5) == []
        assert time.monotonic() - started >= queue.FULL_PAUSE
    await client.rpush(keys.VOTES, *VOTES)
    async with store.full(client):
        assert await session.claim_next(5) == VOTES


async def test_an_idle_worker_stays_ready(
    client: Client, stores: store.Stores, services: service.Services
) -> None:
    worker = await services.ready("worker", **stores.environment)
    (name,) = typing.cast("set[bytes]", await client.smembers(keys.WORKERS))
    async with store.full(client):
        seen: set[object] = set()

        async def has_beaten_often() -> bool:
            assert await worker.get("/readyz") == 200, worker.log
            seen.add(await client.get(keys.heartbeat(name.decode())))
            return len(seen) > BEATS

        await until.true(has_beaten_often, 2 * BEATS * queue.HEARTBEAT_INTERVAL)
    assert await client.smembers(keys.WORKERS) == {name}
    assert "away" not in worker.log.replace("away_seconds", "")


async def test_what_a_dead_worker_had_claimed_is_put_back(client: Client) -> None:
    await client.rpush(keys.VOTES, *VOTES)
    dead = queue.Session(client, client, "dead")
    await dead.sign_on({})
    assert await dead.claim(5) == VOTES
    await client.delete(keys.heartbeat("dead"))
    async with store.full(client):
        session = queue.Session(client, client, "w")
        await session.sign_on({})
        assert await session.reap() == {"dead": 5}
        assert await client.lrange(keys.VOTES, 0, -1) == VOTES


async def test_a_worker_that_starts_drains_the_queue(
    client: Client, stores: store.Stores, services: service.Services
) -> None:
    await client.rpush(keys.VOTES, *VOTES)
    settings = {"DATABASE_URL": stores.database_url, "REDIS_URL": stores.redis_url}
    async with store.full(client):
        worker = services.start("worker", **settings)

        async def is_drained() -> bool:
            return await client.llen(keys.VOTES) == 0

        await until.true(is_drained, 30, lambda: worker.log)
    result = await services.ready("result", **settings)
    counted = json.loads(await result.text("/api/results"))
    assert counted["total"] == len(VOTES)
