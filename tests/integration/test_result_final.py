"""When a result is final: every accepted vote is in it, and it does not change."""

import datetime
import json
from collections.abc import AsyncIterator

import asyncpg
import pytest
import redis.asyncio
from pydantic import SecretStr

from common import ballot, keys
from common.background import background
from common.dependency import Dependency
from common.poll import Poll
from result import pipeline
from result.app import create_app
from result.metrics import Metrics
from result.pipeline import Pipeline, Snapshot
from result.settings import Settings
from result.status import Status
from result.tallies import Tallies, Tally
from tests import served, store, until
from tests.integration import listener

SECOND = datetime.timedelta(seconds=1)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


async def is_final(url: str) -> bool:
    status, _, text = await listener.get(url, "/api/results")
    return status == 200 and json.loads(text)["final"] is True


async def is_open(url: str) -> bool:
    return not await is_final(url)


@pytest.fixture
async def closed_url(stores: store.Stores, tables: asyncpg.Connection) -> AsyncIterator[str]:
    """The result of a poll that has been closed for a minute."""
    settings = Settings(
        database_url=SecretStr(stores.database_url),
        redis_url=SecretStr(stores.redis_url),
        poll_closes_at=now() - 60 * SECOND,
    )
    async with served.opened(create_app(settings)) as url:
        yield url


@pytest.mark.parametrize("where", [keys.VOTES, keys.claimed("w1")])
async def test_a_result_is_not_final_while_a_vote_is_on_its_way(
    closed_url: str, client: redis.asyncio.Redis, where: str
) -> None:
    await client.sadd(keys.SESSIONS, "w1")
    await until.true(lambda: is_final(closed_url))
    await client.rpush(where, b"{}")
    await until.true(lambda: is_open(closed_url))
    await client.delete(where)
    await until.true(lambda: is_final(closed_url))


@pytest.mark.parametrize("name", ["postgres", "redis"])
async def test_a_result_is_not_final_while_a_store_is_unavailable(
    closed_url: str, tables: asyncpg.Connection, stores: store.Stores, name: str
) -> None:
    await until.true(lambda: is_final(closed_url))
    await tables.close()
    server = getattr(stores, name)
    await server.pause()
    await until.true(lambda: is_open(closed_url))
    await server.resume()
    await until.true(lambda: is_final(closed_url))


async def test_a_result_is_not_final_before_the_last_vote_can_have_arrived(
    client: redis.asyncio.Redis,
) -> None:
    assert pipeline.SETTLE > 2 * ballot.PUSH_TIMEOUT  # it waits behind a push, then travels in one
    closes_at = now()
    queue = Pipeline(client, Dependency("redis", ""), Poll("?", {}, closes_at), settle=1.5)
    async with background(queue.follow()):
        await until.true(lambda: queue.drained_at is not None)
    assert queue.drained_at
    assert queue.drained_at - closes_at > 1.5 * SECOND


def test_a_result_is_final_by_numbers_that_were_read_after_the_queue_was_empty(
    stores: store.Stores,
) -> None:
    closed = now() - 60 * SECOND
    settings = Settings(redis_url=SecretStr(stores.redis_url), poll_closes_at=closed)
    postgres, redis_state = Dependency("postgres", ""), Dependency("redis", "")
    tallies = Tallies(settings, settings.poll, postgres, Metrics())
    queue = Pipeline(redis.asyncio.Redis(), redis_state, settings.poll)
    status = Status(settings.poll, tallies, queue)
    postgres.mark_available()
    queue.latest = Snapshot(0, 0, 0, [])
    queue.drained_at = closed + 10 * SECOND
    for seconds, final in ((9, False), (11, True)):
        tallies.latest = Tally({"a": 1, "b": 0}, closed + seconds * SECOND)
        assert status.is_final is final


async def test_numbers_are_as_of_before_they_were_read(
    result_url: str, tables: asyncpg.Connection
) -> None:
    took = 0.3 * SECOND
    await tables.execute(
        "CREATE OR REPLACE VIEW tallies AS SELECT 'a'::varchar(255) AS vote, 7::bigint AS voters"
        f" FROM pg_sleep({took.total_seconds()})"
    )

    async def is_read() -> bool:
        return await listener.total(result_url) == 7

    await until.true(is_read)
    as_of = (await listener.results(result_url))["as_of"]
    assert now() - datetime.datetime.fromisoformat(as_of) > took
