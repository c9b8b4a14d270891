"""A worker in the process of the tests."""

import contextlib
from collections.abc import AsyncIterator

from pydantic import SecretStr

from tests import served
from tests.store import Stores
from worker.app import create_app
from worker.settings import Settings


def settings(stores: Stores) -> Settings:
    return Settings(
        redis_url=SecretStr(stores.redis_url),
        database_url=SecretStr(stores.database_url),
    )


@contextlib.asynccontextmanager
async def opened(stores: Stores, batch_size: int = 1_000) -> AsyncIterator[str]:
    """Run a worker while the block runs, and yield its URL once it is ready."""
    async with served.opened(create_app(settings(stores), batch_size=batch_size)) as url:
        yield url
