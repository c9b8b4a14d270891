"""`python -m worker --reset`, and the request of a presenter."""

from typing import cast

import aiohttp
import asyncpg
import pytest
from redis.asyncio import Redis

from common.queue import keys
from common.queue.message import Ballot, encode
from tests import served, until
from tests.integration import listener, working
from tests.service import Services
from tests.store import Stores
from worker import schema
from worker.app import create_app

WAITS = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted"
RESETS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'worker-reset'"


async def stored(tables: asyncpg.Connection) -> int:
    return int(await tables.fetchval("SELECT count(*) FROM votes"))


async def store(client: Redis, tables: asyncpg.Connection, name: str, count: int) -> None:
    """Cast votes of new voters, and wait until a worker has stored them."""
    before = await stored(tables)
    await client.rpush(keys.VOTES, *(encode(Ballot(f"{name}-{n}", "a", 1)) for n in range(count)))

    async def are_stored() -> bool:
        return await stored(tables) == before + count

    await until.true(are_stored)


@pytest.fixture
async def votes(client: Redis, tables: asyncpg.Connection) -> None:
    """Votes everywhere: in the table, the queue, a claimed list and the dead letters."""
    await tables.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a'), ('2', 'b')")
    await client.rpush(keys.VOTES, encode(Ballot("3", "a", 1)))
    await client.sadd(keys.SESSIONS, "dead")
    await client.rpush(keys.claimed("dead"), encode(Ballot("4", "a", 1)))
    await client.rpush(keys.DEAD, "{}")


async def test_a_reset_deletes_all_votes_and_pages_show_it_by_themselves(
    votes: None,
    stores: Stores,
    services: Services,
    client: Redis,
    tables: asyncpg.Connection,
    audience: listener.Listener,
) -> None:
    await audience.sees(a=1, b=1)
    reset = services.start("worker", "--reset", "--yes", **stores.environment)
    assert await reset.ended() == 0, reset.log
    await audience.sees(a=0, b=0)
    assert await stored(tables) == 0
    assert not await client.exists(keys.VOTES, keys.DEAD, keys.claimed("dead"))
    assert await schema.version(tables) == schema.VERSION


async def test_a_reset_without_confirmation_deletes_nothing(
    votes: None, stores: Stores, services: Services, client: Redis, tables: asyncpg.Connection
) -> None:
    reset = services.start("worker", "--reset", **stores.environment)
    assert await reset.ended() == 2
    assert "--yes" in reset.log
    assert await stored(tables) == 2
    assert await client.exists(keys.VOTES, keys.DEAD, keys.claimed("dead")) == 3


async def test_a_reset_without_postgres_says_so_and_deletes_nothing(
    votes: None, stores: Stores, services: Services, client: Redis
) -> None:
    await stores.postgres.stop()
    reset = services.start("worker", "--reset", "--yes", **stores.environment)
    assert await reset.ended() == 1
    assert "not all votes are deleted" in reset.log
    assert await client.exists(keys.VOTES, keys.DEAD, keys.claimed("dead")) == 3


async def test_a_reset_deletes_nothing_if_the_table_cannot_be_emptied(
    votes: None, stores: Stores, services: Services, client: Redis, tables: asyncpg.Connection
) -> None:
    await tables.execute("ALTER TABLE votes RENAME TO kept; CREATE VIEW votes AS TABLE kept")
    reset = services.start("worker", "--reset", "--yes", **stores.environment)
    assert await reset.ended() == 1
    assert await stored(tables) == 2
    assert await client.exists(keys.VOTES, keys.DEAD, keys.claimed("dead")) == 3


async def test_a_reset_without_redis_deletes_nothing(
    votes: None, stores: Stores, services: Services, tables: asyncpg.Connection
) -> None:
    await stores.redis.stop()
    reset = services.start("worker", "--reset", "--yes", **stores.environment)
    assert await reset.ended() == 1
    assert await stored(tables) == 2


async def test_a_worker_deletes_all_votes_when_a_presenter_asks(
    stores: Stores, client: Redis, tables: asyncpg.Connection
) -> None:
    settings = working.settings(stores).model_copy(update={"faults": "enabled"})
    async with served.opened(create_app(settings)) as url:
        await store(client, tables, "before", 5)
        sessions = await client.smembers(keys.SESSIONS)
        await client.rpush(keys.RESET, 1)

        async def is_done() -> bool:
            return await stored(tables) == 0 and not await tables.fetchval(RESETS)

        await until.true(is_done)
        assert not await client.exists(keys.RESET)
        await store(client, tables, "after", 5)
        assert not sessions & await client.smembers(keys.SESSIONS)
        async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics") as answer:
            assert "worker_lease_lost_total 0.0" in await answer.text()


async def test_without_faults_a_worker_deletes_nothing(
    stores: Stores, client: Redis, tables: asyncpg.Connection
) -> None:
    async with working.opened(stores):
        await store(client, tables, "before", 5)
        await client.rpush(keys.RESET, 1)
        await store(client, tables, "after", 5)
    assert await client.exists(keys.RESET)


async def test_batches_in_the_memory_of_a_worker_are_deleted_too(
    stores: Stores, services: Services, client: Redis, tables: asyncpg.Connection
) -> None:
    worker = await services.ready("tests.worker", "--batch-size=1", **stores.environment)
    async with tables.transaction():
        await tables.execute("LOCK TABLE votes IN EXCLUSIVE MODE")
        await client.rpush(keys.VOTES, *(encode(Ballot(str(n), "a", 1)) for n in range(9)))
        session = cast("bytes", (await client.smembers(keys.SESSIONS)).pop())
        claimed = keys.claimed(session.decode())

        async def has_claimed() -> bool:
            return await client.llen(claimed) == 2

        await until.true(has_claimed)  # one batch hangs in Postgres, and one waits
        reset = services.start("worker", "--reset", "--yes", **stores.environment)

        async def waits() -> bool:
            return bool(await tables.fetchval(WAITS))

        await until.true(waits, what=lambda: reset.log)
    # From now on, the second batch waits until the first TRUNCATE is committed.
    assert await reset.ended() == 0, reset.log
    assert session not in await client.smembers(keys.SESSIONS), worker.log
    assert await stored(tables) == 0
    await store(client, tables, "after", 20)


async def test_a_worker_that_was_stopped_cannot_commit_after_a_reset(
    stores: Stores, services: Services, tables: asyncpg.Connection
) -> None:
    names = {"application_name": "worker"}
    connection = await asyncpg.connect(stores.database_url, server_settings=names)
    insert = await connection.prepare("INSERT INTO votes (id, vote) VALUES ('late', 'a')")
    reset = services.start("worker", "--reset", "--yes", **stores.environment)
    assert await reset.ended() == 0, reset.log
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await insert.fetch()
    assert await stored(tables) == 0
    connection.terminate()
