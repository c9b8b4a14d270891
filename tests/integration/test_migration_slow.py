"""A migration that takes long, as of millions of rows: it is waited for, and told as what it is."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import asyncpg
import pydantic
import pytest
import structlog

from common import ballot, postgres_client
from tests import service, store, until
from worker import schema, settings
from worker import store as worker_store

LIMIT = 0.3  # seconds for a statement


@pytest.fixture
async def db(stores: store.Stores) -> AsyncIterator[asyncpg.Connection]:
    """A connection, with a classic table."""
    connection = await asyncpg.connect(stores.database_url)
    await connection.execute(
        "CREATE TABLE votes (id VARCHAR(255) UNIQUE NOT NULL, vote VARCHAR(255) NOT NULL);"
        "INSERT INTO votes VALUES ('1', 'a')"
    )
    yield connection
    await connection.close()


async def slow_down(db: asyncpg.Connection, seconds: float) -> None:
    """Makes the migration take so long, and longer."""
    await db.execute(
        "CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql"
        f" AS $$ BEGIN PERFORM pg_sleep({seconds}); END $$;"
        "CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('CREATE VIEW')"
        " EXECUTE FUNCTION slow()"
    )


def made(stores: store.Stores) -> worker_store.Store:
    url = pydantic.SecretStr(stores.database_url)
    return worker_store.Store(settings.Settings(database_url=url), migrate=True)


async def test_the_worker_says_so_and_is_ready_then(
    stores: store.Stores, services: service.Services, db: asyncpg.Connection
) -> None:
    await slow_down(db, 4)
    worker = services.start("worker", **stores.environment)

    async def is_told() -> bool:
        if await worker.get("/readyz") != 503:
            return False
        told = json.loads(await worker.text("/readyz"))["dependencies"]["postgres"]
        return (told["state"], told.get("reason")) == ("preparing", "the schema is being migrated")

    await until.true(is_told, what=lambda: worker.log)
    await worker.ready()
    assert "not ready yet" in worker.log
    assert "away, trying again" not in worker.log
    assert await db.fetchval("SELECT voters FROM tallies") == 1


@pytest.mark.parametrize("limit", ["statement_timeout", "transaction_timeout"])
async def test_no_limit_of_time_holds_for_it(
    stores: store.Stores, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    if not await db.fetchval("SELECT count(*) FROM pg_settings WHERE name = $1", limit):
        pytest.skip(f"this Postgres has no {limit}")
    monkeypatch.setattr(postgres_client.connect, "__kwdefaults__", {"limit": LIMIT})
    monkeypatch.setattr(worker_store, "MIGRATES_AFTER", LIMIT)
    await slow_down(db, 4 * LIMIT)
    await db.execute(f"ALTER DATABASE test SET {limit} = '{LIMIT}s'")
    stored = made(stores)
    told = set()

    async def is_done() -> bool:
        try:
            async with asyncio.timeout(LIMIT / 2):  # as who watches it, in this little world
                await stored.ping()
        except worker_store.StoreAway as away:
            told.add(str(away))
        except TimeoutError:
            return False
        else:
            return True
        return False

    try:
        await until.true(is_done)
    finally:
        await db.execute(f"ALTER DATABASE test RESET {limit}")
        await stored.close()
    assert told == {"the schema is being migrated"}


@pytest.mark.parametrize("asked", ["ping", "commit"])
async def test_another_worker_that_migrates_is_waited_for(
    stores: store.Stores, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setattr(worker_store, "MIGRATES_AFTER", 0.1)
    monkeypatch.setattr(schema, "LOCK_TIMEOUT", 100)
    stored = made(stores)
    ask = stored.ping if asked == "ping" else lambda: stored.commit([ballot.Ballot("2", "b", 1)])
    async with db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock($1)", schema.MIGRATION_LOCK)
        for _ in range(5):
            with pytest.raises(worker_store.Migrating):
                await ask()

    async def answers() -> bool:
        try:
            await ask()
        except worker_store.Migrating:
            return False
        return True

    await until.true(answers)
    await stored.close()


@contextlib.asynccontextmanager
async def locked(stores: store.Stores) -> AsyncIterator[None]:
    """While the block runs, somebody writes to the table in one transaction."""
    other = await asyncpg.connect(stores.database_url)
    try:
        async with other.transaction():
            await other.execute("LOCK TABLE votes IN ROW EXCLUSIVE MODE")
            yield
    finally:
        await other.close()


async def sessions(db: asyncpg.Connection) -> int:
    """How many connections migrate."""
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'worker-migration'"
    return int(await db.fetchval(count))


async def test_who_keeps_the_table_locked_is_waited_for(
    stores: store.Stores, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "LOCK_TIMEOUT", 100)
    monkeypatch.setattr(schema, "_told", set())
    configured = settings.Settings(database_url=pydantic.SecretStr(stores.database_url))
    with structlog.testing.capture_logs() as logged:
        async with locked(stores):
            migrating = asyncio.create_task(schema.migrate(configured))
            await until.true(lambda: [line["log_level"] for line in logged].count("warning") > 1)
            # Between two tries nobody is held up.
            await db.execute("INSERT INTO votes VALUES ('2', 'a')")
        await migrating
    # However often it tries, that it begins is told once.
    assert [line["event"] for line in logged].count("applying the schema") == 1
    assert await schema.is_current(db)
    assert await db.fetchval("SELECT voters FROM tallies") == 2


async def test_closing_gives_it_up(
    stores: store.Stores, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_store, "MIGRATES_AFTER", 0.1)
    monkeypatch.setattr(schema, "LOCK_TIMEOUT", 1_000)
    stored = made(stores)

    async def is_gone() -> bool:
        return await sessions(db) == 0

    async with locked(stores):
        with pytest.raises(worker_store.Migrating):
            await stored.ping()
        assert await sessions(db) == 1
        await stored.close()
        await until.true(is_gone)  # at the end of its statement
    assert not await schema.is_current(db)
