"""The Postgres side of the worker: one row per voter, even for repeated, late or wrong ballots."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import asyncpg
import pytest

from common.queue.message import Ballot, Letter, decode
from tests import until
from tests.integration import working
from tests.store import Stores
from worker import schema
from worker.store import UNAVAILABLE, Store, newest_per_voter

AB: tuple[Letter, ...] = ("a", "b")


@pytest.fixture
async def votes(stores: Stores) -> AsyncIterator[Store]:
    made = Store(working.settings(stores), migrate=True)
    await made.prepare()
    yield made
    made.close()


@pytest.fixture
async def db(stores: Stores, votes: Store) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stores.database_url)
    yield connection
    await connection.close()


async def rows(db: asyncpg.Connection) -> dict[str, str]:
    return dict(await db.fetch("SELECT id, vote FROM votes"))


async def commits(votes: Store, ballot: Ballot) -> bool:
    try:
        await votes.commit(newest_per_voter([ballot]))
    except UNAVAILABLE:
        return False
    return True


async def end_connections(db: asyncpg.Connection) -> None:
    await db.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name LIKE 'worker%'"
    )


async def test_one_row_per_voter(votes: Store, db: asyncpg.Connection) -> None:
    assert (
        await votes.commit(
            newest_per_voter([Ballot("1", "a", 0), Ballot("🐈'\"\\", "b", 2**53 - 1)])
        )
        == []
    )
    assert await rows(db) == {"1": "a", "🐈'\"\\": "b"}
    times = await db.fetch(
        "SELECT (extract(epoch FROM cast_at) * 1000000)::bigint FROM votes ORDER BY id"
    )
    assert [time for (time,) in times] == [0, 2**53 - 1]


async def test_a_second_delivery_changes_nothing(votes: Store, db: asyncpg.Connection) -> None:
    batch = newest_per_voter([Ballot(str(n), AB[n % 2], n) for n in range(1000)])
    await votes.commit(batch)
    before = await db.fetch("SELECT *, xmin FROM votes ORDER BY id")
    await votes.commit(batch)
    assert await db.fetch("SELECT *, xmin FROM votes ORDER BY id") == before
    assert dict(await db.fetch("SELECT * FROM tallies")) == {"a": 500, "b": 500}


async def test_an_older_ballot_changes_nothing(votes: Store, db: asyncpg.Connection) -> None:
    await votes.commit(newest_per_voter([Ballot("1", "a", 2)]))
    await votes.commit(newest_per_voter([Ballot("1", "b", 1)]))
    assert await rows(db) == {"1": "a"}
    await votes.commit(newest_per_voter([Ballot("1", "b", 3)]))
    assert await rows(db) == {"1": "b"}


@pytest.mark.parametrize(
    ("batch", "newest"),
    [
        ([Ballot("1", "a", 1), Ballot("1", "b", 2)], "b"),
        ([Ballot("1", "b", 2), Ballot("1", "a", 1)], "b"),
        ([Ballot("1", "a", 5), Ballot("1", "b", 5), Ballot("1", "c", 4)], "b"),
    ],
)
def test_the_newest_ballot_of_a_voter_counts(batch: list[Ballot], newest: str) -> None:
    (ballot,) = newest_per_voter(batch).ballots
    assert ballot.vote == newest


async def test_workers_with_the_same_voters_do_not_deadlock(
    stores: Stores, votes: Store, db: asyncpg.Connection
) -> None:
    other = Store(working.settings(stores), migrate=True)
    for time in range(1, 6):
        batch = [Ballot(str(n), AB[n % 2], time) for n in range(3000)]
        await asyncio.gather(
            votes.commit(newest_per_voter(batch)), other.commit(newest_per_voter(batch[::-1]))
        )
    other.close()
    assert len(await rows(db)) == 3000


async def test_only_the_offending_ballots_are_rejected(
    votes: Store, db: asyncpg.Connection
) -> None:
    await db.execute("ALTER TABLE votes ADD CONSTRAINT even CHECK (id NOT LIKE '%7')")
    rejected = await votes.commit(newest_per_voter([Ballot(f"{n:03}", "a", n) for n in range(100)]))
    assert [decode(each.message).voter_id for each in rejected] == [
        f"{n:03}" for n in range(7, 100, 10)
    ]
    assert all("even" in each.reason for each in rejected)
    assert len(await rows(db)) == 90


async def test_an_outage_is_reported_and_overcome(
    votes: Store, stores: Stores, db: asyncpg.Connection
) -> None:
    await votes.ping()
    await end_connections(db)
    await until.true(partial(commits, votes, Ballot("1", "a", 1)))
    await stores.postgres.stop()
    with pytest.raises(UNAVAILABLE):
        await votes.commit(newest_per_voter([Ballot("2", "a", 1)]))
    with pytest.raises(UNAVAILABLE):
        await votes.ping()
    await stores.postgres.start()
    await votes.commit(newest_per_voter([Ballot("2", "a", 1)]))
    await until.true(partial(pings, votes))


async def pings(votes: Store) -> bool:
    try:
        await votes.ping()
    except UNAVAILABLE:
        return False
    return True


async def test_while_commits_are_refused_a_ping_fails(votes: Store, db: asyncpg.Connection) -> None:
    await db.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE disk_full USING MESSAGE = 'in maintenance'; END $$"
    )
    await db.execute("CREATE TRIGGER refusing BEFORE INSERT ON votes EXECUTE FUNCTION refuse()")
    with pytest.raises(UNAVAILABLE, match="in maintenance"):
        await votes.commit(newest_per_voter([Ballot("1", "a", 1)]))
    with pytest.raises(UNAVAILABLE, match="in maintenance"):
        await votes.ping()
    await db.execute("DROP TRIGGER refusing ON votes")
    assert await votes.commit(newest_per_voter([Ballot("1", "a", 1)])) == []
    await votes.ping()


async def test_a_ping_does_not_wait_for_a_commit(votes: Store, db: asyncpg.Connection) -> None:
    async with db.transaction():
        await db.execute("LOCK TABLE votes IN EXCLUSIVE MODE")
        committing = asyncio.create_task(votes.commit(newest_per_voter([Ballot("1", "a", 1)])))
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await votes.ping()
        assert not committing.done()
    await committing
    assert await rows(db) == {"1": "a"}


@pytest.mark.parametrize("table", ["votes", "tally_shards"])
async def test_a_table_that_was_dropped_is_created_again(
    votes: Store, db: asyncpg.Connection, table: str
) -> None:
    await db.execute(f"DROP TABLE {table} CASCADE")
    await until.true(partial(commits, votes, Ballot("2", "b", 1)))
    assert dict(await db.fetch("SELECT * FROM tallies")) == {"b": 1}


async def test_a_worker_that_may_not_migrate_waits_for_the_schema(stores: Stores) -> None:
    waiting = Store(working.settings(stores), migrate=False)
    with pytest.raises(schema.SchemaMissingError, match="--migrate"):
        await waiting.commit(newest_per_voter([Ballot("1", "a", 1)]))
    with pytest.raises(schema.SchemaMissingError):
        await waiting.ping()
    await schema.migrate(working.settings(stores))
    assert await waiting.commit(newest_per_voter([Ballot("1", "a", 1)])) == []
    await waiting.ping()
    waiting.close()
