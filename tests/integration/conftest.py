"""Fixtures for the tests of one part against real stores."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import redis.asyncio
from pydantic import SecretStr

import result.app
import vote.app
from result.settings import Settings as ResultSettings
from tests import served, store
from tests.integration import listener, visitor
from vote.settings import Settings as VoteSettings
from worker import schema


@pytest.fixture
async def client(stores: store.Stores) -> AsyncIterator[redis.asyncio.Redis]:
    """A connection to Redis."""
    async with redis.asyncio.Redis.from_url(stores.redis_url) as connected:
        yield connected


@pytest.fixture
async def tables(stores: store.Stores) -> AsyncIterator[asyncpg.Connection]:
    """A connection to Postgres, where a worker has created the tables."""
    connection = await asyncpg.connect(stores.database_url)
    await schema.apply(connection)
    yield connection
    await connection.close()


@pytest.fixture
async def vote_url(stores: store.Stores) -> AsyncIterator[str]:
    """The URL of a vote service in this process."""
    settings = VoteSettings(redis_url=SecretStr(stores.redis_url))
    async with served.opened(vote.app.create_app(settings)) as url:
        yield url


@pytest.fixture
async def guest(vote_url: str) -> AsyncIterator[visitor.Visitor]:
    """Someone who opens the vote page for the first time."""
    async with visitor.opened(vote_url) as opened:
        yield opened


@pytest.fixture
async def result_url(stores: store.Stores, tables: asyncpg.Connection) -> AsyncIterator[str]:
    """The URL of a result service in this process."""
    settings = ResultSettings(
        database_url=SecretStr(stores.database_url), redis_url=SecretStr(stores.redis_url)
    )
    async with served.opened(result.app.create_app(settings)) as url:
        yield url


@pytest.fixture
async def audience(result_url: str) -> AsyncIterator[listener.Listener]:
    """A browser at the result page."""
    async with listener.opened(result_url) as opened:
        yield opened


@pytest.fixture
async def wall(result_url: str) -> AsyncIterator[listener.Listener]:
    """A browser at the page /system."""
    names = (*listener.EVENTS, "system")
    async with listener.opened(result_url, names, page="system") as opened:
        yield opened
