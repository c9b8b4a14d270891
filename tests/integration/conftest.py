"""Fixtures for the tests of one part against real stores."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import asyncpg
import pytest
import redis.asyncio
from pydantic import SecretStr

from tests import served, store

if TYPE_CHECKING:
    from tests.integration.listener import Listener
    from tests.integration.visitor import Visitor


@pytest.fixture
async def client(stores: store.Stores) -> AsyncIterator[redis.asyncio.Redis]:
    """A connection to Redis."""
    async with redis.asyncio.Redis.from_url(stores.redis_url) as connected:
        yield connected


@pytest.fixture
async def tables(stores: store.Stores) -> AsyncIterator[asyncpg.Connection]:
    """A connection to Postgres, where a worker has made the tables."""
    from worker import schema

    connection = await asyncpg.connect(stores.database_url)
    await schema.apply(connection)
    yield connection
    await connection.close()


@pytest.fixture
async def vote_url(stores: store.Stores) -> AsyncIterator[str]:
    """The URL of a vote service in this process."""
    from vote.app import create_app
    from vote.settings import Settings

    settings = Settings(redis_url=SecretStr(stores.redis_url))
    async with served.opened(create_app(settings)) as url:
        yield url


@pytest.fixture
async def result_url(stores: store.Stores, tables: asyncpg.Connection) -> AsyncIterator[str]:
    """The URL of a result service in this process."""
    from result.app import create_app
    from result.settings import Settings

    settings = Settings(
        database_url=SecretStr(stores.database_url), redis_url=SecretStr(stores.redis_url)
    )
    async with served.opened(create_app(settings)) as url:
        yield url


@pytest.fixture
async def guest(vote_url: str) -> AsyncIterator["Visitor"]:
    """Someone who opens the vote page for the first time."""
    from tests.integration import visitor

    async with visitor.opened(vote_url) as opened:
        yield opened


@pytest.fixture
async def audience(result_url: str) -> AsyncIterator["Listener"]:
    """A browser at the result page."""
    from tests.integration import listener

    async with listener.opened(result_url) as opened:
        yield opened
