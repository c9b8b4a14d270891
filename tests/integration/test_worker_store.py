"""The Postgres side of the worker: one row a voter, whatever comes twice, late or wrong."""

import asyncio
import datetime
import functools
from collections.abc import AsyncIterator

import asyncpg
import pydantic
import pytest

from common import ballot
from tests import store, until
from worker import schema, settings
from worker import store as worker_store

Ballot = ballot.Ballot


def configured(stores: store.Stores) -> settings.Settings:
    return settings.Settings(database_url=pydantic.SecretStr(stores.database_url))


@pytest.fixture
async def stored(stores: store.Stores) -> AsyncIterator[worker_store.Store]:
    made = worker_store.Store(configured(stores), migrate=True)
    await until.true(lambda: pings(made))  # not at once where the schema takes its time
    yield made
    await made.close()


@pytest.fixture
async def db(stores: store.Stores, stored: worker_store.Store) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stores.database_url)
    yield connection
    await connection.close()


async def pings(stored: worker_store.Store) -> bool:
    try:
        await stored.ping()
    except worker_store.StoreAway:
        return False
    return True


async def commits(stored: worker_store.Store, cast: Ballot) -> bool:
    """Whether it can commit `cast` now."""
    try:
        await stored.commit([cast])
    except worker_store.StoreAway:
        return False
    return True


async def rows(db: asyncpg.Connection) -> dict[str, str]:
    return dict(await db.fetch("SELECT id, vote FROM votes"))


async def test_a_row_a_voter(stored: worker_store.Store, db: asyncpg.Connection) -> None:
    assert await stored.commit([Ballot("2", "b", 10), Ballot("1", "a", 1_500_000)]) == []
    assert await rows(db) == {"1": "a", "2": "b"}
    cast_at = await db.fetchval("SELECT cast_at FROM votes WHERE id = '1'")
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    assert cast_at == epoch + datetime.timedelta(seconds=1.5)


async def test_a_second_delivery_changes_nothing(
    stored: worker_store.Store, db: asyncpg.Connection
) -> None:
    batch = [Ballot(str(n), "ab"[n % 2], n) for n in range(1000)]
    await stored.commit(batch)
    before = await db.fetch("SELECT *, xmin FROM votes ORDER BY id")
    await stored.commit(batch)
    assert await db.fetch("SELECT *, xmin FROM votes ORDER BY id") == before
    assert dict(await db.fetch("SELECT * FROM tallies")) == {"a": 500, "b": 500}


async def test_an_old_ballot_after_a_newer_one_changes_nothing(
    stored: worker_store.Store, db: asyncpg.Connection
) -> None:
    await stored.commit([Ballot("1", "a", 2_000_001)])
    await stored.commit([Ballot("1", "b", 2_000_000)])
    assert await rows(db) == {"1": "a"}
    await stored.commit([Ballot("1", "b", 2_000_002)])
    assert await rows(db) == {"1": "b"}


async def test_workers_with_the_same_voters_in_another_order_do_not_deadlock(
    stores: store.Stores, db: asyncpg.Connection
) -> None:
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = await db.fetchval(deadlocks)
    workers = [worker_store.Store(configured(stores), migrate=True) for _ in range(2)]
    for time_us in range(1, 6):
        batch = [Ballot(str(n), "ab"[n % 2], time_us) for n in range(5000)]
        await asyncio.gather(workers[0].commit(batch), workers[1].commit(batch[::-1]))
    for worker in workers:
        await worker.close()

    async def all_gone() -> bool:  # then they have told their statistics
        alive = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'worker'"
        return int(await db.fetchval(alive)) <= 1  # the fixture's

    await until.true(all_gone)
    assert await db.fetchval(deadlocks) == before


@pytest.mark.parametrize(
    ("batch", "kept"),
    [
        ([Ballot("1", "a", 1), Ballot("1", "b", 2)], "b"),
        ([Ballot("1", "b", 2), Ballot("1", "a", 1)], "b"),
        ([Ballot("1", "a", 5), Ballot("1", "b", 5)], "b"),  # same µs: the later in the queue
        ([Ballot("1", "a", 5), Ballot("1", "b", 5), Ballot("1", "c", 4)], "b"),
    ],
)
async def test_of_one_voter_in_one_batch_the_newest_counts(
    stored: worker_store.Store, db: asyncpg.Connection, batch: list[Ballot], kept: str
) -> None:
    await stored.commit(batch)
    assert await rows(db) == {"1": kept}


async def test_the_extremes_of_time_are_stored(
    stored: worker_store.Store, db: asyncpg.Connection
) -> None:
    assert (
        await stored.commit([Ballot("1", "a", 0), Ballot("2", "a", ballot.MAX_CAST_AT - 1)]) == []
    )
    assert await rows(db) == {"1": "a", "2": "a"}
    times = await db.fetch(
        "SELECT (extract(epoch FROM cast_at) * 1000000)::bigint FROM votes ORDER BY id"
    )
    assert [time for (time,) in times] == [0, ballot.MAX_CAST_AT - 1]


async def test_what_postgres_refuses_does_not_take_the_batch_along(
    stored: worker_store.Store, db: asyncpg.Connection
) -> None:
    await db.execute("ALTER TABLE votes ADD CONSTRAINT even CHECK (id NOT LIKE '%7')")
    batch = [Ballot(f"{n:03}", "a", n) for n in range(100)]
    rejected = await stored.commit(batch)
    assert sorted(each.cast.voter_id for each in rejected) == [f"{n:03}" for n in range(7, 100, 10)]
    assert all("even" in each.reason for each in rejected)
    assert len(await rows(db)) == 90


async def test_away_is_said_and_overcome(stored: worker_store.Store, stores: store.Stores) -> None:
    await stored.commit([Ballot("1", "a", 1)])
    await stores.postgres.stop()
    with pytest.raises(worker_store.StoreAway):
        await stored.commit([Ballot("2", "a", 1)])
    with pytest.raises(worker_store.StoreAway):
        await stored.ping()
    await stores.postgres.start()
    await stored.commit([Ballot("2", "a", 1)])
    db = await asyncpg.connect(stores.database_url)
    assert await rows(db) == {"1": "a", "2": "a"}
    await db.close()


async def test_a_connection_that_the_server_ends_is_made_anew(
    stored: worker_store.Store, db: asyncpg.Connection
) -> None:
    await db.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'worker'"
    )

    await until.true(functools.partial(commits, stored, Ballot("1", "a", 1)))
    assert await rows(db) == {"1": "a"}


async def version(db: asyncpg.Connection) -> str:
    return str(await db.fetchval("SELECT obj_description('tallies'::regclass, 'pg_class')"))


async def replace(older: worker_store.Store, db: asyncpg.Connection) -> None:
    """A newer worker applies its schema, and `older` commits by a new connection after that."""
    await db.execute("COMMENT ON VIEW tallies IS 'schema of a newer worker'")
    await db.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'worker'"
    )
    await until.true(functools.partial(commits, older, Ballot("1", "a", 1)))


async def test_the_schema_of_a_newer_worker_is_not_undone_by_the_one_that_applied_an_older(
    stored: worker_store.Store, db: asyncpg.Connection
) -> None:
    await replace(stored, db)  # which found an empty database
    assert await version(db) == "schema of a newer worker"


@pytest.mark.parametrize("migrate", [False, True])
async def test_the_schema_of_a_newer_worker_is_not_undone_by_one_that_runs(
    stores: store.Stores, db: asyncpg.Connection, migrate: bool
) -> None:
    """During an update both run, and either may lose its connection."""
    older = worker_store.Store(configured(stores), migrate=migrate)
    await older.ping()
    await replace(older, db)
    assert await version(db) == "schema of a newer worker"
    # Unless it is not there as a whole: then it is of no use to anybody.
    await db.execute("DROP TRIGGER tally_insert ON votes")
    await older.close()
    if migrate:
        await older.ping()
        assert await version(db) == schema.VERSION
    else:
        with pytest.raises(worker_store.StoreAway, match="--migrate"):
            await older.ping()
    await older.close()


async def test_a_worker_that_starts_applies_its_own_schema(
    stores: store.Stores, db: asyncpg.Connection
) -> None:
    await db.execute("COMMENT ON VIEW tallies IS 'schema of another worker'")
    starting = worker_store.Store(configured(stores), migrate=True)
    await starting.ping()
    assert await version(db) == schema.VERSION
    await starting.close()


async def test_without_rights_to_migrate_it_waits_for_the_schema(stores: store.Stores) -> None:
    waiting = worker_store.Store(configured(stores), migrate=False)
    with pytest.raises(worker_store.StoreAway, match="--migrate"):
        await waiting.ping()
    migrating = worker_store.Store(configured(stores), migrate=True)
    await migrating.ping()
    await migrating.close()
    await waiting.ping()
    assert await waiting.commit([Ballot("1", "a", 1)]) == []
    await waiting.close()


async def test_a_table_that_somebody_drops_is_made_again(
    stored: worker_store.Store, stores: store.Stores, db: asyncpg.Connection
) -> None:
    await stored.commit([Ballot("1", "a", 1)])
    await db.execute("DROP TABLE votes CASCADE")

    await until.true(functools.partial(commits, stored, Ballot("2", "b", 1)))
    assert await rows(db) == {"2": "b"}
    assert dict(await db.fetch("SELECT * FROM tallies WHERE voters > 0")) == {"b": 1}


@pytest.mark.parametrize("part", ["TRIGGER tally_insert ON votes", "VIEW tallies"])
async def test_a_part_of_the_schema_that_somebody_drops_is_made_again(
    stored: worker_store.Store, db: asyncpg.Connection, part: str
) -> None:
    await stored.commit([Ballot("1", "a", 1)])
    await db.execute(f"DROP {part}")
    await db.execute("INSERT INTO votes (id, vote) VALUES ('2', 'b')")
    await until.true(lambda: pings(stored))
    assert dict(await db.fetch("SELECT * FROM tallies WHERE voters > 0")) == {"a": 1, "b": 1}


@pytest.mark.parametrize("state", ["raise_exception", "disk_full"])
async def test_while_commits_are_refused_a_ping_says_so(
    stored: worker_store.Store, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    await db.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
        f" AS $$ BEGIN RAISE {state} USING MESSAGE = 'in maintenance'; END $$"
    )
    await db.execute("CREATE TRIGGER refusing BEFORE INSERT ON votes EXECUTE FUNCTION refuse()")
    for _ in range(2):
        with pytest.raises(worker_store.StoreAway, match="in maintenance"):
            await stored.commit([Ballot("1", "a", 1)])
        with pytest.raises(worker_store.StoreAway, match="in maintenance"):
            await stored.ping()
    await db.execute("DROP TRIGGER refusing ON votes")
    assert await stored.commit([Ballot("1", "a", 1)]) == []
    await stored.ping()
    # Should another worker have committed it, this one does not speak of it for good.
    await db.execute("CREATE TRIGGER refusing BEFORE INSERT ON votes EXECUTE FUNCTION refuse()")
    with pytest.raises(worker_store.StoreAway):
        await stored.commit([Ballot("2", "a", 1)])
    monkeypatch.setattr(worker_store, "REFUSED_FOR", 0.0)
    await stored.ping()


@pytest.mark.parametrize("state", ["too_many_connections", "out_of_memory", "query_canceled"])
async def test_what_passes_is_no_longer_said_of_the_next_ping(
    stored: worker_store.Store, db: asyncpg.Connection, state: str
) -> None:
    await db.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
        f" AS $$ BEGIN RAISE {state} USING MESSAGE = 'not now'; END $$"
    )
    await db.execute("CREATE TRIGGER refusing BEFORE INSERT ON votes EXECUTE FUNCTION refuse()")
    with pytest.raises(worker_store.StoreAway, match="not now"):
        await stored.commit([Ballot("1", "a", 1)])
    await stored.ping()


async def test_a_ping_does_not_wait_for_a_commit(
    stored: worker_store.Store, db: asyncpg.Connection
) -> None:
    async with db.transaction():
        await db.execute("LOCK TABLE votes IN EXCLUSIVE MODE")
        committing = asyncio.create_task(stored.commit([Ballot("1", "a", 1)]))

        async def is_locked() -> bool:
            return bool(await db.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await until.true(is_locked)
        async with asyncio.timeout(1):
            await stored.ping()
    await committing
    assert await rows(db) == {"1": "a"}


@pytest.mark.parametrize(
    ("granted", "told"),
    [
        ("", "GRANT USAGE ON SCHEMA public TO"),
        ("USAGE ON SCHEMA public", "GRANT SELECT, INSERT, UPDATE ON votes TO"),
        ("SELECT, INSERT ON votes", "GRANT UPDATE ON votes TO"),
        ("UPDATE ON votes", None),
    ],
)
@pytest.mark.parametrize("migrate", [False, True])
async def test_without_the_rights_it_is_not_ready_and_says_what_to_grant(
    stores: store.Stores, db: asyncpg.Connection, migrate: bool, granted: str, told: str | None
) -> None:
    grants = ["USAGE ON SCHEMA public", "SELECT, INSERT ON votes", "UPDATE ON votes"]
    role = "storing"
    await db.execute(f"REVOKE USAGE ON SCHEMA public FROM PUBLIC; CREATE ROLE {role}")
    try:
        for grant in grants[: grants.index(granted) + 1] if granted else []:
            await db.execute(f"GRANT {grant} TO {role}")
        url = f"{stores.database_url}{'&' if '?' in stores.database_url else '?'}role={role}"
        limited = worker_store.Store(
            settings.Settings(database_url=pydantic.SecretStr(url)), migrate=migrate
        )
        if told is None:
            await limited.ping()
            assert await limited.commit([Ballot("1", "a", 1)]) == []
        else:
            expected = "none of the schemas" if migrate and not granted else f"{told} {role}$"
            with pytest.raises(worker_store.StoreAway, match=expected):
                await limited.ping()
        await limited.close()
    finally:
        await db.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_rights_on_the_columns_are_enough(
    stores: store.Stores, db: asyncpg.Connection
) -> None:
    role, columns = "storing", "(id, vote, cast_at)"
    rights = ", ".join(f"{each} {columns}" for each in schema.RIGHTS)
    await db.execute(f"CREATE ROLE {role}; GRANT {rights} ON votes TO {role}")
    try:
        url = f"{stores.database_url}{'&' if '?' in stores.database_url else '?'}role={role}"
        limited = worker_store.Store(
            settings.Settings(database_url=pydantic.SecretStr(url)), migrate=False
        )
        assert await limited.commit([Ballot("1", "a", 1)]) == []
        await limited.close()
    finally:
        await db.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
