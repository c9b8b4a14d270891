"""Result while a store is unavailable: it keeps and reports what it knows, and recovers."""

import asyncio
import json
from collections.abc import AsyncIterator

import asyncpg
import pytest
import redis.asyncio
from pydantic import SecretStr

from common.queue import keys
from result.app import create_app
from result.settings import Settings
from tests import served, store, until
from tests.integration import listener
from tests.integration.listener import Listener
from worker import schema

NOTICE = 'class="notice"'  # for readers without JavaScript


async def readiness(url: str) -> tuple[int, str]:
    status, _, text = await listener.get(url, "/readyz")
    return status, json.loads(text)["status"]


@pytest.mark.parametrize("how", ["kill", "pause"])
async def test_postgres_fails_and_recovers(
    audience: Listener,
    tables: asyncpg.Connection,
    client: redis.asyncio.Redis,
    stores: store.Stores,
    how: str,
) -> None:
    await client.sadd(keys.SESSIONS, "w1")
    await client.set(keys.heartbeat("w1"), b"{}", px=60_000)
    await tables.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a'), ('2', 'b')")
    await audience.sees(a=1, b=1)
    await until.true(lambda: bool(audience.status.get("workers")))
    assert NOTICE not in (await listener.get(audience.url, "/"))[2]
    await tables.close()

    await getattr(stores.postgres, how)()
    await audience.shows_store("postgres", "unavailable")
    assert await readiness(audience.url) == (200, "degraded")
    assert NOTICE in (await listener.get(audience.url, "/"))[2]
    async with listener.opened(audience.url) as late:
        await late.sees(a=1, b=1)
    assert await listener.total(audience.url) == 2

    await (stores.postgres.resume() if how == "pause" else stores.postgres.start())
    await audience.shows_store("postgres", "available")
    connection = await asyncpg.connect(stores.database_url)
    await connection.execute("UPDATE votes SET vote = 'b'")
    await connection.close()
    await audience.sees(a=0, b=2)
    assert await readiness(audience.url) == (200, "ok")


@pytest.mark.parametrize("how", ["stop", "pause"])
async def test_redis_fails_and_recovers(
    audience: Listener,
    tables: asyncpg.Connection,
    client: redis.asyncio.Redis,
    stores: store.Stores,
    how: str,
) -> None:
    await client.rpush(keys.VOTES, b"x")
    await audience.shows(waiting=1)
    await getattr(stores.redis, how)()
    await audience.shows_store("redis", "unavailable")
    await audience.shows(waiting=None, workers=None)
    await tables.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a')")
    await audience.sees(a=1, b=0)
    assert await readiness(audience.url) == (200, "degraded")
    await (stores.redis.start() if how == "stop" else stores.redis.resume())
    await audience.shows_store("redis", "available")
    await audience.shows(waiting=1)


@pytest.fixture
async def alone(stores: store.Stores) -> AsyncIterator[str]:
    """A result service on a database where no worker has been yet."""
    settings = Settings(
        database_url=SecretStr(stores.database_url), redis_url=SecretStr(stores.redis_url)
    )
    async with served.opened(create_app(settings), ready=False) as url:
        yield url


async def test_it_waits_for_the_tables(alone: str, stores: store.Stores) -> None:
    async with listener.opened(alone) as audience:
        await audience.shows_store("postgres", "unavailable")
        assert audience.scores is None
        status, headers, _ = await listener.get(alone, "/api/results")
        assert (status, headers["retry-after"]) == (503, "2")
        assert (await listener.get(alone, "/"))[0] == 200
        assert await readiness(alone) == (503, "starting")
        connection = await asyncpg.connect(stores.database_url)
        await schema.apply(connection)
        await connection.close()
        await audience.sees(a=0, b=0)
    assert await readiness(alone) == (200, "ok")


async def test_stores_are_unknown_until_they_have_had_time_to_answer(
    stores: store.Stores, tables: asyncpg.Connection
) -> None:
    settings = Settings(
        database_url=SecretStr(stores.database_url), redis_url=SecretStr(stores.redis_url)
    )
    both = stores.postgres, stores.redis
    await asyncio.gather(*(each.pause() for each in both))
    async with (
        served.opened(create_app(settings), ready=False) as url,
        listener.opened(url) as audience,
    ):
        await until.true(lambda: bool(audience.status))
        assert audience.status["postgres"]["state"] == "unknown"
        assert audience.status["redis"]["state"] == "unknown"
        await audience.shows_store("redis", "unavailable")
        await audience.shows_store("postgres", "unavailable")
        await asyncio.gather(*(each.resume() for each in both))
        await audience.shows_store("redis", "available")
        await audience.shows_store("postgres", "available")
