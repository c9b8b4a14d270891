"""When a result is final: every accepted vote is in it, and it does not change."""

import datetime
import json
from collections.abc import AsyncIterator

import asyncpg
import pytest
import redis.asyncio
from pydantic import SecretStr

from common.background import background
from common.dependency import Dependency
from common.poll import GRACE, Poll
from common.queue import keys
from common.queue.message import Ballot
from common.queue.producer import ClosedError
from common.replica import Identity
from result.app import create_app
from result.audience import Audience
from result.heartbeats import Heartbeats
from result.metrics import Metrics
from result.pipeline import Pipeline
from result.settings import Settings
from result.status import Status
from result.tallies import Tallies, Tally
from tests import served, store, until
from tests.integration import listener, pushing

OWN = Identity("result", "r1", "1")
SECOND = datetime.timedelta(seconds=1)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


async def is_final(url: str) -> bool:
    status, _, text = await listener.get(url, "/api/results")
    return status == 200 and json.loads(text)["final"] is True


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
async def test_a_result_becomes_final_once_no_vote_is_on_its_way(
    client: redis.asyncio.Redis, where: str
) -> None:
    await client.sadd(keys.SESSIONS, "w1")
    await client.rpush(where, b"{}")
    closed = Poll("?", {}, now() - 60 * SECOND)
    queue = Pipeline(client, Dependency("redis", ""), closed, Heartbeats(client, OWN), Audience())
    async with background(queue.follow()):
        await until.true(lambda: queue.latest is not None)
        assert queue.drained_at is None
        await client.delete(where)
        await until.true(lambda: queue.drained_at is not None)
        first = queue.drained_at
        await client.rpush(keys.VOTES, b"{}")  # as a classic vote page would, which knows no end
        await until.true(lambda: queue.latest is not None and queue.latest.waiting > 0)
        assert queue.drained_at == first


@pytest.mark.parametrize("name", ["postgres", "redis"])
async def test_a_final_result_stays_final_while_a_store_is_unavailable(
    closed_url: str, tables: asyncpg.Connection, stores: store.Stores, name: str
) -> None:
    await until.true(lambda: is_final(closed_url))
    await tables.close()
    server = getattr(stores, name)

    async def is_ready() -> bool:
        _, _, text = await listener.get(closed_url, "/readyz")
        return "unavailable" not in text

    async def is_unready() -> bool:
        return not await is_ready()

    await server.pause()
    try:
        await until.true(is_unready)
        assert await is_final(closed_url)
    finally:
        await server.resume()
    await until.true(is_ready)
    assert await is_final(closed_url)


async def test_a_vote_after_the_grace_changes_no_final_result(
    closed_url: str, client: redis.asyncio.Redis, stores: store.Stores
) -> None:
    await until.true(lambda: is_final(closed_url))
    last_push = Poll("?", {}, now() - 60 * SECOND).last_push
    async with pushing.opened(stores.redis_url, last_push=last_push) as pushed:
        with pytest.raises(ClosedError):
            await pushed.push(Ballot("late", "a", 1))
    assert not await client.exists(keys.VOTES)
    assert await is_final(closed_url)


async def test_a_result_is_not_final_before_redis_refuses_votes(
    client: redis.asyncio.Redis,
) -> None:
    poll = Poll("?", {}, now() - GRACE + 1.5 * SECOND)
    queue = Pipeline(client, Dependency("redis", ""), poll, Heartbeats(client, OWN), Audience())
    async with background(queue.follow()):
        await until.true(lambda: queue.drained_at is not None)
    assert queue.drained_at
    assert poll.closes_at
    assert queue.drained_at > poll.closes_at + GRACE


def test_a_result_is_final_by_numbers_that_were_read_after_the_queue_was_empty(
    stores: store.Stores,
) -> None:
    closed = now() - 60 * SECOND
    settings = Settings(redis_url=SecretStr(stores.redis_url), poll_closes_at=closed)
    postgres, redis_state = Dependency("postgres", ""), Dependency("redis", "")
    tallies = Tallies(settings, settings.poll, postgres, Metrics(), Audience())
    unused = redis.asyncio.Redis()
    queue = Pipeline(unused, redis_state, settings.poll, Heartbeats(unused, OWN), Audience())
    status = Status(settings.poll, tallies, queue)
    postgres.mark_available()
    queue.drained_at = closed + 10 * SECOND
    for seconds, final in ((9, False), (11, True)):
        tallies.latest = Tally({"a": 1, "b": 0}, closed + seconds * SECOND)
        assert status.is_final is final


async def test_numbers_are_as_of_before_they_were_read(
    result_url: str, tables: asyncpg.Connection
) -> None:
    took = 0.3 * SECOND
    await tables.execute(
        "CREATE OR REPLACE VIEW poll_tallies AS"
        " SELECT ''::text AS poll, 'a'::varchar(255) AS vote, 7::bigint AS voters"
        f" FROM pg_sleep({took.total_seconds()})"
    )

    async def is_read() -> bool:
        return await listener.total(result_url) == 7

    await until.true(is_read)
    as_of = (await listener.results(result_url))["as_of"]
    assert now() - datetime.datetime.fromisoformat(as_of) > took
