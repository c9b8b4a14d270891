"""The stores fixture keeps its promises: clean, faulty at will, and the same afterwards."""

import asyncio

import asyncpg
import pytest
import redis.asyncio
import redis.exceptions

from tests import store

ANSWER_TIMEOUT = 0.3  # seconds in which a running server surely answers


async def fetch(stores: store.Stores, query: str) -> object:
    connection = await asyncpg.connect(stores.database_url, timeout=5)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.mark.parametrize("time", ["first", "second"])
async def test_each_test_finds_empty_stores(stores: store.Stores, time: str) -> None:
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert await fetch(stores, tables) == 0
    assert await fetch(stores, "SELECT current_setting('server_version_num')::int / 10000") == 18
    connection = await asyncpg.connect(stores.database_url)  # left open: the fixture must cope
    await connection.execute("CREATE TABLE seen (name text)")
    async with redis.asyncio.Redis.from_url(stores.redis_url) as client:
        assert await client.dbsize() == 0
        await client.set("seen", time)
        assert (await client.config_get("appendfsync"))["appendfsync"] == "always"
    connection.terminate()


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_postgres_keeps_address_and_data_over_an_end(stores: store.Stores, end: str) -> None:
    connection = await asyncpg.connect(stores.database_url)
    await connection.execute("CREATE TABLE kept (n int)")
    await connection.execute("INSERT INTO kept VALUES (7)")
    await getattr(stores.postgres, end)()
    with pytest.raises((OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError)):
        await fetch(stores, "SELECT 1")
    await stores.postgres.start()
    assert await fetch(stores, "SELECT n FROM kept") == 7
    connection.terminate()


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_redis_keeps_address_and_data_over_an_end(stores: store.Stores, end: str) -> None:
    async with redis.asyncio.Redis.from_url(stores.redis_url) as client:
        await client.rpush("kept", "a", "b")
        await getattr(stores.redis, end)()
        with pytest.raises(redis.exceptions.ConnectionError):
            await client.ping()
        await stores.redis.start()
        assert await client.lrange("kept", 0, -1) == [b"a", b"b"]


async def test_a_paused_postgres_answers_after_the_pause(stores: store.Stores) -> None:
    connection = await asyncpg.connect(stores.database_url)
    await stores.postgres.pause()
    answer = asyncio.create_task(connection.fetchval("SELECT 1"))
    done, _ = await asyncio.wait({answer}, timeout=ANSWER_TIMEOUT)
    assert not done
    await stores.postgres.resume()
    assert await answer == 1
    await connection.close()


async def test_a_paused_redis_answers_after_the_pause(stores: store.Stores) -> None:
    async with redis.asyncio.Redis.from_url(stores.redis_url) as client:
        await client.set("kept", "yes")
        await stores.redis.pause()
        answer = asyncio.ensure_future(client.get("kept"))
        done, _ = await asyncio.wait({answer}, timeout=ANSWER_TIMEOUT)
        assert not done
        await stores.redis.resume()
        assert await answer == b"yes"


class TestRestored:
    """A store that one test breaks works in the next. The order of the two matters."""

    async def test_break(self, stores: store.Stores) -> None:
        await stores.postgres.kill()
        await stores.redis.pause()

    async def test_whole(self, stores: store.Stores) -> None:
        assert await fetch(stores, "SELECT 1") == 1
        async with redis.asyncio.Redis.from_url(stores.redis_url) as client:
            assert await client.ping()
