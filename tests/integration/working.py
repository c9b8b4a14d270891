"""A worker in the process of the tests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pydantic

from tests import store
from worker import app, settings


@contextlib.asynccontextmanager
async def opened(stores: store.Stores, batch_size: int = 1_000) -> AsyncIterator[None]:
    """A worker, which is stopped, and has ended, with the block."""
    configured = settings.Settings(
        redis_url=pydantic.SecretStr(stores.redis_url),
        database_url=pydantic.SecretStr(stores.database_url),
        host="127.0.0.1",
        port=0,
        batch_size=batch_size,
    )
    stop = asyncio.Event()
    running = asyncio.create_task(app.run(configured, stop))
    try:
        yield
    finally:
        stop.set()
        await running
