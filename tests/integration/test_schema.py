"""The schema and its trigger, on a real Postgres: the tallies are exact, whoever writes."""

import asyncio
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from common import ballot
from tests import store
from worker import schema
from worker import store as worker_store


@pytest.fixture
async def db(stores: store.Stores) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stores.database_url)
    yield connection
    await connection.close()


async def upsert(db: asyncpg.Connection, *ballots: ballot.Ballot) -> None:
    """Stores a batch as a worker does."""
    await db.execute(worker_store.UPSERT, *worker_store.as_arrays(ballots))


async def check_tallies(db: asyncpg.Connection) -> dict[str, int]:
    """The tallies, after a comparison with the count that the classic result page asks for."""
    classic = dict(await db.fetch("SELECT vote, COUNT(id) AS count FROM votes GROUP BY vote"))
    tallies = dict(await db.fetch("SELECT vote, voters FROM tallies"))
    assert tallies == classic
    return tallies


async def test_many_workers_may_apply_it_at_once(stores: store.Stores) -> None:
    connections = [await asyncpg.connect(stores.database_url) for _ in range(8)]
    await asyncio.gather(*(schema.apply(each) for each in connections))
    await connections[0].execute("INSERT INTO votes (id, vote) VALUES ('1', 'a')")
    assert await check_tallies(connections[0]) == {"a": 1}
    for each in connections:
        await each.close()


def test_another_comment_is_no_other_version() -> None:
    lines = "CREATE TABLE votes (\n    id TEXT\n);\n"
    commented = "-- The votes.\n\nCREATE TABLE votes (\n    -- Of whom.\n    id TEXT\n);\n"
    assert schema.version(commented) == schema.version(lines)
    assert schema.version(lines.replace("TEXT", "INT")) != schema.version(lines)


async def test_ids_are_compared_byte_by_byte_whatever_the_database_does(
    db: asyncpg.Connection,
) -> None:
    await schema.apply(db)
    await db.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a')")
    assert await db.fetchval("SELECT pg_collation_for(id) FROM votes") == '"C"'


async def test_a_second_time_takes_no_lock_and_changes_nothing(
    db: asyncpg.Connection, stores: store.Stores
) -> None:
    await schema.apply(db)
    other = await asyncpg.connect(stores.database_url)
    async with other.transaction():
        await other.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a')")
        async with asyncio.timeout(2):
            await schema.apply(db)
    await other.close()
    assert await check_tallies(db) == {"a": 1}


@pytest.mark.parametrize("key", ["NOT NULL UNIQUE", "PRIMARY KEY"])
async def test_a_classic_table_is_migrated_in_place(db: asyncpg.Connection, key: str) -> None:
    # As the classic worker makes it, and as its forks do.
    await db.execute(f"CREATE TABLE votes (id VARCHAR(255) {key}, vote VARCHAR(255) NOT NULL)")
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
    await db.execute("UPDATE votes SET vote = $1 WHERE id = $2", "a", "1")
    await check_tallies(db)
    primary = (
        "SELECT count(*) FROM pg_constraint WHERE conrelid = 'votes'::regclass AND contype = 'p'"
    )
    assert await db.fetchval(primary) == 1


async def test_a_ballot_is_newer_than_a_row_of_a_classic_table(
    db: asyncpg.Connection, stores: store.Stores
) -> None:
    await db.execute(
        "CREATE TABLE votes (id VARCHAR(255) UNIQUE NOT NULL, vote VARCHAR(255) NOT NULL)"
    )
    await db.execute("INSERT INTO votes VALUES ('1', 'a')")
    await schema.apply(db)
    await upsert(db, ballot.Ballot("1", "b", 1))
    assert await check_tallies(db) == {"b": 1}


async def test_every_kind_of_write_is_counted(db: asyncpg.Connection) -> None:
    await schema.apply(db)
    await db.execute("INSERT INTO votes (id, vote) SELECT n, 'a' FROM generate_series(1, 10) n")
    assert await check_tallies(db) == {"a": 10}
    await db.execute("UPDATE votes SET vote = 'b' WHERE id::int <= 4")
    assert await check_tallies(db) == {"a": 6, "b": 4}
    await db.execute("DELETE FROM votes WHERE id::int <= 2")
    assert await check_tallies(db) == {"a": 6, "b": 2}
    await db.execute("DELETE FROM votes WHERE vote = 'b'")
    assert await check_tallies(db) == {"a": 6}
    await db.copy_records_to_table(
        "votes", records=[("c1", "c"), ("c2", "c")], columns=["id", "vote"]
    )
    assert await check_tallies(db) == {"a": 6, "c": 2}
    await db.execute("TRUNCATE votes")
    assert await check_tallies(db) == {}


async def test_a_rollback_is_not_counted(db: asyncpg.Connection) -> None:
    await schema.apply(db)
    with pytest.raises(RuntimeError):
        async with db.transaction():
            await db.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a')")
            raise RuntimeError
    assert await check_tallies(db) == {}


async def test_a_notification_for_each_change_and_none_for_no_change(
    db: asyncpg.Connection, stores: store.Stores
) -> None:
    await schema.apply(db)
    writer = await asyncpg.connect(stores.database_url)
    heard: asyncio.Queue[str] = asyncio.Queue()
    await db.add_listener("tallies", lambda *_: heard.put_nowait("tallies"))
    await db.add_listener("done", lambda *_: heard.put_nowait("done"))

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
    db: asyncpg.Connection, stores: store.Stores
) -> None:
    await schema.apply(db)
    random_of_test = random.Random(7)

    async def write(seed: int) -> None:
        connection = await asyncpg.connect(stores.database_url)
        choose = random.Random(seed)
        for step in range(20):
            ids = sorted(str(n) for n in choose.sample(range(500), 200))
            ballots = [
                ballot.Ballot(voter_id, choose.choice("abc"), 1000 * step + choose.randrange(1000))
                for voter_id in ids
            ]
            await upsert(connection, *ballots)
        await connection.close()

    await asyncio.gather(*(write(random_of_test.randrange(10**6)) for _ in range(8)))
    assert sum((await check_tallies(db)).values()) == 500


async def test_a_running_batch_does_not_hold_up_another(
    db: asyncpg.Connection, stores: store.Stores
) -> None:
    await schema.apply(db)
    others = [await asyncpg.connect(stores.database_url) for _ in range(3)]
    transactions = [other.transaction() for other in others]
    for number, (other, transaction) in enumerate(zip(others, transactions, strict=True)):
        await transaction.start()
        async with asyncio.timeout(5):  # waiting for a row of another would be for ever
            await upsert(other, ballot.Ballot(f"{number}", "a", 1))
            await upsert(other, ballot.Ballot(f"{number}", "b", 2))
    for other, transaction in zip(others, transactions, strict=True):
        await transaction.commit()
        await other.close()
    assert await check_tallies(db) == {"b": 3}


async def test_whoever_may_write_votes_needs_no_rights_on_the_tallies(
    db: asyncpg.Connection,
) -> None:
    await schema.apply(db)
    role = f"writer_{random.randrange(10**12)}"
    await db.execute(f"CREATE ROLE {role}; GRANT INSERT, SELECT ON votes TO {role}")
    try:
        await db.execute(f"SET ROLE {role}")
        await db.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a')")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await db.execute("DELETE FROM tally_shards")
        await db.execute("RESET ROLE")
        assert await check_tallies(db) == {"a": 1}
    finally:
        await db.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")
