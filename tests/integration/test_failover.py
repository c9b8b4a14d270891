"""The services with three servers of Valkey, when Sentinel makes another one the primary."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from common import postgres_client
from common.dependency import PING_TIMEOUT, Dependency
from common.queue import keys
from common.queue.message import Ballot, decode, encode
from common.queue.producer import NotRecordedError, UnsureError
from common.queue.session import Session
from common.redis_client import UNAVAILABLE, connect, find_servers
from common.store_settings import DatabaseSettings, RedisSettings
from tests import address, replicated, until
from tests.integration import pushing
from tests.replicated import PASSWORD, SENTINEL_PASSWORD, Replicated
from tests.service import Services
from tests.store import Stores
from worker import reset
from worker.settings import Settings

WITHIN = 20.0  # seconds for a failover


@pytest.fixture
def group() -> Iterator[Replicated]:
    with replicated.opened() as opened:
        yield opened


def settings(group: Replicated, sentinels: list[int] | None = None) -> dict[str, Any]:
    return {
        "redis_sentinels": [("127.0.0.1", port) for port in sentinels or group.sentinels],
        "redis_password": SecretStr(PASSWORD),
        "redis_sentinel_password": SecretStr(SENTINEL_PASSWORD),
    }


@contextlib.asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """Yield a port where connections are accepted, and nothing is ever answered."""
    writers = []
    async with await asyncio.start_server(
        lambda _, writer: writers.append(writer), "127.0.0.1", 0
    ) as server:
        yield server.sockets[0].getsockname()[1]
        for writer in writers:
            writer.close()


async def test_a_silent_sentinel_is_left_out_after_a_third_of_a_second(group: Replicated) -> None:
    async with silent() as port:
        started = time.monotonic()
        known = RedisSettings(**settings(group, [port, *group.sentinels]))
        async with connect(known, "test") as client:
            await client.ping()
        assert 0.3 <= time.monotonic() - started < 0.8
        started = time.monotonic()
        async with connect(RedisSettings(**settings(group, [port])), "test") as client:
            with pytest.raises(UNAVAILABLE):
                await client.ping()
        assert 0.3 <= time.monotonic() - started < 0.8


async def test_no_sentinel_is_forgotten_when_many_ask_at_once(group: Replicated) -> None:
    first, *others = group.sentinels
    async with connect(RedisSettings(**settings(group)), "test") as client:
        group.children[first].signal(signal.SIGSTOP)
        await asyncio.gather(*(client.ping() for _ in range(5)))
        group.children[first].signal(signal.SIGCONT)
        for port in others:
            await group.kill(port)
        await client.connection_pool.disconnect()
        await client.ping()


async def test_the_primary_and_its_replicas_are_known(group: Replicated) -> None:
    async with connect(RedisSettings(**settings(group)), "test") as client:

        async def both_follow() -> bool:
            return await find_servers(client) == ("127.0.0.1", 2)

        await until.true(both_follow, WITHIN)


async def test_no_acknowledged_ballot_is_lost_with_the_primary_and_its_disk(
    group: Replicated,
) -> None:
    is_over = asyncio.Event()
    acknowledged: list[str] = []
    refused: list[str] = []

    async def vote(name: str) -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            voter = f"{name}-{number}"
            try:
                await pushed.push(Ballot(voter, "a", number))
                acknowledged.append(voter)
            except NotRecordedError:
                refused.append(voter)
            except UnsureError:
                pass
            await asyncio.sleep(0.001)

    async with pushing.opened(replicas=1, **settings(group)) as pushed:
        voters = [asyncio.create_task(vote(f"voter-{each}")) for each in range(20)]
        await until.true(lambda: len(acknowledged) > 1_000)
        before = await group.primary()
        await group.kill(before)
        count = len(acknowledged)
        await until.true(lambda: len(acknowledged) > count + 1_000, WITHIN)
        is_over.set()
        await asyncio.gather(*voters)
    primary = await group.primary()
    assert primary != before
    async with group.client(primary) as client:
        messages: Any = await client.lrange(keys.VOTES, 0, -1)
    voters_in_queue = [decode(message).voter_id for message in messages]
    assert {*acknowledged} <= {*voters_in_queue}
    assert not {*refused} & {*voters_in_queue}


async def test_a_push_is_acknowledged_only_when_a_replica_has_it(group: Replicated) -> None:
    async with pushing.opened(replicas=1, **settings(group)) as pushed:
        await pushed.push(Ballot("1", "a", 1))
        for port in group.servers[1:]:
            group.children[port].signal(signal.SIGSTOP)
        with pytest.raises(UnsureError):
            await pushed.push(Ballot("2", "a", 1))

        async def is_refused() -> bool:
            with contextlib.suppress(UnsureError):
                try:
                    await pushed.push(Ballot("3", "a", 1))
                except NotRecordedError:
                    return True
            return False

        await until.true(is_refused, WITHIN)  # Redis has noticed, too: NOREPLICAS
        for port in group.servers[1:]:
            group.children[port].signal(signal.SIGCONT)
        await until.true(lambda: _pushes(pushed), WITHIN)


async def _pushes(pushed: pushing.Pushed) -> bool:
    with contextlib.suppress(NotRecordedError, UnsureError):
        await pushed.push(Ballot("4", "a", 1))
        return True
    return False


async def test_a_replica_refuses_a_push_for_certain(group: Replicated) -> None:
    """The client library reports that as a lost connection."""
    async with pushing.opened(replicas=1, **settings(group)) as pushed:
        await pushed.push(Ballot("1", "a", 1))
        async with group.client(group.servers[0]) as client:
            await client.replicaof("127.0.0.1", group.servers[1])
        with pytest.raises(NotRecordedError):
            await pushed.push(Ballot("2", "a", 1))


async def promote(client: Redis) -> None:
    """Make a replica a server of its own: what its primary writes from now on, it never has."""
    await client.replicaof("NO", "ONE")
    await client.config_set("min-replicas-to-write", 0)


async def test_a_claim_that_a_failover_has_undone_drops_nothing(group: Replicated) -> None:
    """The heartbeat survives, the claim does not, and other messages take its place."""
    pushed = [encode(Ballot(str(number), "a", number)) for number in range(4)]
    async with group.client(group.servers[0]) as old, group.client(group.servers[1]) as new:
        session = Session(old, "w", "w")
        await session.register()
        await old.rpush(keys.VOTES, *pushed)
        await old.wait(2, 1000)
        await promote(new)
        assert await session.claim(2) == pushed[:2]
        session, other = Session(new, "w", "w"), Session(new, "other", "other")
        await other.register()
        assert await other.claim(2) == pushed[:2]
        assert await session.claim(2) == pushed[2:]
        with pytest.raises(UNAVAILABLE):
            await session.acknowledge(2, pushed[1], [b"dead"])
        assert await new.lrange(keys.claimed("w"), 0, -1) == pushed[2:]
        assert not await new.exists(keys.DEAD)


async def test_a_request_to_delete_all_votes_is_carried_out_once(
    group: Replicated, stores: Stores, tables: asyncpg.Connection
) -> None:
    """A worker deletes the request, and a failover brings it back."""
    await tables.execute(
        "CREATE TABLE resets (xid xid8);"
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO resets VALUES (pg_current_xact_id()); RETURN NULL; END';"
        "CREATE TRIGGER note AFTER TRUNCATE ON votes EXECUTE FUNCTION note()"
    )
    url = "redis://:{}@127.0.0.1:{}".format(PASSWORD.replace(" ", "%20"), "{}")
    async with (
        group.client(group.servers[0]) as old,
        group.client(group.servers[1]) as new,
        group.client(group.servers[2]) as third,
        address.opened(url.format(group.servers[0])) as moving,
    ):
        for port in group.sentinels:
            await group.kill(port)
        await old.config_set("min-replicas-to-write", 0)
        await old.rpush(keys.RESET, 1)
        await old.wait(2, 1000)
        await promote(new)
        await third.replicaof("127.0.0.1", group.servers[1])
        known = Settings(
            database_url=SecretStr(stores.database_url),
            redis_url=SecretStr(moving.url),
            redis_replicas=1,
        )
        async with connect(known, "test") as client:
            following = asyncio.create_task(reset.follow(known, client))

            async def looks_again() -> bool:
                statistics = await old.info("commandstats")
                assert "cmdstat_del" not in statistics  # as a reset would call
                return bool(statistics.get("cmdstat_blpop", {"calls": 0})["calls"] >= 2)

            await until.true(looks_again)
            assert not await old.exists(keys.RESET)
            moving.target = url.format(group.servers[1])
            await group.kill(group.servers[0])
            await until.true(lambda: _is_missing(new, keys.RESET))

            async def is_done() -> bool:
                return bool(await tables.fetchval("SELECT count(*) >= 2 FROM resets"))

            await until.true(is_done)  # a reset empties the table twice
            following.cancel()
            await asyncio.wait({following})
    assert await tables.fetchval("SELECT count(*) FROM resets") == 2


async def _is_missing(client: Redis, key: str) -> bool:
    return bool(await client.exists(key) == 0)


async def test_a_worker_pauses_while_redis_has_no_replicas(
    group: Replicated, stores: Stores, services: Services, tables: asyncpg.Connection
) -> None:
    for port in group.sentinels[1:]:
        await group.kill(port)  # no failover
    worker = await services.ready("worker", DATABASE_URL=stores.database_url, **group.environment)
    async with group.client(group.servers[0]) as client:
        await client.rpush(keys.VOTES, encode(Ballot("1", "a", 1)))
        for port in group.servers[1:]:
            group.children[port].signal(signal.SIGSTOP)
        await until.true(lambda: "NOREPLICAS" in worker.log, WITHIN)
        assert await worker.get("/healthz") == 200
        assert await worker.get("/readyz") == 503
        for port in group.servers[1:]:
            group.children[port].signal(signal.SIGCONT)
        await worker.ready()
        await client.rpush(keys.VOTES, encode(Ballot("2", "a", 1)))

        async def are_stored() -> bool:
            return bool(await tables.fetchval("SELECT count(*) = 2 FROM votes"))

        await until.true(are_stored)
    assert await worker.terminate() == 0


def database(url: str, port: int) -> DatabaseSettings:
    """Return the settings for a database with one more host before the real one."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    if not host:
        host = quote(parse_qs(parts.query)["host"][0], safe="")
    url = f"postgresql://{user}@127.0.0.1:{port},{host}{parts.path}"
    return DatabaseSettings(database_url=SecretStr(url))


async def test_the_host_that_takes_writes_is_found(stores: Stores) -> None:
    async with silent() as port:
        known = database(stores.database_url, port)
        async with asyncio.timeout(PING_TIMEOUT):
            connection = await postgres_client.connect(known, "test")
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        try:
            with pytest.raises(postgres_client.UNAVAILABLE):
                await postgres_client.connect(known, "test")
        finally:
            await connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
            await connection.close()


async def test_the_error_of_several_hosts_has_the_reason_of_each(stores: Stores) -> None:
    """The last host, which is down, hides no refusal of the first one."""
    known = database(stores.database_url, port=1).database_url
    parts = urlsplit(known.get_secret_value())
    down, host = parts.netloc.rpartition("@")[2].split(",")
    url = SecretStr(f"postgresql://nobody:wrong@{host},{down}{parts.path}")
    with pytest.raises(postgres_client.HostsError, match=r"nobody.*; 127.0.0.1:1: ") as caught:
        await postgres_client.connect(DatabaseSettings(database_url=url), "test")
    state = Dependency("postgres", "")
    state.mark_unavailable(caught.value)
    assert state.is_refused


async def test_hosts_with_commas_between_them_are_tried_one_after_the_other() -> None:
    """None of them runs Postgres: a library that took them for one name would not find it."""
    known = DatabaseSettings(db_host="127.0.0.1:1,127.0.0.2:1")
    with pytest.raises(ConnectionError, match=r"127.0.0.1:1: .*; 127.0.0.2:1: "):
        await postgres_client.connect(known, "test")
