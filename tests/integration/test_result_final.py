"""When a result is final: every vote that was taken is in it, and it stays as it is."""

import asyncio
import contextlib
import datetime
import functools
import json
from collections.abc import AsyncIterator

import asyncpg
import pydantic
import pytest
import redis.asyncio

from common import ballot, concurrency, dependency, keys, redis_client
from result import app, metric, pipeline, settings, tally
from tests import address, served, store, until
from tests.integration import listener, pushing, working

Client = redis.asyncio.Redis


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@pytest.fixture
async def closed_url(stores: store.Stores, tables: asyncpg.Connection) -> AsyncIterator[str]:
    """The result of a poll with three options that is over."""
    configured = settings.Settings(
        database_url=pydantic.SecretStr(stores.database_url),
        redis_url=pydantic.SecretStr(stores.redis_url),
        options={"a": "Tea", "b": "Coffee", "c": "Water"},
        poll_title="Drinks",
        poll_closes_at=now() - datetime.timedelta(minutes=1),
    )
    async with served.opened(app.create_app(configured)) as url:
        yield url


async def is_final(url: str, final: bool) -> bool:
    status, _, text = await listener.get(url, "/api/results")
    return status == 200 and json.loads(text)["final"] is final


@pytest.mark.parametrize("name", ["postgres", "redis"])
async def test_a_result_is_not_final_while_a_store_is_away(
    closed_url: str, tables: asyncpg.Connection, stores: store.Stores, name: str
) -> None:
    await until.true(lambda: is_final(closed_url, True))
    await tables.close()
    server = getattr(stores, name)
    await server.stop()
    await until.true(lambda: is_final(closed_url, False))
    await server.start()
    await until.true(lambda: is_final(closed_url, True))


async def test_a_result_is_not_final_before_the_last_votes_can_have_come(
    stores: store.Stores, tables: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "SETTLE", 1.0)
    closes_at = now() + datetime.timedelta(seconds=0.5)
    for redis_url in (pydantic.SecretStr(stores.redis_url), None):
        configured = settings.Settings(
            database_url=pydantic.SecretStr(stores.database_url),
            redis_url=redis_url,
            poll_closes_at=closes_at,
        )
        async with served.opened(app.create_app(configured)) as url:
            await until.true(functools.partial(is_final, url, True))
        late = now() - closes_at
        assert late > datetime.timedelta(seconds=pipeline.SETTLE)
        closes_at = now() + datetime.timedelta(seconds=0.5)


def test_a_result_is_final_by_numbers_that_were_asked_for_afterwards(stores: store.Stores) -> None:
    closed = now() - datetime.timedelta(minutes=1)
    configured = settings.Settings(
        redis_url=pydantic.SecretStr(stores.redis_url), poll_closes_at=closed
    )
    service = app.ResultApp(configured)
    service.postgres.up()
    assert service.pipeline
    service.pipeline.latest = pipeline.Queue(0, 0, 0, [], None)
    service.pipeline.drained_at = closed + datetime.timedelta(seconds=10)
    for seconds, final in ((9, False), (11, True)):
        as_of = closed + datetime.timedelta(seconds=seconds)
        service.tallies.latest = tally.Tally({"a": 1, "b": 0}, as_of)
        assert service._is_final() is final


@pytest.mark.parametrize("where", [keys.VOTES, keys.claimed("w1")])
async def test_a_result_is_final_when_no_vote_is_on_its_way(
    closed_url: str, tables: asyncpg.Connection, client: redis.asyncio.Redis, where: str
) -> None:
    await client.sadd(keys.WORKERS, "w1")
    await until.true(lambda: is_final(closed_url, True))
    await client.rpush(where, b"{}")
    await until.true(lambda: is_final(closed_url, False))
    await client.delete(where)
    await until.true(lambda: is_final(closed_url, True))
    told = await listener.results(closed_url)
    assert told["title"] == "Drinks"
    assert told["options"] == [
        {"id": "a", "name": "Tea", "votes": 0},
        {"id": "b", "name": "Coffee", "votes": 0},
        {"id": "c", "name": "Water", "votes": 0},
    ]


async def test_a_final_result_has_every_vote_that_redis_was_slow_to_take(
    stores: store.Stores, tables: asyncpg.Connection
) -> None:
    """The last waits behind a push, and is then in one; both take nearly as long as they may."""
    async with (
        working.opened(stores),
        address.opened(stores.redis_url) as slow,
        pushing.opened(slow.url) as pushed,
    ):
        await pushed.queue.open()
        slow.delays[b"RPUSH"] = 0.9 * ballot.PUSH_TIMEOUT
        casting = [
            asyncio.create_task(pushed.push(ballot.Ballot(f"voter-{number}", "a", number)))
            for number in range(10)
        ]
        await until.true(lambda: pushed.queue._under_way == 10)
        casting.append(asyncio.create_task(pushed.push(ballot.Ballot("the last", "a", 1))))
        configured = settings.Settings(
            database_url=pydantic.SecretStr(stores.database_url),
            redis_url=pydantic.SecretStr(stores.redis_url),
            poll_closes_at=now(),
        )
        async with served.opened(app.create_app(configured)) as url:

            async def is_final_with_the_newest_numbers() -> bool:
                await tables.execute("NOTIFY tallies")
                return await is_final(url, True)

            await until.true(is_final_with_the_newest_numbers, pipeline.SETTLE + 10)
            assert all(each.done() for each in casting)
            await asyncio.gather(*casting)
            assert (await listener.results(url))["total"] == len(casting)


@contextlib.asynccontextmanager
async def looking(url: str, closes_at: datetime.datetime) -> AsyncIterator[pipeline.Pipeline]:
    """The pipeline of a poll, which is looked at while the block runs."""
    configured = settings.Settings(redis_url=pydantic.SecretStr(url), poll_closes_at=closes_at)
    client = redis_client.connect(configured, "result")
    await client.ping()
    state = dependency.Dependency("redis", "", metric.Metrics().registry)
    looked = pipeline.Pipeline(client, state, configured.poll())
    following = asyncio.create_task(looked.follow())
    yield looked
    await concurrency.cancel(following)
    await client.aclose()


async def test_what_is_drained_stays_so(stores: store.Stores) -> None:
    """Else numbers that were read a moment ago would not be final any more."""
    async with looking(stores.redis_url, now() - datetime.timedelta(minutes=1)) as looked:
        await until.true(lambda: looked.drained_at is not None)
        drained_at = looked.drained_at
        for _ in range(2):
            looked.latest = None
            await until.true(lambda: looked.latest is not None)
        assert looked.drained_at == drained_at


async def test_a_look_that_began_before_all_votes_can_have_come_proves_nothing(
    stores: store.Stores,
) -> None:
    takes = 0.6 * pipeline.TIMEOUT
    async with address.opened(stores.redis_url) as slow:
        slow.delays[b"EXEC"] = takes
        settled = now() + datetime.timedelta(seconds=takes / 2)  # in the midst of the first look
        closes_at = settled - datetime.timedelta(seconds=pipeline.SETTLE)
        async with looking(slow.url, closes_at) as looked:
            await until.true(lambda: looked.drained_at is not None)
            assert looked.drained_at
            assert looked.drained_at - settled > datetime.timedelta(seconds=takes)


async def test_numbers_are_as_of_before_they_were_read(
    stores: store.Stores, tables: asyncpg.Connection
) -> None:
    takes = 0.3  # seconds
    await tables.execute(
        "CREATE OR REPLACE VIEW tallies AS"
        f" SELECT 'a'::varchar(255) AS vote, 1::bigint AS voters FROM pg_sleep({takes})"
    )
    configured = settings.Settings(database_url=pydantic.SecretStr(stores.database_url))
    metrics = metric.Metrics()
    state = dependency.Dependency("postgres", "", metrics.registry)
    read: asyncio.Queue[tally.Tally] = asyncio.Queue()
    tallies = tally.Tallies(configured, configured.poll(), state, metrics)
    following = asyncio.create_task(tallies.follow(read.put))
    async with asyncio.timeout(10):
        told = await read.get()
    assert told.voters == {"a": 1, "b": 0}
    assert now() - told.as_of > datetime.timedelta(seconds=takes)
    await concurrency.cancel(following)
