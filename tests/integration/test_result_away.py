"""Result while a store is away: it keeps what it knows, says so, and is right again by itself."""

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator

import asyncpg
import pydantic
import pytest
import redis.asyncio

from common import concurrency, keys
from result import app, pipeline, settings
from tests import served, store, until
from tests.integration import listener
from worker import queue, schema

Listener = listener.Listener


async def ready(url: str) -> bool:
    return (await listener.get(url, "/readyz"))[0] == 200


async def unready(url: str) -> bool:
    return not await ready(url)


@pytest.mark.parametrize("how", ["stop", "kill", "pause"])
async def test_postgres_goes_and_comes_back(
    audience: Listener, tables: asyncpg.Connection, stores: store.Stores, how: str
) -> None:
    await tables.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a'), ('2', 'b')")
    await audience.sees(a=1, b=1)
    await tables.close()
    await getattr(stores.postgres, how)()
    await until.true(lambda: unready(audience.url))
    await until.true(lambda: audience.status["postgres"]["state"] == "away")
    assert audience.scores == {"a": 1, "b": 1}
    async with listener.opened(audience.url) as late:
        await late.sees(a=1, b=1)
    status, _, text = await listener.get(audience.url, "/api/results")
    assert (status, json.loads(text)["total"]) == (200, 2)
    assert (await listener.get(audience.url, "/healthz"))[0] == 200

    await (stores.postgres.resume() if how == "pause" else stores.postgres.start())
    connection = await asyncpg.connect(stores.database_url)
    await connection.execute("UPDATE votes SET vote = 'b'")
    await audience.sees(a=0, b=2)
    await until.true(lambda: ready(audience.url))
    await until.true(lambda: audience.status["postgres"]["state"] == "up")
    await connection.execute("INSERT INTO votes (id, vote) VALUES ('3', 'a')")
    await audience.sees(a=1, b=2)
    await connection.close()


async def test_the_server_ends_the_connection(
    audience: Listener, tables: asyncpg.Connection
) -> None:
    await audience.sees(a=0, b=0)
    await tables.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'result'"
    )
    await tables.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a')")
    await audience.sees(a=1, b=0)


@pytest.mark.parametrize("how", ["stop", "pause"])
async def test_redis_goes_and_comes_back(
    audience: Listener,
    tables: asyncpg.Connection,
    client: redis.asyncio.Redis,
    stores: store.Stores,
    how: str,
) -> None:
    await client.rpush(keys.VOTES, b"x")
    await until.true(lambda: audience.status.get("waiting") == 1)
    await getattr(stores.redis, how)()
    await until.true(lambda: audience.status["redis"]["state"] == "away")
    assert audience.status["waiting"] is None  # not a number of a while ago
    assert audience.status["workers"] is None
    # The tallies come all the same, and nothing is unready.
    await tables.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a')")
    await audience.sees(a=1, b=0)
    assert await ready(audience.url)
    await (stores.redis.start() if how == "stop" else stores.redis.resume())
    await until.true(lambda: audience.status["waiting"] == 1)
    assert audience.status["redis"]["state"] == "up"


async def test_workers_are_judged_again_as_soon_as_all_have_reported(
    audience: Listener, client: redis.asyncio.Redis, stores: store.Stores
) -> None:
    """Not only when the time that they have after an outage is over."""

    async def reported() -> bool:
        await session.beat({})
        workers = audience.status.get("workers")
        return bool(workers and workers[0]["alive"])

    session = queue.Session(client, client, "w1")
    await session.sign_on({})
    await until.true(reported)
    await stores.redis.pause()
    await until.true(lambda: audience.status["redis"]["state"] == "away")
    await asyncio.sleep(pipeline.GRACE / 2)  # the outage, long enough for the longest grace
    await stores.redis.resume()
    back = time.monotonic()
    await until.true(reported)
    await client.pexpire(keys.heartbeat("w1"), 1)
    await until.true(
        lambda: audience.status["workers"] and not audience.status["workers"][0]["alive"]
    )
    assert time.monotonic() - back < pipeline.GRACE - 1


async def test_a_vote_page_has_time_to_come_back_as_well(
    audience: Listener, client: redis.asyncio.Redis, stores: store.Stores
) -> None:
    """It is not known then whether it lives; afterwards it is."""
    await client.set(keys.VOTE_PAGE, "replica-7", ex=60)
    await until.true(lambda: audience.status.get("vote_page") is True)
    await stores.redis.pause()
    await until.true(lambda: audience.status["redis"]["state"] == "away")
    await asyncio.sleep(pipeline.GRACE / 2)  # the outage, long enough for the longest grace
    await stores.redis.resume()
    await until.true(lambda: audience.status["redis"]["state"] == "up")
    back = len(audience.of("pipeline")) - 1
    await until.true(lambda: audience.status["vote_page"] is False)
    told = [event.content["vote_page"] for event in audience.of("pipeline")[back:]]
    assert [now for now, _ in itertools.groupby(told)] == [True, None, False]


async def test_a_worker_that_dies_while_redis_is_slow_is_noticed(
    audience: Listener, client: redis.asyncio.Redis, stores: store.Stores
) -> None:
    session = queue.Session(client, client, "w1")
    await session.sign_on({})
    await until.true(lambda: bool(audience.status.get("workers")))
    assert audience.status["workers"][0]["alive"]

    async def is_noticed() -> bool:
        await stores.redis.pause()
        await asyncio.sleep(0.6)  # less than a look may take
        await stores.redis.resume()
        await asyncio.sleep(0.15)
        return [each["alive"] for each in audience.status["workers"] or []] == [False]

    await until.true(is_noticed, within=queue.HEARTBEAT_LIFE - 1)  # not because that ran out


async def test_a_redis_that_hangs_makes_no_worker_silent(
    audience: Listener, client: redis.asyncio.Redis, stores: store.Stores
) -> None:
    async def report() -> None:
        for number in itertools.count():
            await session.beat({"at": number})
            await asyncio.sleep(queue.HEARTBEAT_INTERVAL)

    session = queue.Session(client, client, "w1")
    await session.sign_on({})
    reporting = asyncio.create_task(report())
    for _ in range(8):
        await stores.redis.pause()
        await asyncio.sleep(pipeline.TIMEOUT - 0.07)
        await stores.redis.resume()
        await asyncio.sleep(0.7)
    await concurrency.cancel(reporting)
    told = [
        worker["alive"]
        for event in audience.of("pipeline")
        for worker in event.content["workers"] or []
    ]
    assert len(told) > 8
    assert all(told)


@pytest.fixture
async def alone(stores: store.Stores) -> AsyncIterator[str]:
    """A result service that knows no Redis, on a database where no worker has been yet."""
    configured = settings.Settings(database_url=pydantic.SecretStr(stores.database_url))
    async with served.opened(app.create_app(configured), ready=False) as url:
        yield url


async def test_it_works_without_redis_and_waits_for_the_tables(
    alone: str, stores: store.Stores
) -> None:
    async with listener.opened(alone) as audience:
        unused = {"state": "unused", "since": None, "refused": False}
        await until.true(lambda: audience.status.get("redis") == unused)
        assert audience.scores is None
        status, headers, text = await listener.get(alone, "/api/results")
        assert (status, headers["retry-after"]) == (503, "2")
        assert "no result was read yet" in text
        assert (await listener.get(alone, "/"))[0] == 200

        async def says_why() -> bool:
            status, _, text = await listener.get(alone, "/readyz")
            reason = json.loads(text)["dependencies"]["postgres"]["reason"]
            return status == 503 and "a worker makes them" in reason

        await until.true(says_why)
        connection = await asyncpg.connect(stores.database_url)
        await schema.apply(connection)
        await audience.sees(a=0, b=0)
        await connection.close()
    assert await ready(alone)


async def test_in_its_first_moment_it_blames_no_store(
    stores: store.Stores, tables: asyncpg.Connection
) -> None:
    """It has asked them, and they have not had their time to answer."""
    configured = settings.Settings(
        database_url=pydantic.SecretStr(stores.database_url),
        redis_url=pydantic.SecretStr(stores.redis_url),
    )

    def states() -> set[str]:
        return {audience.status[name]["state"] for name in ("postgres", "redis")}

    both = stores.postgres, stores.redis
    await asyncio.gather(*(each.pause() for each in both))
    try:
        async with (
            served.opened(app.create_app(configured), ready=False) as url,
            listener.opened(url) as audience,
        ):
            await until.true(lambda: bool(audience.status))
            assert states() == {"unknown"}
            await until.true(lambda: states() == {"away"})
            await asyncio.gather(*(each.resume() for each in both))
            await until.true(lambda: states() == {"up"})
    finally:
        await asyncio.gather(*(each.resume() for each in both))
