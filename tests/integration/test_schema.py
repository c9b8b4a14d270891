"""The schema and its triggers, on a real Postgres: the tallies are exact for every writer."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from common.queue.message import Ballot, Letter
from tests import until
from tests.integration import working
from tests.service import ROOT
from tests.store import Stores
from worker import schema
from worker.store import UPSERT, Store, newest_per_voter

ABC: tuple[Letter, ...] = ("a", "b", "c")
# As the classic worker creates it, and as its forks do.
CLASSIC = "CREATE TABLE votes (id VARCHAR(255) {}, vote VARCHAR(255) NOT NULL)"
# As a worker of version 0.2 stores a batch.
UPSERT_0_2 = """
INSERT INTO votes (id, vote, cast_at)
SELECT voter_id, vote, timestamptz 'epoch' + cast_at * interval '1 microsecond'
FROM jsonb_to_recordset($1::jsonb) AS ballot (voter_id text, vote text, cast_at bigint)
ON CONFLICT (id) DO UPDATE
SET vote = excluded.vote, cast_at = excluded.cast_at
WHERE excluded.cast_at > votes.cast_at
"""


@pytest.fixture
async def db(stores: Stores) -> AsyncIterator[asyncpg.Connection]:
    """An empty database."""
    connection = await asyncpg.connect(stores.database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def db_0_2(db: asyncpg.Connection) -> asyncpg.Connection:
    """A database as version 0.2 leaves it."""
    await db.execute(f"BEGIN; {schema.MIGRATIONS[0]}; COMMIT")
    assert await schema.version(db) == 1
    return db


async def upsert(db: asyncpg.Connection, *ballots: Ballot, statement: str = UPSERT) -> None:
    await db.execute(statement, newest_per_voter(ballots).json)


async def by_poll(db: asyncpg.Connection) -> dict[tuple[str, str], int]:
    """Return the tallies by poll and option, if they are what the table has."""
    counted = await db.fetch("SELECT poll, vote, count(*) AS voters FROM votes GROUP BY poll, vote")
    tallies = {(row["poll"], row["vote"]): row["voters"] for row in counted}
    kept = await db.fetch("SELECT poll, vote, voters FROM poll_tallies")
    assert {(row["poll"], row["vote"]): row["voters"] for row in kept} == tallies
    await check_tallies(db)
    return tallies


async def check_tallies(db: asyncpg.Connection) -> dict[str, int]:
    """Return the tallies, if they are what the classic result page would count."""
    classic = dict(await db.fetch("SELECT vote, COUNT(id) AS count FROM votes GROUP BY vote"))
    tallies = dict(await db.fetch("SELECT vote, voters FROM tallies"))
    assert tallies == classic
    return tallies


async def test_many_workers_apply_it_at_once(stores: Stores) -> None:
    connections = [await asyncpg.connect(stores.database_url) for _ in range(8)]
    await asyncio.gather(*(schema.apply(each) for each in connections))
    await connections[0].execute("INSERT INTO votes (id, vote) VALUES ('1', 'a')")
    assert await check_tallies(connections[0]) == {"a": 1}
    for each in connections:
        await each.close()


def test_the_migrations_are_numbered_without_a_gap() -> None:
    numbers = [path.name[:5] for path in sorted((ROOT / "worker/migrations").iterdir())]
    assert numbers == [f"{number:04}_" for number in range(1, schema.VERSION + 1)]


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The next version of the worker, with one more migration. Undo it to have this version."""
    migration = "DROP TRIGGER tally_truncate ON votes; CREATE TABLE newer ()"
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, migration])
        patch.setattr(schema, "VERSION", schema.VERSION + 1)
        yield patch


async def is_newer(db: asyncpg.Connection) -> bool:
    triggers = "SELECT count(*) FROM pg_trigger WHERE tgname = 'tally_truncate'"
    return await db.fetchval("SELECT to_regclass('newer') IS NOT NULL") and not (
        await db.fetchval(triggers)
    )


async def test_a_missing_migration_is_applied_once(
    tables: asyncpg.Connection, stores: Stores, newer: pytest.MonkeyPatch
) -> None:
    await tables.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a')")
    others = [await asyncpg.connect(stores.database_url) for _ in range(4)]
    # A second time would fail: the table is there. The first migration would create the trigger.
    await asyncio.gather(*(schema.apply(each) for each in others))
    assert await is_newer(tables)
    assert await schema.version(tables) == schema.VERSION
    assert await check_tallies(tables) == {"a": 1}
    for each in others:
        await each.close()


async def test_an_old_worker_that_starts_later_does_not_go_back(
    db: asyncpg.Connection, stores: Stores, newer: pytest.MonkeyPatch
) -> None:
    await schema.apply(db)
    version = schema.VERSION
    newer.undo()
    old = Store(working.settings(stores), migrate=True)
    await old.commit(newest_per_voter([Ballot("1", "a", 1)]))
    old.close()
    await schema.migrate(working.settings(stores), recount=True)
    assert await is_newer(db)
    assert await schema.version(db) == version > schema.VERSION
    assert await check_tallies(db) == {"a": 1}


async def test_version_0_2_leaves_the_schema_alone(tables: asyncpg.Connection) -> None:
    """Its workers apply their own unless they find the hash of it here."""
    comment = await tables.fetchval("SELECT obj_description('tallies'::regclass)")
    assert comment == "schema 1704a1f5cfceb9ad"


async def test_a_current_schema_is_not_applied_again(
    tables: asyncpg.Connection, stores: Stores
) -> None:
    other = await asyncpg.connect(stores.database_url)
    async with other.transaction():
        await other.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a')")
        async with asyncio.timeout(2):  # it would wait for this transaction
            await schema.apply(tables)
    await other.close()
    assert await check_tallies(tables) == {"a": 1}


@pytest.mark.parametrize("key", ["NOT NULL UNIQUE", "PRIMARY KEY"])
async def test_a_classic_table_is_migrated_in_place(db: asyncpg.Connection, key: str) -> None:
    await db.execute(CLASSIC.format(key))
    await db.execute(
        "INSERT INTO votes SELECT n, CASE n % 3 WHEN 2 THEN 'b' ELSE 'a' END "
        "FROM generate_series(1, 999) AS n"
    )
    before = await db.fetch("SELECT id, vote FROM votes ORDER BY id")
    await schema.apply(db)
    assert await db.fetch("SELECT id, vote FROM votes ORDER BY id") == before
    assert sum((await check_tallies(db)).values()) == 999
    # The classic worker's statements still work, and are counted.
    await db.execute("INSERT INTO votes (id, vote) VALUES ($1, $2)", "new", "b")
    await db.execute("UPDATE votes SET vote = $1 WHERE id = $2", "a", "2")
    # Any ballot is newer than a classic row.
    await upsert(db, Ballot("1", "c", 1))
    assert await check_tallies(db) == {"a": 666, "b": 333, "c": 1}


async def test_a_table_of_version_0_2_is_migrated_in_place(db_0_2: asyncpg.Connection) -> None:
    db = db_0_2
    await upsert(db, Ballot("1", "a", 1), Ballot("2", "b", 1), statement=UPSERT_0_2)
    await db.execute("CREATE TABLE before AS SELECT * FROM votes")
    await schema.apply(db)
    assert await schema.version(db) == schema.VERSION
    assert not await db.fetch("SELECT * FROM before EXCEPT SELECT id, vote, cast_at FROM votes")
    assert await by_poll(db) == {("", "a"): 1, ("", "b"): 1}
    await upsert(db, Ballot("1", "b", 2, "X"), Ballot("3", "a", 2, "X"))
    assert await by_poll(db) == {("", "b"): 1, ("X", "b"): 1, ("X", "a"): 1}


async def test_the_newest_vote_counts_in_its_poll(tables: asyncpg.Connection) -> None:
    await upsert(tables, Ballot("1", "a", 1, "X"), Ballot("2", "a", 1, "X"), Ballot("3", "b", 1))
    await upsert(tables, Ballot("1", "a", 2, "Y"), Ballot("2", "a", 0, "Y"))
    assert await by_poll(tables) == {("X", "a"): 1, ("Y", "a"): 1, ("", "b"): 1}
    await upsert(tables, Ballot("1", "b", 3), Ballot("3", "b", 2, "Y"))
    assert await by_poll(tables) == {("X", "a"): 1, ("", "b"): 1, ("Y", "b"): 1}


@pytest.mark.parametrize("worker", ["of version 0.2", "of the classic app"])
async def test_a_worker_without_polls_stores_a_vote_without_a_poll(
    tables: asyncpg.Connection, worker: str
) -> None:
    """Otherwise the vote would count in the poll of the voter's earlier vote."""
    db = tables
    await upsert(db, Ballot("1", "a", 1, "X"), Ballot("2", "a", 1, "X"))
    transaction = db.transaction()
    await transaction.start()  # in one transaction, each statement counts by itself
    await upsert(db, Ballot("2", "b", 2, "X"))
    if worker == "of version 0.2":
        await upsert(db, Ballot("1", "a", 2), Ballot("3", "b", 2), statement=UPSERT_0_2)
    else:
        await db.execute("UPDATE votes SET vote = $1 WHERE id = $2", "a", "1")
        await db.execute("INSERT INTO votes (id, vote) VALUES ($1, $2)", "3", "b")
    await transaction.commit()
    assert await by_poll(db) == {("", "a"): 1, ("X", "b"): 1, ("", "b"): 1}


@pytest.mark.parametrize("dropped", ["TABLE votes", "TABLE tally_shards", "VIEW tallies"])
async def test_what_was_dropped_is_counted_again_by_poll(
    tables: asyncpg.Connection, dropped: str
) -> None:
    await upsert(tables, Ballot("1", "a", 1, "X"))
    await tables.execute(f"DROP {dropped} CASCADE")
    await schema.apply(tables)
    kept = {} if dropped == "TABLE votes" else {("X", "a"): 1}
    assert await by_poll(tables) == kept
    await upsert(tables, Ballot("2", "a", 1, "X"))
    assert await by_poll(tables) == {("X", "a"): 1 + len(kept)}


async def test_a_migration_under_load_loses_nothing(
    db_0_2: asyncpg.Connection, stores: Stores
) -> None:
    """Workers of version 0.2 keep writing; their connections and prepared statements stay."""
    await db_0_2.execute(
        "INSERT INTO votes (id, vote, cast_at) SELECT n, 'c', 'epoch' FROM generate_series(1, 9) n"
    )
    committed: set[str] = set()
    is_migrated = asyncio.Event()

    async def write(name: str) -> None:
        connection = await asyncpg.connect(stores.database_url)
        after = 0
        while after < 20:
            voters = [f"{name}-{len(committed)}", "1", "2"]
            ballots = [Ballot(voter, "a", 1 + len(committed)) for voter in voters]
            await upsert(connection, *ballots, statement=UPSERT_0_2)
            committed.add(voters[0])
            after += is_migrated.is_set()
        await connection.close()

    async with asyncio.TaskGroup() as group:
        for name in ("one", "two", "three"):
            group.create_task(write(name))
        await until.true(lambda: len(committed) > 60)
        await schema.migrate(working.settings(stores))
        is_migrated.set()
    stored = {row["id"] for row in await db_0_2.fetch("SELECT id FROM votes")}
    assert stored == committed | {str(n) for n in range(1, 10)}
    assert await by_poll(db_0_2) == {("", "a"): len(committed) + 2, ("", "c"): 7}


async def test_every_kind_of_write_is_counted(tables: asyncpg.Connection) -> None:
    db = tables
    await db.execute("INSERT INTO votes (id, vote) SELECT n, 'a' FROM generate_series(1, 10) n")
    assert await check_tallies(db) == {"a": 10}
    await db.execute("UPDATE votes SET vote = 'b' WHERE id::int <= 4")
    assert await check_tallies(db) == {"a": 6, "b": 4}
    await db.execute("DELETE FROM votes WHERE id::int <= 2")
    assert await check_tallies(db) == {"a": 6, "b": 2}
    await db.copy_records_to_table(
        "votes", records=[("c1", "c"), ("c2", "c")], columns=["id", "vote"]
    )
    assert await check_tallies(db) == {"a": 6, "b": 2, "c": 2}
    transaction = db.transaction()
    await transaction.start()
    await db.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a')")
    await transaction.rollback()
    assert await check_tallies(db) == {"a": 6, "b": 2, "c": 2}
    await db.execute("TRUNCATE votes")
    assert await check_tallies(db) == {}


async def test_each_change_is_notified_and_nothing_else(
    tables: asyncpg.Connection, stores: Stores
) -> None:
    writer = await asyncpg.connect(stores.database_url)
    heard: asyncio.Queue[str] = asyncio.Queue()
    await tables.add_listener("tallies", lambda *_: heard.put_nowait("tallies"))
    await tables.add_listener("done", lambda *_: heard.put_nowait("done"))

    async def notifications(statement: str) -> int:
        await writer.execute(statement)
        await writer.execute("NOTIFY done")
        count = 0
        while await asyncio.wait_for(heard.get(), 5) != "done":
            count += 1
        return count

    assert await notifications("INSERT INTO votes (id, vote) VALUES ('1', 'a'), ('2', 'b')") == 1
    assert await notifications("UPDATE votes SET vote = 'b' WHERE id = '1'") == 1
    assert await notifications("UPDATE votes SET vote = vote") == 0
    assert await notifications("DELETE FROM votes WHERE id = 'nobody'") == 0
    assert await notifications("TRUNCATE votes") == 1
    await writer.close()


async def test_parallel_writers_neither_deadlock_nor_drift(
    tables: asyncpg.Connection, stores: Stores
) -> None:
    async def write(seed: int) -> None:
        connection = await asyncpg.connect(stores.database_url)
        choose = random.Random(seed)
        for step in range(10):
            voters = choose.sample(range(500), 200)
            await upsert(
                connection, *(Ballot(str(n), choose.choice(ABC), 100 * step + seed) for n in voters)
            )
        await connection.close()

    await asyncio.gather(*(write(seed) for seed in range(6)))
    assert sum((await check_tallies(tables)).values()) == 500


async def test_an_open_transaction_does_not_block_another(
    tables: asyncpg.Connection, stores: Stores
) -> None:
    others = [await asyncpg.connect(stores.database_url) for _ in range(3)]
    transactions = [other.transaction() for other in others]
    for number, (other, transaction) in enumerate(zip(others, transactions, strict=True)):
        await transaction.start()
        async with asyncio.timeout(5):
            await upsert(other, Ballot(f"{number}", "a", 1))
    for other, transaction in zip(others, transactions, strict=True):
        await transaction.commit()
        await other.close()
    assert await check_tallies(tables) == {"a": 3}


async def test_a_writer_needs_no_rights_on_the_tallies(tables: asyncpg.Connection) -> None:
    await tables.execute("CREATE ROLE writer; GRANT INSERT, SELECT ON votes TO writer")
    try:
        await tables.execute("SET ROLE writer")
        await tables.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a')")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await tables.execute("DELETE FROM tally_shards")
        await tables.execute("RESET ROLE")
        assert await check_tallies(tables) == {"a": 1}
    finally:
        await tables.execute("RESET ROLE; DROP OWNED BY writer; DROP ROLE writer")


async def test_a_migration_waits_for_locks_and_has_no_time_limit(
    stores: Stores, db: asyncpg.Connection
) -> None:
    await db.execute(CLASSIC.format("PRIMARY KEY"))
    await db.execute(  # the migration takes longer than statements may
        "CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql"
        " AS $$ BEGIN PERFORM pg_sleep(0.3); END $$;"
        "CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('CREATE VIEW')"
        " EXECUTE FUNCTION slow();"
        "ALTER DATABASE test SET statement_timeout = '100ms'"
    )
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'votes'::regclass"

    async def is_waiting() -> bool:
        return bool(await db.fetchval(waits))

    other = await asyncpg.connect(stores.database_url)
    try:
        async with other.transaction():
            await other.execute("LOCK TABLE votes IN ROW EXCLUSIVE MODE")
            migrating = asyncio.create_task(
                schema.migrate(working.settings(stores), lock_timeout=100)
            )
            await until.true(is_waiting)
            # The migration gives up its turn again and again, so that writers go on.
            await db.execute("SET statement_timeout = '5s'; INSERT INTO votes VALUES ('1', 'a')")
            assert not migrating.done()
        await migrating
    finally:
        await db.execute("ALTER DATABASE test RESET statement_timeout")
        await other.close()
    assert await schema.version(db) == schema.VERSION
    assert await check_tallies(db) == {"a": 1}
