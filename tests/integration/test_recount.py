"""The one-off commands `--migrate` and `--recount`, and the script of a recount for psql."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest

from common.queue.message import Ballot, encode
from tests import until
from tests.service import Services
from tests.store import Stores
from worker import schema
from worker.store import UPSERT


@contextlib.asynccontextmanager
async def writing(stores: Stores) -> AsyncIterator[None]:
    """Commit new voters without a pause while the block runs."""
    commits = 0

    async def write(name: str) -> None:
        nonlocal commits
        connection = await asyncpg.connect(stores.database_url)
        try:
            while True:
                batch = [Ballot(f"{name}-{commits}", "b", 1, name)]
                await connection.execute(UPSERT, encode(batch).decode())
                commits += 1
        finally:
            connection.terminate()

    tasks = [asyncio.create_task(write(name)) for name in ("one", "two")]
    await until.true(lambda: commits > 20)
    try:
        yield
        before = commits
        await until.true(lambda: commits > before + 20)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_recount_is_exact_while_votes_are_stored(
    stores: Stores, services: Services, tables: asyncpg.Connection
) -> None:
    await tables.execute(  # as a restore does
        "ALTER TABLE votes DISABLE TRIGGER USER;"
        "INSERT INTO votes (id, vote) SELECT 'restored-' || n, 'a' FROM generate_series(1, 1000) n;"
        "ALTER TABLE votes ENABLE TRIGGER USER"
    )
    async with writing(stores):
        recount = services.start("worker", "--recount", DATABASE_URL=stores.database_url)
        assert await recount.ended() == 0, recount.log
    async with tables.transaction(isolation="repeatable_read"):
        counted = await tables.fetch(
            "SELECT poll, vote, count(*) FROM votes GROUP BY 1, 2 ORDER BY 1"
        )
        kept = await tables.fetch("SELECT poll, vote, voters FROM poll_tallies ORDER BY 1")
    assert [*map(tuple, kept)] == [*map(tuple, counted)]
    assert [tuple(row)[:2] for row in counted] == [("", "a"), ("one", "b"), ("two", "b")]
    assert counted[0][2] == 1000


async def test_migrate_waits_for_postgres_and_applies_the_schema(
    stores: Stores, services: Services
) -> None:
    await stores.postgres.stop()
    migrate = services.start("worker", "--migrate", DATABASE_URL=stores.database_url)
    await until.true(lambda: "retrying" in migrate.log, what=lambda: migrate.log)
    await stores.postgres.start()
    assert await migrate.ended() == 0, migrate.log
    connection = await asyncpg.connect(stores.database_url)
    assert await schema.version(connection) == schema.VERSION
    await connection.close()


async def test_a_migration_that_is_stopped_has_failed(stores: Stores, services: Services) -> None:
    await stores.postgres.stop()
    migrate = services.start("worker", "--migrate", DATABASE_URL=stores.database_url)
    await until.true(lambda: "retrying" in migrate.log, what=lambda: migrate.log)
    assert await migrate.terminate() == 1


@pytest.mark.parametrize("command", ["--migrate", "--recount"])
async def test_what_postgres_forbids_ends_the_command(
    stores: Stores, services: Services, tables: asyncpg.Connection, command: str
) -> None:
    await tables.execute(
        "COMMENT ON TABLE votes IS NULL; COMMENT ON VIEW tallies IS NULL; CREATE ROLE writer"
    )
    try:
        separator = "&" if "?" in stores.database_url else "?"
        url = f"{stores.database_url}{separator}role=writer"
        refused = services.start("worker", command, DATABASE_URL=url)
        assert await refused.ended() == 1
    finally:
        await tables.execute("DROP ROLE writer")
    assert "permission denied" in refused.log
    assert "Traceback" not in refused.log


async def test_the_script_for_psql_counts_what_it_waited_for(
    stores: Stores, tables: asyncpg.Connection
) -> None:
    await tables.execute("INSERT INTO tally_shards VALUES ('z', 0, 7)")
    other = await asyncpg.connect(stores.database_url)
    async with other.transaction():
        await other.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a')")
        # An administrator may have set this level for all sessions.
        await tables.execute("SET default_transaction_isolation = 'repeatable read'")
        recount = asyncio.create_task(tables.execute(schema.RECOUNT))

        async def is_waiting() -> bool:
            return bool(await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await until.true(is_waiting)
    await recount
    await other.close()
    assert dict(await tables.fetch("SELECT vote, voters FROM tallies")) == {"a": 1}
