"""The tallies counted anew while votes come: by the worker's program, and by psql."""

import asyncio
import contextlib
import signal
import typing
from collections.abc import AsyncIterator

import asyncpg
import pytest

from common import ballot
from standalone import package
from tests import service, store, until
from worker import schema
from worker import store as worker_store

PSQL = package.find(package.POSTGRES) / "pginstall/bin/psql"
FILE = service.ROOT / "worker/schema.sql"
WRITERS = 4
AGAIN = 5  # times that the file is run


class Writers:
    """Workers that commit new voters without a pause."""

    def __init__(self, database_url: str) -> None:
        self.commits = 0
        self._database_url = database_url

    async def write(self, name: int) -> typing.NoReturn:
        db = await asyncpg.connect(self._database_url)
        try:
            while True:
                cast = [ballot.Ballot(f"{name}-{self.commits}-{n}", "ab"[n % 2], 1) for n in (1, 2)]
                await db.execute(worker_store.UPSERT, *worker_store.as_arrays(cast))
                self.commits += 1
        finally:
            await db.close()

    async def more(self, count: int) -> None:
        """Wait until there are so many more commits."""
        goal = self.commits + count
        await until.true(lambda: self.commits >= goal, 20, lambda: self.commits)


@contextlib.asynccontextmanager
async def writing(stores: store.Stores) -> AsyncIterator[Writers]:
    writers = Writers(stores.database_url)
    tasks = [asyncio.create_task(writers.write(name)) for name in range(WRITERS)]
    try:
        await writers.more(100)
        yield writers
        await writers.more(100)
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def written_without_triggers(db: asyncpg.Connection) -> None:
    """As a restore does: 1,000 votes that the tallies do not have."""
    await db.execute(
        "ALTER TABLE votes DISABLE TRIGGER USER;"
        "INSERT INTO votes (id, vote) SELECT 'restored-' || n, 'a' FROM generate_series(1, 1000) n;"
        "ALTER TABLE votes ENABLE TRIGGER USER"
    )


async def check_exact(db: asyncpg.Connection) -> None:
    async with db.transaction(isolation="repeatable_read"):
        counted = dict(await db.fetch("SELECT vote, count(*) FROM votes GROUP BY vote"))
        assert dict(await db.fetch("SELECT vote, voters FROM tallies")) == counted
        assert counted["a"] > 1000


async def psql(stores: store.Stores) -> tuple[int, str]:
    """Runs the file as it is, and returns the status and what psql complains of.

    For a role whose transactions see what there was when they began: the count must not.
    """
    running = await asyncio.create_subprocess_exec(
        PSQL, "--no-psqlrc", "--quiet", stores.database_url,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={"PGOPTIONS": r"-c default_transaction_isolation=repeatable\ read"},
    )  # fmt: skip
    _, complaints = await running.communicate(FILE.read_bytes())
    assert running.returncode is not None
    return running.returncode, complaints.decode()


async def test_by_the_program(
    stores: store.Stores, services: service.Services, tables: asyncpg.Connection
) -> None:
    await written_without_triggers(tables)
    async with writing(stores):
        recount = services.start("worker", "--recount", DATABASE_URL=stores.database_url)
        assert await recount.ended() == 0, recount.log
        assert "schema applied" in recount.log
    await check_exact(tables)


async def test_by_psql(stores: store.Stores, tables: asyncpg.Connection) -> None:
    await written_without_triggers(tables)
    async with writing(stores) as writers:
        for _ in range(AGAIN):
            status, complaints = await psql(stores)
            assert (status, "ERROR" in complaints) == (0, False), complaints
            await writers.more(10)
    await check_exact(tables)
    paths = await tables.fetch("SELECT proconfig FROM pg_proc WHERE proname LIKE 'tally%'")
    assert {tuple(path) for (path,) in paths} == {("search_path=public, pg_temp",)}


async def test_by_psql_all_of_it_or_nothing(
    stores: store.Stores, tables: asyncpg.Connection
) -> None:
    await written_without_triggers(tables)
    await tables.execute("DROP VIEW tallies; CREATE TABLE tallies (vote text)")
    before = await tables.fetch("SELECT * FROM tally_shards")
    status, complaints = await psql(stores)
    assert (status, "tallies" in complaints) == (3, True), complaints
    assert await tables.fetch("SELECT * FROM tally_shards") == before


async def test_where_the_schema_is_missing_it_is_made(
    stores: store.Stores, services: service.Services
) -> None:
    recount = services.start("worker", "--recount", DATABASE_URL=stores.database_url)
    assert await recount.ended() == 0, recount.log
    db = await asyncpg.connect(stores.database_url)
    assert await schema.is_current(db)
    await db.close()


@contextlib.asynccontextmanager
async def not_the_owner(stores: store.Stores, db: asyncpg.Connection) -> AsyncIterator[str]:
    """The URL by which a worker may store votes in tables that are another role's."""
    await db.execute("CREATE ROLE writer; GRANT SELECT, INSERT, UPDATE ON votes TO writer")
    try:
        yield f"{stores.database_url}{'&' if '?' in stores.database_url else '?'}role=writer"
    finally:
        await db.execute("DROP OWNED BY writer; DROP ROLE writer")


async def test_who_does_not_own_the_tables_is_told_who_can(
    stores: store.Stores, services: service.Services, tables: asyncpg.Connection
) -> None:
    async with not_the_owner(stores, tables) as url:
        recount = services.start("worker", "--recount", DATABASE_URL=url)
        assert await recount.ended() == 2, recount.log
    assert recount.log.splitlines()[-1] == (
        "settings: permission denied for schema public: only the owner of the tables can count"
        " them anew, by worker/schema.sql, as docs/operations.md has it"
    )


async def test_a_migration_waits_for_its_rights(
    stores: store.Stores, services: service.Services, tables: asyncpg.Connection
) -> None:
    await tables.execute("COMMENT ON VIEW tallies IS NULL")  # as if of another version
    async with not_the_owner(stores, tables) as url:
        migrate = services.start("worker", "--migrate", DATABASE_URL=url)
        await until.true(lambda: migrate.log.count("trying again") > 1, what=lambda: migrate.log)
        await tables.execute("ALTER ROLE writer SUPERUSER")
        assert await migrate.ended() == 0, migrate.log
    assert "schema applied" in migrate.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_stopped_before_it_is_done_it_has_failed(
    stores: store.Stores, services: service.Services, number: signal.Signals
) -> None:
    await stores.postgres.stop()
    migrate = services.start("worker", "--migrate", DATABASE_URL=stores.database_url)
    await until.true(lambda: "Postgres is away" in migrate.log, what=lambda: migrate.log)
    migrate.signal(number)
    assert await migrate.ended() == 1
    assert migrate.log.endswith("stopped before the schema was applied\n")


async def test_a_search_path_without_a_schema_is_told(
    stores: store.Stores, services: service.Services
) -> None:
    url = f"{stores.database_url}{'&' if '?' in stores.database_url else '?'}search_path=nowhere"
    migrate = services.start("worker", "--migrate", DATABASE_URL=url)
    assert await migrate.ended() == 2, migrate.log
    last = migrate.log.splitlines()[-1]
    assert last.startswith("settings: none of the schemas in the search_path (nowhere) is"), last
